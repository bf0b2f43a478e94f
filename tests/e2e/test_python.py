"""python: a function for each record, in processes that may crash, hang, leak and babble without hurting anybody else."""
import json
import os
import signal
import subprocess
import textwrap
import time

import pytest

FILE = '''
import os, signal, sys, time
from hocket_worker import Blob

def double(r):
    return {**r, "twice": 2 * r["n"]}

def odd(r):
    n = r["n"]
    if n == 1:
        print("to stdout"); print("to stderr", file=sys.stderr); os.write(1, b"straight to 1\\n")
    elif n == 2:
        os._exit(3)
    elif n == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    elif n == 4:
        while True: pass
    elif n == 5:
        os.write(int(sys.argv and 4), b"garbage, no frame at all, but long enough to be one\\n" * 2)
    elif n == 6:
        return None
    elif n == 7:
        return {"n": 7, "value": float("nan")}
    elif n == 8:
        return {"n": 8, "value": object()}
    elif n == 9:
        raise ValueError("nine\\nin two lines")
    elif n == 10:
        return {"n": 10, "value": "\\ud800"}
    elif n == 11:
        return {"n": 11, "value": 12345678901234567890123456789012345678901234567890}
    elif n == 12:
        sys.exit("enough")
    elif n == 13:
        return 13
    elif n == 14:
        raise RecursionError
    return r
'''


def pipeline(steps, to="to: {jsonl: out.jsonl}"):
    return f"from: {{jsonl: in.jsonl}}\nsteps:\n{textwrap.indent(textwrap.dedent(steps).strip(), '  ')}\n{to}\n"


def run(hocket, steps, records, *flags, file=FILE, **more):
    hocket.write("f.py", file)
    hocket.write_jsonl("in.jsonl", records)
    result = hocket.run(pipeline(steps), *flags, **more)
    hocket.out = hocket.read_jsonl("out.jsonl") if (hocket.folder / "out.jsonl").exists() else []
    return result


def letters(hocket):
    shown = hocket("dead", "export", "pipe.yaml")
    return {letter["record"]["n"]: letter for letter in map(json.loads, shown.out.splitlines())}


def classes(hocket):
    return {n: letter["class"] for n, letter in letters(hocket).items()}


def numbers(n):
    return [{"n": i} for i in range(n)]


# ---- what works ----


def test_a_dict_replaces_the_record_in_order(hocket):
    result = run(hocket, "- python: f.py:double\n  workers: 3", numbers(200))
    assert result.code == 0, result.err
    assert hocket.out == [{"n": i, "twice": 2 * i} for i in range(200)]


def test_lists_and_generators_make_children(hocket):
    file = "def kids(r):\n    for i in range(r['n']):\n        yield {'n': r['n'], 'i': i}\ndef listed(r):\n    return list(kids(r))\n"
    for name in ("kids", "listed"):
        result = run(hocket, f"- python: f.py:{name}", numbers(4), "--fresh", file=file)
        assert result.code == 0, result.err
        assert hocket.out == [{"n": n, "i": i} for n in range(4) for i in range(n)]
        assert result.balances() and result.account["spawned"] == 6


def test_into_result_and_emit_say_where_the_answer_goes(hocket):
    file = "def f(r): return [r['n'], 'x']\n"
    for option, expected in {
        "into: .a.b": [{"n": 1, "a": {"b": [1, "x"]}}],
        "result: .c = $res.body[1]": [{"n": 1, "c": "x"}],
        "emit: '$res.body[] | {v: .}'": [{"v": 1}, {"v": "x"}],
    }.items():
        result = run(hocket, f"- python: f.py:f\n  {option}", [{"n": 1}], "--fresh", file=file)
        assert result.code == 0, result.err
        assert hocket.out == expected


def test_a_generator_that_fails_midway_makes_no_child(hocket):
    file = "def kids(r):\n    yield {'i': 0}\n    if r['n'] == 1: raise KeyError('late')\n    yield {'i': 1}\n"
    result = run(hocket, "- python: f.py:kids", numbers(3), file=file)
    assert result.code == 3 and len(hocket.out) == 4
    assert classes(hocket) == {1: "worker_error"}


