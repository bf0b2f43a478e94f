"""The command line: help that teaches, names that are nearly right, exit codes, completions, check, connectors, fetch."""
import json
import os
import pty
import shutil
import signal
import subprocess
import time

import far
import pytest
from conftest import PROGRAM, SLOW

VERBS = ["run", "check", "fetch", "connectors", "schema", "completion", "version", "help"]


def test_version(hocket):
    result = hocket("version")
    assert result.code == 0 and result.out.startswith("hocket 0.")
    assert hocket("--version").out == result.out


def test_help_names_every_verb_and_exit_code(hocket):
    result = hocket("--help")
    assert result.code == 0 and result.err == ""
    for verb in VERBS:
        assert f"\n  {verb} " in result.out
    for code in ("0", "1", "2", "3", "4", "5", "75", "78"):
        assert f"  {code} " in result.out
    assert max(map(len, result.out.splitlines())) <= 120


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb(hocket, verb):
    result = hocket(verb, "--help")
    assert result.code == 0
    assert f"Usage: hocket {verb}" in result.out and "Examples:" in result.out
    assert hocket("help", verb).out == result.out


def test_without_arguments_it_explains_itself(hocket):
    result = hocket()
    assert result.code == 2 and result.out == "" and "Verbs:" in result.err


@pytest.mark.parametrize("arguments, message", [
    (["rnu", "x.yaml"], "unknown verb 'rnu': did you mean 'run'?"),
    (["frobnicate"], "unknown verb 'frobnicate': see hocket --help"),
    (["run", "x.yaml", "--limt", "3"], "unknown flag '--limt': did you mean '--limit'?"),
    (["run", "x.yaml", "-z"], "unknown flag '-z'"),
    (["run", "x.yaml", "--limit"], "--limit needs a value"),
    (["run", "x.yaml", "--limit", "0"], "--limit '0': expected a number of 1 or more"),
    (["run", "x.yaml", "--memory=lots"], "--memory 'lots': expected a size"),
    (["run", "x.yaml", "--grace", "soon"], "--grace 'soon': expected a time"),
    (["run", "x.yaml", "--progress", "plian"], "did you mean 'plain'?"),
    (["run", "x.yaml", "--set", "novalue"], "expected KEY=VALUE"),
    (["run", "x.yaml", "--fresh=yes"], "--fresh takes no value"),
    (["run"], "usage: hocket run FILE"),
    (["run", "a.yaml", "b.yaml"], "too many arguments: 'b.yaml'"),
    (["fetch"], "expected URLs, or --from FILE"),
    (["completion", "tcsh"], "no completion for 'tcsh'"),
    (["connectors", "htp"], "did you mean 'http'?"),
])
def test_mistakes_on_the_command_line(hocket, arguments, message):
    result = hocket(*arguments)
    assert result.code == 2
    assert message in result.err


@pytest.mark.parametrize("flag", ["--dry-run", "--metrics", "--dashboard", "--log"])
def test_flags_of_later_versions(hocket, flag):
    result = hocket("run", "x.yaml", flag)
    assert result.code == 2 and f"'{flag}' is not in this version yet" in result.err


def test_verbs_of_later_versions(hocket):
    result = hocket("replay", "x")
    assert result.code == 2
    result = hocket("top", "x.yaml")
    assert result.code == 2 and "'hocket top' is not in this version yet" in result.err


def test_check_shows_the_flow_and_its_classes(hocket):
    hocket.write("pipe.yaml", "from: {jsonl: users.jsonl}\nsteps:\n  - http: https://api.example.com/\\(.id)\n    into: .a\n"
                              "    rate: 5/s per host\nto: {sqlite: users.db, table: users, key: id}\n")
    hocket.write("bad.yaml", "from: {jsnl: x}\nto: stdout\n")
    hocket.write("volatile.yaml", "from: stdin\nto: stdout\n")
    good = hocket("check", "pipe.yaml")
    assert good.code == 0, good.err
    assert "users.jsonl" in good.out and "R  replayable" in good.out and "T  transactional" in good.out
    assert "api.example.com" in good.out
    assert "10 at a time, 5 in 1s per host" in good.out
    other = hocket("check", "volatile.yaml")
    assert "V  volatile" in other.out and "A  append-only" in other.out
    both = hocket("check", "bad.yaml", "pipe.yaml")
    assert both.code == 78
    assert "did you mean 'jsonl'?" in both.err and "pipe.yaml: good" in both.out


def test_check_says_what_makes_a_call_better(hocket):
    hocket.write("pipe.yaml", "from: {jsonl: users.jsonl}\nsteps:\n  - http: POST https://api.example.com/\nto: {sqlite: o.db, table: t}\n")
    result = hocket("check", "pipe.yaml")
    assert result.code == 0, result.err
    assert "A  append-only" in result.out and "add `idempotency_key: auto`" in result.out


