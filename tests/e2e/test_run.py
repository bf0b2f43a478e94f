"""run: any program for each record: lines of JSON, frames, or a process for each."""
import json
import os
import pathlib
import shutil
import subprocess
import textwrap
import time

import pytest
from conftest import PROGRAM
from test_python import classes, letters, numbers, pipeline, processes_with

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

LINES = """
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    print(json.dumps([{**x, "of": len(r)} for x in r] if isinstance(r, list) else {**r, "seen": True}), flush=True)
"""


def run(hocket, steps, records, *flags, files=None, **more):
    for name, text in {"lines.py": LINES, **(files or {})}.items():
        hocket.write(name, textwrap.dedent(text)).chmod(0o755)
    hocket.write_jsonl("in.jsonl", records)
    result = hocket.run(pipeline(steps), *flags, **more)
    hocket.out = hocket.read_jsonl("out.jsonl") if (hocket.folder / "out.jsonl").exists() else []
    return result


# ---- lines ----


def test_a_line_for_a_line_in_order(hocket):
    result = run(hocket, "- run: [python3, lines.py]\n  workers: 3", numbers(300))
    assert result.code == 0, result.err
    assert hocket.out == [{"n": i, "seen": True} for i in range(300)]


def test_a_batch_is_a_list_on_a_line(hocket):
    result = run(hocket, "- run: [python3, lines.py]\n  batch: 10\n  linger: 50ms", numbers(100))
    assert result.code == 0, result.err
    assert [r["n"] for r in hocket.out] == list(range(100)) and max(r["of"] for r in hocket.out) == 10


def test_programs_that_were_there_before_us(hocket):
    result = run(hocket, "- run: [jq, -c, --unbuffered, '{n, sq: (.n * .n)}']\n- run: [sed, -u, 's/sq/square/']\n- run: [./shell.sh]",
                 numbers(50), files={"shell.sh": "#!/bin/sh\nwhile read -r line; do echo \"{\\\"shell\\\":$line}\"; done\n"})
    assert result.code == 0, result.err
    assert hocket.out == [{"shell": {"n": i, "square": i * i}} for i in range(50)]


@pytest.mark.skipif(not shutil.which("node"), reason="no node here")
def test_node(hocket):
    program = """
    const lines = require('readline').createInterface({input: process.stdin});
    lines.on('line', line => console.log(JSON.stringify({...JSON.parse(line), node: true})));
    """
    result = run(hocket, "- run: [node, lines.js]", numbers(20), files={"lines.js": program})
    assert result.code == 0, result.err
    assert hocket.out == [{"n": i, "node": True} for i in range(20)]


def test_lines_longer_than_a_pipe_go_through_a_program_that_copies(hocket):
    records = [{"n": i, "text": "x" * (1 << 20) * i} for i in range(4)]
    result = run(hocket, "- run: [cat]\n  workers: 1\n  timeout: 20s", records)
    assert result.code == 0, result.err
    assert hocket.out == records


def test_blobs_stay_while_lines_pass(hocket):
    file = "from hocket_worker import Blob\ndef f(r): return {**r, 'b': Blob(b'\\x00' * 1000)}\ndef g(r): return {'n': r['n'], 'bytes': len(r['b'])}\n"
    result = run(hocket, "- python: f.py:f\n- run: [python3, lines.py]\n- python: f.py:g", numbers(3), files={"f.py": file})
    assert result.code == 0, result.err
    assert hocket.out == [{"n": n, "bytes": 1000} for n in range(3)]


def test_what_a_line_may_not_be(hocket):
    program = """
    import json, os, sys, time
    for line in sys.stdin:
        n = json.loads(line)["n"]
        if n == 1: print("no JSON")
        elif n == 2: sys.exit(3)
        elif n == 3: os.abort()
        elif n == 4: time.sleep(1000)
        elif n == 5: sys.stdout.write("{}\\n{}\\n")
        elif n == 6: print("7")
        elif n == 7: print('{"n": 7, "to": "stdout and"}'); print("to stderr", file=sys.stderr)
        elif n == 8: print("good bye", file=sys.stderr); os._exit(0)
        else: print(line, end="")
        sys.stdout.flush()
    """
    result = run(hocket, "- run: [python3, odd.py]\n  workers: 2\n  timeout: 1500ms", numbers(20), files={"odd.py": program})
    assert result.code == 3, result.err
    assert result.balances()
    assert classes(hocket) == {1: "invalid_json", 2: "worker_crash", 3: "worker_crash(SIGABRT)", 4: "worker_timeout",
                               5: "worker_output", 6: "bad_value", 8: "worker_crash"}
    assert "good bye" in letters(hocket)[8]["message"]
    assert "flush" in letters(hocket)[4]["message"] and "protocol: once" in letters(hocket)[4]["message"]
    assert [r["n"] for r in hocket.out] == [0, 7, *range(9, 20)]