def test_a_class_is_made_once_a_worker(hocket):
    file = """
    import os
    class Model:
        def __init__(self):
            with open("made", "a") as f: print(os.getpid(), file=f)
            self.n = 0
        def __call__(self, r):
            self.n += 1
            return {**r, "n_of_worker": self.n}
    """
    result = run(hocket, "- python: f.py:Model\n  workers: 2", numbers(50), file=textwrap.dedent(file))
    assert result.code == 0, result.err
    assert 1 <= len((hocket.folder / "made").read_text().split()) <= 2
    assert max(r["n_of_worker"] for r in hocket.out) >= 25


def test_async_functions_are_awaited(hocket):
    file = """
    import asyncio
    async def f(r):
        await asyncio.sleep(0)
        return {"loop": id(asyncio.get_running_loop()), **r}
    async def kids(r):
        for i in range(2):
            await asyncio.sleep(0)
            yield {"i": i}
    """
    result = run(hocket, "- python: f.py:f\n  workers: 1", numbers(5), file=textwrap.dedent(file))
    assert result.code == 0, result.err
    assert len({r["loop"] for r in hocket.out}) == 1
    result = run(hocket, "- python: f.py:kids", numbers(2), "--fresh", file=textwrap.dedent(file))
    assert [r["i"] for r in hocket.out] == [0, 1, 0, 1], result.err


def test_values_of_other_kinds(hocket):
    file = """
    import datetime, pathlib, uuid
    def f(r):
        return {"day": datetime.date(2026, 1, 31), "path": pathlib.Path("a/b"), "id": uuid.UUID(int=1), "t": (1, 2), 3: True}
    """
    result = run(hocket, "- python: f.py:f", numbers(1), file=textwrap.dedent(file))
    assert result.code == 0, result.err
    assert hocket.out == [{"day": "2026-01-31", "path": "a/b", "id": "00000000-0000-0000-0000-000000000001", "t": [1, 2], "3": True}]


# ---- blobs ----


def test_blobs_of_ten_megabytes_pass_both_ways(hocket):
    file = """
    import hashlib
    from hocket_worker import Blob
    DATA = bytes(range(256)) * (10 << 12)
    def make(r): return {**r, "a": Blob(DATA, "image/png"), "b": {"c": b"small"}}
    def check(r):
        assert isinstance(r["a"], Blob) and r["a"].type == "image/png" and r["a"] == DATA, type(r["a"])
        return {**r, "bytes": len(r["a"]), "c": r["b"]["c"].decode()}       # a and b come along, untouched
    def drop(r): return {"n": r["n"], "bytes": r["bytes"], "c": r["c"], "same": hashlib.sha256(r["a"]).digest() == hashlib.sha256(DATA).digest()}
    """
    steps = "- python: f.py:make\n- python: f.py:check\n- python: f.py:drop"
    result = run(hocket, steps, numbers(5), file=textwrap.dedent(file))
    assert result.code == 0, result.err
    assert hocket.out == [{"n": n, "bytes": 10 << 20, "c": "small", "same": True} for n in range(5)]


def test_names_of_blobs_do_not_collide(hocket):
    file = """
    from hocket_worker import Blob
    def one(r): return {**r, "p": Blob(b"one", "a/b"), "q": b"two"}
    def two(r): return {**r, "p": Blob(b"new " + r["p"], "c/d"), "old": r["p"]}
    def three(r): return {"p": r["p"].decode(), "type": r["p"].type, "old": r["old"].decode(), "q": r["q"].decode()}
    """
    result = run(hocket, "- python: f.py:one\n- python: f.py:two\n- python: f.py:three", numbers(2), file=textwrap.dedent(file))
    assert result.code == 0, result.err
    assert hocket.out == [{"p": "new one", "type": "c/d", "old": "one", "q": "two"}] * 2