def test_check_says_what_state_off_means(hocket):
    hocket.write("pipe.yaml", "from: {webhook: '127.0.0.1:8080/x'}\nto: {jsonl: out.jsonl}\n")
    assert "state off" not in hocket("check", "pipe.yaml").out
    hocket.write("pipe.yaml", "from: {webhook: '127.0.0.1:8080/x'}\nto: {jsonl: out.jsonl}\nstate: off\n")
    assert "state off: what is said of going on holds within one run" in hocket("check", "pipe.yaml").out


def test_exactly_once_is_refused_before_anything_starts(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nsteps:\n  - http: POST https://127.0.0.1:9/\nto: {sqlite: o.db, table: t}\n"
                              "guarantee: exactly_once\n")
    result = hocket("run", "pipe.yaml")
    assert result.code == 78
    assert "pipe.yaml:3:5: error: 'guarantee: exactly_once' cannot be kept: 'http' is A, append-only" in result.err
    assert sorted(p.name for p in hocket.folder.iterdir()) == ["in.jsonl", "pipe.yaml"]
    hocket.write("good.yaml", "from: {jsonl: in.jsonl}\nto: {sqlite: o.db, table: t}\nguarantee: exactly_once\n")
    assert hocket("run", "good.yaml").code == 0


def test_graph(hocket):
    hocket.write("pipe.yaml", "from: {jsonl: users.jsonl}\nsteps:\n  - http: https://api.example.com/\\(.id)\n    into: .a\n"
                              "to: {sqlite: users.db, table: users, key: id}\n")
    text = hocket("graph", "pipe.yaml")
    assert text.code == 0, text.err
    assert max(map(len, text.out.splitlines())) <= 80
    assert "10 at a time, queue 100" in text.out and text.out.endswith("each record has its effect exactly once\n")
    assert hocket("graph", "pipe.yaml", "--dot").out.startswith('digraph "pipe" {')
    assert hocket("graph", "pipe.yaml", "--mermaid").out.startswith("flowchart TB\n")
    hocket.write("calls.yaml", "from: {jsonl: users.jsonl}\nto: {http: POST https://api.example.com/}\n")
    calls = hocket("graph", "calls.yaml")
    assert calls.code == 0, calls.err
    assert "\nto     http        api.example.com\n" in calls.out and calls.out.endswith("not exactly once, because of http (A)\n")
    assert "  from0 -> step0 [label=\"R, A, queue 100\"]\n" in hocket("graph", "calls.yaml", "--dot").out
    hocket.write("bad.yaml", "from: {jsnl: x}\nto: stdout\n")
    bad = hocket("graph", "bad.yaml")
    assert bad.code == 78 and "did you mean 'jsonl'?" in bad.err and bad.out == ""
    assert hocket("graph").code == 2


@pytest.mark.parametrize("text, messages", [
    ("from: people.csv\nto: stdout\n", ["'people.csv' is no source", "write {csv: people.csv}"]),
    ("from: names.txt\nto: stdout\n", ["write {lines: names.txt}"]),
    ("from: stdin\nto: people.db\n", ["write {sqlite: people.db, table: NAME}"]),
    ("from: people.parquet\nto: stdout\n", ["write {jsonl: FILE}, or another of"]),
    ("from: stdin\nto: {sqlite: people.db}\n", ["'table' is missing", "~ table to write to"]),
    ("from: stdin\nsteps:\n  - set: {note: no}\nto: stdout\n", ["a constant needs '\"no\"'"]),
    ("from: stdin\nsteps:\n  - where: id == 3\nto: stdout\n", ["a field is written .id"]),
])
def test_check_says_how_to_write_it(hocket, text, messages):
    hocket.write("pipe.yaml", text)
    result = hocket("check", "pipe.yaml")
    assert result.code == 78
    for message in messages:
        assert message in " ".join(result.err.split())


def test_schema_is_json(hocket):
    schema = json.loads(hocket("schema").out)
    assert schema["$schema"].endswith("2020-12/schema")


def test_connectors(hocket):
    listing = hocket("connectors").out
    for name in ("jsonl", "csv", "lines", "stdin", "http", "map", "set", "where", "emit", "sqlite", "stdout", "null"):
        assert f"\n  {name} " in listing
    one = hocket("connectors", "http").out
    assert "concurrency" in one and "retry" in one
    page = hocket("connectors", "--markdown").out
    assert page.count("#") > 10
    top = page[page.index("## Top level"):page.index("## from:")]
    for name in ("from", "steps", "to", "vars", "name", "dead", "memory", "order"):
        assert f"\n| `{name}` | " in top


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(hocket, shell):
    script = hocket("completion", shell).out
    for word in ("run", "fetch", "limit", "progress", "plain"):
        assert word in script
    if shutil.which(shell):
        path = hocket.write("script", script)
        assert subprocess.run([shell, "-n", path], capture_output=True).returncode == 0