def test_a_line_too_many_is_nobodys_answer(hocket):
    """It says a second line a moment after its third answer, before it listens again: the next record must not get that."""
    program = """
    import json, sys, time
    for i, line in enumerate(sys.stdin):
        print(line, end="", flush=True)
        if i == 2:
            time.sleep(0.05)
            print('{"n": "of nobody"}', flush=True)
            time.sleep(0.2)
    """
    result = run(hocket, "- run: [python3, odd.py]\n  workers: 1", numbers(10), files={"odd.py": program})
    assert result.code == 0, result.err
    assert hocket.out == numbers(10)


# ---- once ----


def test_once_from_bytes_to_bytes(hocket):
    steps = """
    - run: [tr, a-z, A-Z]
      protocol: once
      data: .text
      as: text
      into: .upper
    - run: [gzip, -c]
      protocol: once
      data: .text
      as: blob
      into: .packed
    - run: [gzip, -dc]
      protocol: once
      data: .packed
      as: text
      into: .back
    - map: {n, upper, back, type: .packed.type}
    """
    result = run(hocket, steps, [{"n": i, "text": f"some text é {i}"} for i in range(20)])
    assert result.code == 0, result.err
    assert hocket.out == [{"n": i, "upper": f"SOME TEXT é {i}", "back": f"some text é {i}", "type": "application/octet-stream"} for i in range(20)]