def test_bytes_alone_are_a_blob_and_need_a_place(hocket):
    file = "from hocket_worker import Blob\ndef f(r): return Blob(b'%PDF', 'application/pdf')\ndef g(r): return {'size': len(r['pdf'])}\n"
    result = run(hocket, "- python: f.py:f\n  into: .pdf\n- map: {n, pdf, bytes: .pdf.bytes, type: .pdf.type}\n- python: f.py:g\n  into: .g", numbers(1), file=file)
    assert result.code == 0, result.err
    assert hocket.out[0]["g"] == {"size": 4} and hocket.out[0]["type"] == "application/pdf"
    result = run(hocket, "- python: f.py:f", numbers(1), "--fresh", file=file)
    assert result.code == 3 and "into: .field" in result.err


# ---- batches ----


def test_a_batch_is_a_list(hocket):
    file = "def f(rs): return [{**r, 'of': len(rs)} for r in rs]\n"
    result = run(hocket, "- python: f.py:f\n  batch: 20\n  workers: 2\n  linger: 50ms", numbers(200), file=file)
    assert result.code == 0, result.err
    assert [r["n"] for r in hocket.out] == list(range(200))
    assert max(r["of"] for r in hocket.out) > 10


def test_a_bad_record_is_dead_alone(hocket):
    file = """
    def whole(rs):
        if any(r["n"] in (17, 60) for r in rs): raise ValueError("one of them")
        return rs
    def single(rs):
        return [ValueError(f"bad {r['n']}") if r["n"] in (17, 60) else None if r["n"] == 3 else r for r in rs]
    def short(rs):
        return [r for r in rs if r["n"] not in (17, 60)]
    """
    for name, expected in {"whole": {17: "worker_error", 60: "worker_error"},
                           "single": {3: "worker_output", 17: "worker_error", 60: "worker_error"},
                           "short": {17: "worker_output", 60: "worker_output"}}.items():
        (hocket.folder / "pipe.yaml.state").unlink(missing_ok=True)
        result = run(hocket, f"- name: {name}\n  python: f.py:{name}\n  batch: 32\n  linger: 20ms", numbers(100), "--fresh", file=textwrap.dedent(file))
        assert result.code == 3, result.err
        assert result.account["delivered"] == 100 - len(expected)
        shown = {n: c for n, c in classes(hocket).items() if letters(hocket)[n]["step"] == name}
        assert shown == expected


def test_a_crash_in_a_batch_costs_one(hocket):
    file = """
    import os, signal, time
    def f(rs):
        for r in rs:
            if r["n"] == 30: os.kill(os.getpid(), signal.SIGBUS)
            if r["n"] == 60: time.sleep(1000)
        return rs
    """
    result = run(hocket, "- python: f.py:f\n  batch: 25\n  timeout: 2s", numbers(100), file=textwrap.dedent(file))
    assert result.code == 3, result.err
    assert result.account["delivered"] == 98
    assert classes(hocket) == {30: "worker_crash(SIGBUS)", 60: "worker_timeout"}


# ---- what goes wrong ----


def test_whatever_a_function_does_it_costs_its_record(hocket):
    result = run(hocket, "- python: f.py:odd\n  workers: 2\n  timeout: 1500ms", numbers(30))
    assert result.code == 3, result.err
    assert result.balances()
    found = classes(hocket)
    assert found == {2: "worker_crash", 3: "worker_crash(SIGSEGV)", 4: "worker_timeout", 5: "worker_output", 6: "worker_output",
                     7: "worker_output", 8: "worker_output", 9: "worker_error", 10: "worker_output", 12: "worker_crash",
                     13: "bad_value", 14: "worker_error"}
    assert [r["n"] for r in hocket.out] == [n for n in range(30) if n not in found]
    assert hocket.out[[r["n"] for r in hocket.out].index(11)]["value"] == int("1234567890" * 5)