def test_bash_completion_completes(hocket):
    script = hocket.write("script", hocket("completion", "bash").out)
    ask = f"source {script}; COMP_WORDS=(hocket run --pro); COMP_CWORD=2; _hocket; echo \"${{COMPREPLY[@]}}\""
    assert subprocess.run(["bash", "-c", ask], capture_output=True, text=True).stdout.split() == ["--progress"]
    ask = f"source {script}; COMP_WORDS=(hocket ch); COMP_CWORD=1; _hocket; echo \"${{COMPREPLY[@]}}\""
    assert subprocess.run(["bash", "-c", ask], capture_output=True, text=True).stdout.split() == ["check"]


def test_man_page(hocket):
    page = hocket("help", "--man").out
    assert page.startswith(".TH HOCKET 1") and ".SH EXIT STATUS" in page and "\\-\\-grace" in page
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == ""


def test_stdout_that_nobody_reads(hocket):
    done = subprocess.run(["bash", "-c", f"'{PROGRAM}' schema | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"])
    assert done.returncode in (0, 1)
    full = subprocess.run([PROGRAM, "schema"], stdout=open("/dev/full", "w"), stderr=subprocess.PIPE, text=True)
    assert full.returncode == 1 and "cannot write to stdout" in full.stderr


def test_version_starts_at_once():
    times = []
    for _ in range(20):
        started = time.monotonic()
        subprocess.run([PROGRAM, "version"], stdout=subprocess.DEVNULL, check=True)
        times.append(time.monotonic() - started)
    assert sorted(times)[10] < 0.030 * SLOW  # the process of the test included; the program's own is below 10 ms


def test_fetch(hocket):
    def answer(path, attempt):
        if path == "/text":
            return 200, {"Content-Type": "text/plain"}, b"plain text"
        if path == "/gone":
            return 410, {}, b"{}"
        return {"path": path, "attempt": attempt}

    with far.far(answer) as server:
        result = hocket("fetch", f"{server.base}/a?x=1&y=2", f"{server.base}/text", f"{server.base}/gone", "--retry", "0")
        assert result.code == 3, result.err
        first, second, third = map(json.loads, result.out.splitlines())
        assert first == {"url": f"{server.base}/a?x=1&y=2", "status": 200, "body": {"path": "/a?x=1&y=2", "attempt": 1}}
        assert second == {"url": f"{server.base}/text", "status": 200, "body": "plain text"}
        assert third["url"] == f"{server.base}/gone" and third["status"] == 410 and third["error"]["class"] == "status(410)"

        hocket.write("urls.txt", "".join(f"{server.base}/{i}\n" for i in range(100)) + "\n")
        result = hocket("fetch", "--from", "urls.txt", "--to", "out.jsonl", "--concurrency", "20", "-q")
        assert result.code == 0 and result.err == "" and result.out == ""
        assert [r["body"]["path"] for r in hocket.read_jsonl("out.jsonl")] == [f"/{i}" for i in range(100)]
        assert not (hocket.folder / ".hocket").exists()


def test_fetch_of_what_is_no_url(hocket):
    result = hocket("fetch", "example.com/x", "--retry", "0")
    assert result.code == 3
    line = json.loads(result.out)
    assert line["url"] == "example.com/x" and "http://" in line["error"]["message"]


def test_interrupted_fetch_leaves_nothing_behind(hocket, tmp_path):
    hocket.env["TMPDIR"] = str(tmp_path)
    with far.raw(far.say_nothing) as port:
        process = hocket.start("fetch", f"http://127.0.0.1:{port}/", "--progress", "json")
        for line in iter(process.stderr.readline, ""):
            if '"in_flight":1' in line:
                break
        process.send_signal(signal.SIGINT)
        while "stopping:" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        result = hocket.finish(process)
    assert result.code == 1, result.err
    assert "same command" not in result.err
    assert list(tmp_path.iterdir()) == []


def test_bar_on_a_terminal(hocket):
    """The bar draws a line for each step, is taken away at the end, and the account stands in its place."""

    def answer(path, attempt):
        time.sleep(0.05)
        return {}

    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(90)])
    with far.far(answer) as server:
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    concurrency: 3\n"
                                  "    into: .a\nto: 'null'\n")
        ours, theirs = pty.openpty()
        process = subprocess.Popen([PROGRAM, "run", "pipe.yaml"], cwd=hocket.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        seen = b""
        try:
            while chunk := os.read(ours, 65536):
                seen += chunk
        except OSError:
            pass  # the other end of a pty ends with EIO
        os.close(ours)
        assert process.wait() == 0
    text = seen.decode()
    assert "3 of 3 in flight" in text and "> http" in text and "limit: http: all 3 busy" in text
    assert "in 90 = delivered 90" in text.rpartition("\033[J")[2]
    assert "\033[1m" in text


def test_no_color(hocket):
    hocket.write("bad.yaml", "from: {jsnl: x}\n")
    ours, theirs = pty.openpty()
    for env, colored in (({}, True), ({"NO_COLOR": "1"}, False)):
        process = subprocess.Popen([PROGRAM, "check", "bad.yaml"], cwd=hocket.folder, stderr=theirs,
                                   env={**os.environ, "TERM": "xterm", **env})
        assert process.wait() == 78
        assert (b"\033[" in os.read(ours, 65536)) is colored