def test_once_gets_the_record_and_answers_with_it(hocket):
    result = run(hocket, "- run: [jq, -c, '{n, half: (.n / 2)}']\n  protocol: once\n  workers: 4", numbers(20))
    assert result.code == 0, result.err
    assert hocket.out == [{"n": i, "half": i / 2 if i % 2 else i // 2} for i in range(20)]


def test_a_status_is_a_failure_unless_accept_knows_better(hocket):
    program = "#!/bin/sh\nread -r line\necho \"about $line\" >&2\necho '{\"out\":1}'\ncase $line in *1*) exit 1;; *2*) exit 2;; esac\n"
    steps = "- run: [./p.sh]\n  protocol: once\n  into: .p"
    result = run(hocket, steps, numbers(4), files={"p.sh": program})
    assert result.code == 3, result.err
    assert classes(hocket) == {1: "worker_error", 2: "worker_error"}
    assert letters(hocket)[2]["message"] == 'exited with status 2: about {"n": 2}'
    assert letters(hocket)[2]["attempts"][0]["excerpt"] == 'about {"n": 2}'
    result = run(hocket, steps + "\n  accept: $res.status < 2\n  result: .status = $res.status", numbers(4), "--fresh", files={"p.sh": program})
    assert [r["n"] for r in hocket.out] == [0, 1, 3], result.err
    assert [r["status"] for r in hocket.out] == [0, 1, 0]


def test_what_it_prints_is_seen_by_who_asks(hocket):
    steps = "- run: [sh, -c, 'echo one >&2; echo two >&2; cat']\n  protocol: once"
    assert "one" not in run(hocket, steps, numbers(1)).err
    assert "run | one\nrun | two\n" in run(hocket, steps, numbers(1), "-v", "--fresh").err


def test_once_is_killed_with_all_that_it_started(hocket):
    program = "#!/bin/sh\nsleep 1000 &\nsleep 1000 &\nsetsid sleep 0.1\nkill -SEGV $$ || true\nwait\n"
    mark = hocket.env["HOCKET_TEST_MARK"] = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    result = run(hocket, "- run: [sh, -c, 'sleep 1000 & sleep 1000 & wait']\n  protocol: once\n  timeout: 500ms\n  retry: 0", numbers(1))
    assert classes(hocket) == {0: "worker_timeout"}, result.err
    assert processes_with(mark) == []
    result = run(hocket, "- run: [./p.sh]\n  protocol: once", numbers(1), "--fresh", files={"p.sh": program})
    assert "worker_crash(SIGSEGV)" in {letter["class"] for letter in map(json.loads, hocket("dead", "export", "pipe.yaml").out.splitlines())}
    assert processes_with(mark) == []


# ---- frames ----


def test_frames_with_our_helper_beside_the_program(hocket):
    shutil.copy(ROOT / "src/connectors/workers/hocket_worker.py", hocket.folder)
    program = """
    import hocket_worker
    def f(record):
        if record["n"] == 2: raise ValueError("two")
        return {"n": record["n"], "thumb": hocket_worker.Blob(record["image"][::-1], "image/png")} if "image" in record else record
    hocket_worker.serve(f)
    """
    file = "def make(r): return {**r, 'image': b'abc'}\ndef look(r): return {'n': r['n'], 'thumb': r['thumb'].decode(), 'type': r['thumb'].type}\n"
    steps = "- python: f.py:make\n- run: [python3, w.py]\n  protocol: frames\n- python: f.py:look"
    result = run(hocket, steps, numbers(4), files={"w.py": program, "f.py": file})
    assert result.code == 3, result.err
    assert hocket.out == [{"n": n, "thumb": "cba", "type": "image/png"} for n in (0, 1, 3)]
    assert classes(hocket) == {2: "worker_error"}


C_WORKER = r"""
#include <hocket/process_pool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* parts[1] is the record's text, behind it are its blobs. */
static int length(const struct hk_part *parts, size_t n, void **ret, size_t *ret_n, char why[512], void *arg)
{
	char text[100];
	(void)arg;
	if (strstr((const char *)parts[1].bytes, "13"))
		return snprintf(why, 512, "thirteen") * 0 - 1;
	puts("printed");
	*ret_n = (size_t)snprintf(text, sizeof text, "{\"length\":%zu,\"parts\":%zu}", parts[1].n, n);
	*ret = strdup(text);
	return 0;
}
int main(void)
{
	return hk_worker_run(length, NULL);
}
"""


def test_a_worker_in_c(hocket):
    library = pathlib.Path(PROGRAM).parent / "src/libhocket.so"
    if not library.exists() or "__asan_init" in subprocess.run(["nm", "-D", library], capture_output=True, text=True).stdout:
        pytest.skip("no plain library was built")
    hocket.write("w.c", C_WORKER)
    subprocess.run(["cc", "-o", "w", "w.c", f"-I{ROOT}/include", library, f"-Wl,-rpath,{library.parent}"], cwd=hocket.folder, check=True)
    result = run(hocket, "- run: [./w]\n  protocol: frames", numbers(20))
    assert result.code == 3, result.err
    assert hocket.out == [{"length": len(json.dumps({"n": i})), "parts": 2} for i in range(20) if i != 13]
    assert letters(hocket)[13]["message"] == "thirteen" and classes(hocket) == {13: "worker_error"}


FRAMES = """
import os, struct, sys
fd = [int(x) for x in os.environ["HOCKET_WORKER"].split(",")]
HEAD = struct.Struct("<3sBHHIIQ")
def send(kind, call, parts):
    lengths = struct.pack(f"<{len(parts)}Q", *map(len, parts))
    data = HEAD.pack(b"HKW", 1, kind, 0, call, len(parts), len(lengths) + sum(map(len, parts))) + lengths + b"".join(parts)
    while data: data = data[os.write(fd[1], data):]
def read(n):
    data = b""
    while len(data) < n:
        more = os.read(fd[0], n - len(data))
        if not more: sys.exit(0)
        data += more
    return data
send(1, 0, [])
while True:
    _, _, _, _, call, n, _ = HEAD.unpack(read(HEAD.size))
    parts = [read(length) for length in struct.unpack(f"<{n}Q", read(8 * n))]
    send(*answer(call, parts))
"""


@pytest.mark.parametrize("answer, expected", [
    ("(3, call, [b'{\"records\":[{}]}', b'{\"ok\": true}'])", None),
    ("(3, call, [b'{\"records\":[{\"text\":true}]}', b'words'])", "bad_value"),
    ("(3, call, [b'{\"records\":[{}]}'])", "worker_output"),
    ("(3, call, [b'{\"records\":[{},{}]}', b'{}', b'{}'])", "worker_output"),
    ("(3, call, [b'{\"records\":[{}]}', b'{nope'])", "worker_output"),
    ("(3, call, [b'{\"records\":[{\"blobs\":[\"x\"]}]}', b'{}'])", "worker_output"),
    ("(3, call, [b'{\"records\":[{\"blobs\":[7]}]}', b'{}', b'x'])", "worker_output"),
    ("(3, call, [b'{\"records\":[{\"blobs\":7}]}', b'{}', b'x'])", "worker_output"),
    ("(3, call, [b'{\"records\":[7]}', b'{}'])", "worker_output"),
    ("(3, call, [b'{\"ok\": true}'])", None),
    ("(3, call, [b'[]'])", "none"),
    ("(3, call, [b'[{\"ok\": 1'])", "worker_output"),
    ("(3, call, [b'{\"records\":{}}'])", "worker_output"),
    ("(3, call, [])", "worker_output"),
    ("(3, call, [b'{\"records\":[{\"error\":\"it is late\"}]}'])", "worker_error"),
    ("(3, call, [b'{\"records\":[{\"error\":\"full\",\"class\":\"oom\"}]}'])", "worker_oom"),
    ("(3, call, [b'{\"whole\":{\"error\":\"all\"}}'])", "worker_error"),
    ("(4, call, [b'an ERROR frame'])", "worker_error"),
    ("(3, call + 1, [b'{\"records\":[{}]}', b'{}'])", "worker_output"),
    ("(7, call, [])", "worker_output"),
])
def test_nothing_that_a_worker_says_is_believed(hocket, answer, expected):
    program = f"def answer(call, parts): return {answer}\n{FRAMES}"
    result = run(hocket, "- run: [python3, w.py]\n  protocol: frames", numbers(1), files={"w.py": program})
    if expected == "none":  # an empty list has no children
        assert result.code == 0 and hocket.out == [] and result.account["filtered"] == 1
    elif expected:
        assert classes(hocket) == {0: expected}, result.err
    else:
        assert hocket.out == [{"ok": True}], result.err


# ---- before the first record ----


@pytest.mark.parametrize("steps, code, words", [
    ("- run: python3 lines.py --fast", 78, "no shell reads it: [python3, lines.py, --fast]"),
    ("- run: [./score, '\\(.id)']", 78, ""),
    ("- run: [nosuchprogram]", 1, "no program 'nosuchprogram' in PATH"),
    ("- run: [./nosuch]", 1, "there is no program './nosuch'"),
    ("- run: [./plain.txt]", 1, "'./plain.txt' cannot be executed: chmod +x, or name its interpreter"),
    ("- run: [wc]\n  protocol: once\n  recycle: 100", 78, "each process has one record"),
    ("- run: [wc]\n  protocol: once\n  batch: 10", 1, "no `batch`"),
    ("- run: [wc]\n  protocol: frames\n  data: .x", 78, "it gets the record"),
    ("- run: [wc]\n  concurrency: 4", 78, "concurrency"),
])
def test_mistakes(hocket, steps, code, words):
    hocket.write("plain.txt", "x")
    result = run(hocket, steps, numbers(1))
    assert result.code == code and words in result.err, result.err


# ---- remembered ----


def test_a_script_that_changes_is_another_one(hocket):
    program = "#!/bin/sh\nread -r line\necho x >>calls\necho '{\"v\":1}'\n"
    steps = "- run: [./p.sh]\n  protocol: once\n  remember: 30d\n  into: .p"
    for text, expected in ((program, 5), (program, 5), (program.replace("1}", "2}"), 10)):
        result = run(hocket, steps, numbers(5), "--fresh", files={"p.sh": text})
        assert result.code == 0, result.err
        assert (hocket.folder / "calls").read_text().count("x") == expected
    assert {r["p"]["v"] for r in hocket.out} == {2}