def test_a_letter_has_the_traceback(hocket):
    run(hocket, "- python: f.py:odd", [{"n": 9}])
    letter = letters(hocket)[9]
    assert letter["message"] == "ValueError: nine in two lines (f.py:27)"
    excerpt = letter["attempts"][-1]["excerpt"]
    assert 'f.py", line 27, in odd' in excerpt and 'raise ValueError("nine' in excerpt and "hocket_worker" not in excerpt


def test_a_crash_is_tried_once_more_alone(hocket):
    file = """
    import os
    def f(r):
        if not os.path.exists("again"):
            open("again", "w").close()
            os._exit(9)
        return r
    """
    result = run(hocket, "- python: f.py:f\n  workers: 1", numbers(3), file=textwrap.dedent(file))
    assert result.code == 0, result.err
    assert [r["n"] for r in hocket.out] == [0, 1, 2]


def test_memory_has_a_limit(hocket):
    file = """
    def f(r):
        if r["n"] == 2:
            hog = bytearray(4 << 30)
        return r
    """
    result = run(hocket, "- python: f.py:f\n  memory: 1GB", numbers(4), file=textwrap.dedent(file))
    assert result.code == 3, result.err
    assert classes(hocket) == {2: "worker_oom"}


def test_an_answer_has_a_ceiling(hocket):
    file = "def f(rs): return [{'n': r['n'], 'b': 'x' * (r['n'] << 20)} for r in rs]\n"
    result = run(hocket, "- python: f.py:f\n  batch: 10\n- map: {n, length: .b|length}", [{"n": n} for n in (1, 2, 70, 3)], "--memory", "2GB", file=file)
    assert result.code == 3, result.err
    assert classes(hocket) == {70: "too_large"} and [r["length"] >> 20 for r in hocket.out] == [1, 2, 3]


def test_workers_are_recycled_by_count_and_by_memory(hocket):
    file = """
    import os
    kept = []
    def f(r): return {"pid": os.getpid()}
    def leak(r):
        kept.append(bytearray(b"x") * (40 << 20))
        return {"pid": os.getpid()}
    """
    result = run(hocket, "- python: f.py:f\n  workers: 1\n  recycle: 10", numbers(40), file=textwrap.dedent(file))
    assert result.code == 0, result.err
    pids = [r["pid"] for r in hocket.out]
    assert len(set(pids)) == 4 and pids.count(pids[0]) == 10
    result = run(hocket, "- python: f.py:leak\n  workers: 1\n  recycle: {memory: 100MB}", numbers(10), "--fresh", file=textwrap.dedent(file))
    assert result.code == 0, result.err
    assert len({r["pid"] for r in hocket.out}) >= 4


def test_the_network_is_taken_away(hocket):
    file = """
    import socket, subprocess, sys
    PROGRAM = "import socket; s = socket.socket(); print('open')"
    def f(r):
        found = {}
        for name, family in (("v4", socket.AF_INET), ("v6", socket.AF_INET6), ("local", socket.AF_UNIX)):
            try:
                socket.socket(family).close()
                found[name] = "open"
            except PermissionError:
                found[name] = "closed"
        child = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
        return {**found, "child": "open" if child.stdout == "open\\n" else "closed"}
    """
    result = run(hocket, "- python: f.py:f\n  network: false", numbers(1), file=textwrap.dedent(file))
    assert result.code == 0, result.err
    assert hocket.out == [{"v4": "closed", "v6": "closed", "local": "open", "child": "closed"}]
    result = run(hocket, "- python: f.py:f", numbers(1), "--fresh", file=textwrap.dedent(file))
    assert hocket.out == [{"v4": "open", "v6": "open", "local": "open", "child": "open"}]


def test_secrets_reach_workers_by_env_only(hocket):
    file = "import os\ndef f(r): return {'env': [k for k, v in os.environ.items() if 'canary' in v]}\n"
    hocket.env["API_KEY"] = "canary-8f3a2b1c"
    result = run(hocket, "- python: f.py:f\n  env: {TOKEN: $secret.API_KEY, PLAIN: yes it is}", numbers(1), file=file)
    assert result.code == 0, result.err
    assert hocket.out == [{"env": ["TOKEN"]}]
    # what a function says of it is not in letters
    file = "import os\ndef f(r): raise ValueError('key is ' + os.environ['TOKEN'])\n"
    result = run(hocket, "- python: f.py:f\n  env: {TOKEN: $secret.API_KEY}", numbers(1), "--fresh", file=file)
    assert "canary" not in result.err and "key is ***" in result.err
    assert "canary" not in hocket("dead", "export", "pipe.yaml").out


