"""Memory stays bounded: large answers wait for their place, what waits behind the head of the order goes to files."""
import gzip
import json
import os
import sqlite3
import subprocess
import threading
import time

import conftest
import far
import smtp

MB = 1 << 20


def holds_freed_memory():
    """ASan keeps what was freed for a while: the process's own peak says nothing then."""
    with open(conftest.PROGRAM, "rb") as program:
        return b"__asan_init" in program.read()


def peak(pid, most):
    """Watches VmHWM until the process is gone."""
    try:
        while True:
            status = open(f"/proc/{pid}/status").read()
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    most[0] = max(most[0], int(line.split()[1]) * 1024)
            time.sleep(0.02)
    except OSError:
        pass


def run_watched(hocket, text, *flags, timeout=120):
    hocket.write("pipe.yaml", text)
    process = hocket.start("run", "pipe.yaml", "--summary", "json", *flags)
    most = [0]
    watch = threading.Thread(target=peak, args=(process.pid, most))
    watch.start()
    result = hocket.finish(process, timeout)
    watch.join()
    return result, most[0]


def body(i):
    return json.dumps({"i": i, "fill": "x" * (MB - 100)}).encode()


def test_large_answers_stay_within_the_budget(hocket):
    """200 at once would be 200 MB. The first one is slow, so that all others wait behind it: on disk."""
    first = threading.Event()

    def answer(path, attempt):
        i = int(path[1:])
        if i == 0:
            first.wait(20)
        elif i > 200:
            first.set()
        return (200, {}, body(i))

    with far.far(answer) as api:
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(400)])
        result, rss = run_watched(hocket, f"""
from: {{jsonl: in.jsonl}}
memory: 32MB
steps:
  - http: {api.base}/\\(.id)
    concurrency: 200
    into: .answer
to: {{jsonl: out.jsonl}}
""")
        assert result.code == 0, result.err
        assert len(api.asked) == 400 and set(api.asked.values()) == {1}
    with (hocket.folder / "out.jsonl").open() as lines:
        for i, line in enumerate(lines):
            record = json.loads(line)
            assert record["id"] == record["answer"]["i"] == i and len(record["answer"]["fill"]) == MB - 100
    assert i == 399
    assert result.summary["peak_bytes"] < 34 * MB
    assert result.summary["spilled_bytes"] > 50 * MB
    assert rss < 92 * MB or holds_freed_memory(), rss
    assert sorted(os.listdir(hocket.folder / ".hocket")) == ["pipe.db", "pipe.db.lock"]  # the files have no names


def test_an_answer_that_jq_cannot_hold_is_dead(hocket):
    sizes = {"/0": 10, "/1": 3 * MB // 2, "/2": 10}
    with far.far(lambda path, attempt: {"fill": "x" * sizes[path]}) as api:
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(3)])
        result = hocket.run(f"""
from: {{jsonl: in.jsonl}}
memory: 16MB
steps:
  - http: {api.base}/\\(.id)
    into: .answer
to: {{jsonl: out.jsonl}}
""")
        assert result.code == 3, result.err
        assert "larger than 1 MB, a sixteenth of `memory`" in result.err, result.err
        assert api.asked["/1"] == 1
    assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == [0, 2]


def test_packed_answers_grow_until_they_are_read(hocket):
    """What comes out of gzip says no length: 60 of nearly a megabyte, the most that jq reads in 16 MB, all at once."""
    fill = os.urandom(520000).hex()
    packed = gzip.compress(json.dumps({"fill": fill}).encode())
    with far.far(lambda path, attempt: (200, {"Content-Encoding": "gzip"}, packed)) as api:
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(60)])
        result, rss = run_watched(hocket, f"""
from: {{jsonl: in.jsonl}}
memory: 16MB
steps:
  - http: {api.base}/\\(.id)
    concurrency: 60
    into: .answer
to: {{jsonl: out.jsonl}}
""")
        assert result.code == 0, result.err
        assert set(api.asked.values()) == {1}
    records = hocket.read_jsonl("out.jsonl")
    assert [r["id"] for r in records] == list(range(60))
    assert all(r["answer"]["fill"] == fill for r in records)
    assert result.summary["peak_bytes"] < 20 * MB
    assert rss < 76 * MB or holds_freed_memory(), rss


def test_blobs_that_wait_for_a_server_that_is_away_stay_within_the_budget(hocket):
    """60 PDFs of 3 MB, and a mail server that takes nobody at first: the mails that wait for it hold back what would fetch more."""
    pdf, tries = os.urandom(3 * MB), []

    def judge(session, stage, words):
        tries.extend([1] * (stage == "connect"))
        return "421 4.3.2 later" if stage == "connect" and len(tries) < 5 else None

    with far.far(lambda path, attempt: (200, {"Content-Type": "application/pdf"}, pdf)) as api, smtp.server(judge) as mails:
        hocket.write_jsonl("in.jsonl", [{"id": i, "email": f"reader{i}@example.org"} for i in range(60)])
        result, rss = run_watched(hocket, f"""
from: {{jsonl: in.jsonl}}
memory: 64MB
steps:
  - http: {api.base}/\\(.id)
    as: blob
    into: .pdf
  - smtp: {mails.url}
    starttls: never
    from: me@example.org
    to: .email
    subject: Yours
    text: '"Hello"'
    attach: .pdf
    into: .sent
to: {{jsonl: out.jsonl, fields: [id]}}
""")
        assert result.code == 0, result.err
        assert len(mails.mails) == 60 and set(api.asked.values()) == {1}
    assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == list(range(60))
    assert result.summary["peak_bytes"] < 88 * MB, result.summary["peak_bytes"]
    assert rss < 96 * MB or holds_freed_memory(), rss


def test_a_disk_that_is_full_ends_the_run_and_the_next_goes_on(hocket):
    """No file may get larger than 2 MB: the state fits, what memory has no room for does not."""
    wait = threading.Event()

    def answer(path, attempt):
        if path == "/0":
            wait.wait(20)
        return (200, {}, json.dumps({"fill": "y" * 900000}).encode())

    with far.far(answer) as api:
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(60)])
        hocket.write("pipe.yaml", f"""
from: {{jsonl: in.jsonl}}
memory: 16MB
steps:
  - http: {api.base}/\\(.id)
    concurrency: 20
    into: .answer
to: {{sqlite: out.db, table: t}}
""")
        limited = subprocess.run(["/bin/sh", "-c", f"ulimit -f 4096; exec {conftest.PROGRAM} run pipe.yaml"], cwd=hocket.folder,
                                 env=hocket.env, text=True, capture_output=True, timeout=60 * conftest.SLOW)
        assert limited.returncode == 1, limited.stderr
        assert "cannot write what memory has no room for" in limited.stderr, limited.stderr
        wait.set()
        result = hocket("run", "pipe.yaml")
        assert result.code == 0, result.err
    rows = sqlite3.connect(hocket.folder / "out.db").execute("SELECT id, length(answer) FROM t ORDER BY id").fetchall()
    assert rows == [(i, 900000 + len('{"fill":""}')) for i in range(60)]