def test_a_secret_of_any_length_is_known_by_its_name(hocket):
    file = "import os\ndef f(r): return {'env': sorted(k for k, v in os.environ.items() if v == '1234')}\n"
    hocket.env["PIN"] = "1234"
    result = run(hocket, "- python: f.py:f\n  env: {GIVEN: $secret.PIN}", numbers(1), file=file)
    assert result.code == 0, result.err
    assert hocket.out == [{"env": ["GIVEN"]}]


# ---- before the first record ----


@pytest.mark.parametrize("file, spec, words", [
    ("def f(r):\n    return (r\n", "f.py:f", ["f.py:2:12: '(' was never closed", "  2 |     return (r", "    |            ^"]),
    ("def predict(r): return r\n", "f.py:predct", ["has no function 'predct'; did you mean 'predict'?"]),
    ("import nosuchmodule\ndef f(r): return r\n", "f.py:f", ["f.py:1:1: no module named 'nosuchmodule'"]),
    ("def f(a, b): return a\n", "f.py:f", ["f.py:1:1: 'f' is called with one argument, the record"]),
    (b"def f(r): return '\xff'\n", "f.py:f", ["cannot be read"]),
    ("def f(r): return r\n", "g.py:f", ["'g.py' cannot be read: no such file"]),
])
def test_mistakes_in_the_file_are_found_before_the_first_record(hocket, file, spec, words):
    hocket.write_jsonl("in.jsonl", numbers(3))
    (hocket.folder / "f.py").write_bytes(file if isinstance(file, bytes) else file.encode())
    result = hocket.run(pipeline(f"- python: {spec}"))
    assert result.code == 1, result.err
    for word in words:
        assert word in result.err
    assert "in 3" not in result.err


def test_a_file_that_fails_when_it_is_loaded_stops_the_run(hocket):
    result = run(hocket, "- python: f.py:f", numbers(3), file="raise RuntimeError('no licence')\ndef f(r): return r\n")
    assert result.code == 1, result.err
    assert "RuntimeError: no licence" in result.err and "dead 0" in result.err


def test_an_interpreter_that_is_missing(hocket):
    result = run(hocket, "- python: f.py:double\n  interpreter: ./venv/bin/python3", numbers(3))
    assert result.code == 1 and "'./venv/bin/python3' cannot be started: no such file" in result.err


def test_check_looks_at_files_and_programs_and_executes_nothing(hocket):
    hocket.write("good.py", "open('executed', 'w')\ndef f(r): return r\n")
    hocket.write("bad.py", "def f(r):\n    return (r\n")
    hocket.write("pipe.yaml", pipeline("- python: good.py:f"))
    assert hocket("check", "pipe.yaml").code == 0
    hocket.write("pipe.yaml", pipeline("- python: good.py:f\n- python: bad.py:f\n- run: [nosuch]"))
    result = hocket("check", "pipe.yaml")
    assert result.code == 78
    assert "pipe.yaml:4: error: python 2: " in result.err and "bad.py:2:12: '(' was never closed" in result.err
    assert "pipe.yaml:5: error: run: no program 'nosuch'" in result.err
    assert not (hocket.folder / "executed").exists()


def test_what_workers_print_is_seen_by_who_asks(hocket):
    file = "import sys\ndef f(r):\n    print('loading', r['n'], '\\x1b[2J')\n    sys.stderr.write('half')\n    return r\n"
    result = run(hocket, "- python: f.py:f\n  workers: 1", numbers(2), file=file)
    assert "loading" not in result.err
    result = run(hocket, "- python: f.py:f\n  workers: 1", numbers(2), "-v", "--fresh", file=file)
    assert "python | loading 0 ?[2J\npython | halfloading 1 ?[2J\n" in result.err and "python | half\n" in result.err
    assert "python | loading 0" in hocket("try", "pipe.yaml").err


def test_try_runs_functions_here_unless_they_write(hocket):
    file = "def f(r): return {**r, 'f': 1}\ndef g(r):\n    open('written', 'w')\n    return r\n"
    hocket.write("f.py", file)
    hocket.write_jsonl("in.jsonl", numbers(2))
    hocket.write("pipe.yaml", pipeline("- python: f.py:f\n- python: f.py:g\n  writes: true"))
    result = hocket("try", "pipe.yaml", "--calls", "none", "--json")
    assert result.code == 0, result.err
    assert '"f":1' in result.out and not (hocket.folder / "written").exists()
    assert "runs f.py:f here" in result.err and "does not run f.py:g" in result.err
    assert hocket("try", "pipe.yaml", "--calls", "all").code == 0 and (hocket.folder / "written").exists()


def test_what_is_no_function_is_refused_by_check(hocket):
    hocket.write("pipe.yaml", pipeline("- python: f.py"))
    result = hocket("check", "pipe.yaml")
    assert result.code == 78 and "write file.py:function" in result.err


# ---- remembered, repeated, interrupted ----


def test_answers_are_remembered_under_the_files_text(hocket):
    file = "def f(r):\n    open('calls', 'a').write('x')\n    return {**r, 'v': 1}\n"
    steps = "- python: f.py:f\n  remember: 30d"
    calls = hocket.folder / "calls"
    assert run(hocket, steps, numbers(10), file=file).code == 0
    assert run(hocket, steps, numbers(20), "--fresh", file=file).code == 0
    assert len(calls.read_text()) == 20 and len(hocket.out) == 20
    assert run(hocket, steps, numbers(20), "--fresh", file=file.replace("'v': 1", "'v': 2")).code == 0
    assert len(calls.read_text()) == 40 and {r["v"] for r in hocket.out} == {2}


def test_remembered_blobs(hocket):
    file = "from hocket_worker import Blob\ndef f(r): return {**r, 'p': Blob(b'bytes of %d' % r['n'], 'a/b')}\ndef g(r): return {'p': r['p'].decode(), 'type': r['p'].type}\n"
    steps = "- python: f.py:f\n  remember: 30d\n- python: f.py:g"
    for _ in range(2):
        result = run(hocket, steps, numbers(3), "--fresh", file=file)
        assert result.code == 0, result.err
        assert hocket.out == [{"p": f"bytes of {n}", "type": "a/b"} for n in range(3)]


def test_a_crash_with_side_effects_is_an_unknown_outcome(hocket):
    file = "import os\ndef f(r):\n    open('sent', 'a').write(str(r['n']))\n    if r['n'] == 1: os._exit(1)\n    return r\n"
    result = run(hocket, "- python: f.py:f\n  writes: true\n  workers: 1", numbers(3), file=file)
    assert result.code == 3, result.err
    assert (hocket.folder / "sent").read_text() == "012"
    assert classes(hocket) == {1: "unknown_outcome"}
    (hocket.folder / "sent").unlink()
    result = run(hocket, "- python: f.py:f\n  idempotent: true\n  workers: 1", numbers(3), "--fresh", file=file)
    assert (hocket.folder / "sent").read_text() == "0112"


def processes_with(word):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if word.encode() in f.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def wait_until(fact, seconds=20):
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


CHILDREN = """
import os, subprocess, time
def f(r):
    for _ in range(3): subprocess.Popen(["sleep", "1000"])
    open("started", "a").write("x")
    time.sleep(1000)
"""


def test_nothing_survives_a_killed_hocket(hocket):
    hocket.write("f.py", CHILDREN)
    hocket.write_jsonl("in.jsonl", numbers(4))
    hocket.write("pipe.yaml", pipeline("- python: f.py:f\n  workers: 2\n  timeout: 1h"))
    mark = hocket.env["HOCKET_TEST_MARK"] = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    process = hocket.start("run", "pipe.yaml")
    wait_until(lambda: (hocket.folder / "started").exists() and len((hocket.folder / "started").read_text()) == 2)
    assert len(processes_with(mark)) >= 9
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_until(lambda: processes_with(mark) == [])


def test_what_a_killed_worker_started_ends_with_it(hocket):
    mark = hocket.env["HOCKET_TEST_MARK"] = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    result = run(hocket, "- python: f.py:f\n  timeout: 500ms", numbers(1), file=CHILDREN)
    assert result.code == 3 and classes(hocket) == {0: "worker_timeout"}
    assert processes_with(mark) == []


def test_kills_and_restarts_lose_nothing_and_leave_nobody(hocket):
    file = """
    import os, time
    def f(r):
        time.sleep(0.006)
        if r["n"] % 97 == 5: os._exit(1)
        if r["n"] % 97 == 6: raise ValueError("six")
        return [{"n": r["n"], "part": i} for i in range(3)]
    """
    hocket.write("f.py", textwrap.dedent(file))
    hocket.write_jsonl("in.jsonl", numbers(1000))
    hocket.write("pipe.yaml", pipeline("- python: f.py:f\n  workers: 2"))
    mark = hocket.env["HOCKET_TEST_MARK"] = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    kills = 0
    for delay in (0.15, 0.2, 0.3, 0.4, 0.5):  # of about three seconds
        process = hocket.start("run", "pipe.yaml")
        try:
            process.communicate(timeout=delay)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
        wait_until(lambda: processes_with(mark) == [])
    assert kills >= 2
    result = hocket("run", "pipe.yaml")
    assert result.code == 3, result.err
    bad = {n for n in range(1000) if n % 97 in (5, 6)}
    assert hocket.read_jsonl("out.jsonl") == [{"n": n, "part": i} for n in range(1000) if n not in bad for i in range(3)]
    assert set(letters(hocket)) == bad
    assert hocket("verify", "pipe.yaml").code == 0


def test_sigterm_lets_workers_finish(hocket):
    file = "import time\ndef f(r):\n    open('begun', 'a').write('x')\n    time.sleep(0.05)\n    return r\n"
    hocket.write("f.py", file)
    hocket.write_jsonl("in.jsonl", numbers(2000))
    hocket.write("pipe.yaml", pipeline("- python: f.py:f\n  workers: 2"))
    process = hocket.start("run", "pipe.yaml")
    wait_until(lambda: (hocket.folder / "begun").exists() and len((hocket.folder / "begun").read_text()) > 4)
    process.send_signal(signal.SIGTERM)
    result = hocket.finish(process)
    assert result.code == 75, result.err
    begun = len((hocket.folder / "begun").read_text())
    assert result.account["delivered"] == begun
    (hocket.folder / "f.py").write_text(file.replace("0.05", "0"))
    result = hocket("run", "pipe.yaml")
    assert result.code == 0, result.err
    assert len((hocket.folder / "begun").read_text()) == 2000
    assert [r["n"] for r in hocket.read_jsonl("out.jsonl")] == list(range(2000))


def test_a_blob_that_a_file_of_lines_cannot_hold_is_told_once(hocket):
    hocket.write("f.py", "from hocket_worker import Blob\n\ndef f(record):\n    return {**record, 'pdf': Blob(b'%PDF', 'application/pdf')}\n")
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(3)])
    pipe = "from: {{jsonl: in.jsonl}}\nsteps:\n  - python: f.py:f\nto: {{jsonl: out.jsonl{}}}\n"
    told = hocket.run(pipe.format(""))
    assert told.code == 0 and told.err.count("a blob's bytes do not go into a file of lines") == 1, told.err
    assert hocket.read_jsonl("out.jsonl")[0]["pdf"] == {"$blob": "pdf", "type": "application/pdf", "bytes": 4}
    assert "blob's bytes" not in hocket.run(pipe.format(", fields: [id]"), "--fresh").err
