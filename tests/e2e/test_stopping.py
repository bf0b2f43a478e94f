"""Ctrl-C: what is in flight is finished, what is left is said, the same command goes on."""
import os
import signal
import sqlite3
import time

import far

TEXT = """from: {{jsonl: in.jsonl}}
steps:
  - http: {base}/\\(.id)
    concurrency: 5
    into: .a
to: {{sqlite: out.db, table: t, key: id}}
"""


def slow(path, attempt):
    time.sleep(0.2)
    return {"path": path}


def rows(hocket):
    return sqlite3.connect(hocket.folder / "out.db").execute("SELECT id FROM t ORDER BY id").fetchall()


def test_interrupt_drains_and_the_next_run_goes_on(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(60)])
    with far.far(slow) as server:
        hocket.write("pipe.yaml", TEXT.format(base=server.base))
        process = hocket.start("run", "pipe.yaml")
        server.wait_for(12)
        process.send_signal(signal.SIGINT)
        result = hocket.finish(process)
        assert result.code == 75, result.err
        assert "stopping:" in result.err and "in flight, up to 25s; again to stop at once" in result.err
        assert "stopped early" in result.err and "same command" in result.err
        assert result.balances()
        done = [row[0] for row in rows(hocket)]
        assert done == list(range(len(done))) and len(done) == result.account["delivered"]
        asked = dict(server.asked)
        assert set(f"/{i}" for i in done) <= set(asked)  # nothing delivered that was not asked for

        result = hocket("run", "pipe.yaml")
        assert result.code == 0, result.err
        assert "going on with run" in result.err
        assert result.account == {"in": 60, "delivered": 60, "filtered": 0, "duplicate": 0, "dead": 0}
        assert rows(hocket) == [(i,) for i in range(60)]
        again = [path for path, n in server.asked.items() if n > 1]
        assert not set(again) & set(f"/{i}" for i in done), "work that was delivered was done again"


def test_terminate_means_the_same(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(60)])
    with far.far(slow) as server:
        hocket.write("pipe.yaml", TEXT.format(base=server.base))
        process = hocket.start("run", "pipe.yaml", "--summary", "json")
        server.wait_for(7)
        process.send_signal(signal.SIGTERM)
        result = hocket.finish(process)
    assert result.code == 75, result.err
    assert result.summary["end"] == "stopped_early" and result.summary["exit"] == 75


def test_second_interrupt_stops_at_once(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(20)])
    with far.raw(far.say_nothing) as port:
        hocket.write("pipe.yaml", TEXT.format(base=f"http://127.0.0.1:{port}"))
        process = hocket.start("run", "pipe.yaml")
        for line in iter(process.stderr.readline, ""):  # the first plain progress line: five are in flight
            if "5 of 5 in flight" in line:
                break
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        line = process.stderr.readline()
        assert "stopping: 5 in flight" in line
        process.send_signal(signal.SIGINT)
        result = hocket.finish(process)
    assert time.monotonic() - started < 10
    assert result.code == 75, result.err
    assert "stopping at once" in result.err


def test_grace_runs_out(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(20)])
    with far.raw(far.say_nothing) as port:
        hocket.write("pipe.yaml", TEXT.format(base=f"http://127.0.0.1:{port}"))
        process = hocket.start("run", "pipe.yaml", "--grace", "300ms")
        for line in iter(process.stderr.readline, ""):
            if "5 of 5 in flight" in line:
                break
        process.send_signal(signal.SIGINT)
        result = hocket.finish(process, timeout=15)
    assert result.code == 75, result.err
    assert "up to 300ms" in result.err


def test_interrupted_stdin_is_a_failure(hocket):
    reader, writer = os.pipe()
    hocket.write("pipe.yaml", "from: stdin\nto: stdout\n")
    process = hocket.start("run", "pipe.yaml", stdin=reader)
    os.close(reader)
    os.write(writer, b'{"id": 1}\n')
    assert process.stdout.readline() == '{"id": 1}\n'
    process.send_signal(signal.SIGINT)
    result = hocket.finish(process)
    os.close(writer)
    assert result.code == 1, result.err


def test_two_runs_on_one_state_are_refused(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(20)])
    with far.far(slow) as server:
        hocket.write("pipe.yaml", TEXT.format(base=server.base))
        first = hocket.start("run", "pipe.yaml")
        server.wait_for(1)
        second = hocket("run", "pipe.yaml")
        assert second.code == 1
        assert "pipe.db" in second.err or "another run" in second.err
        assert hocket.finish(first).code == 0


def test_nothing_new(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(5)])
    text = "from: {jsonl: in.jsonl}\nto: {sqlite: out.db, table: t, key: id}\n"
    assert hocket.run(text).code == 0
    result = hocket.run(text)
    assert result.code == 0
    assert "nothing new" in result.err and "--fresh" in result.err
    result = hocket.run(text, "-v", "--summary", "json")
    assert result.code == 0 and result.summary["end"] == "nothing_new", result.err
    with open(hocket.folder / "in.jsonl", "a") as f:
        f.write('{"id": 5}\n')
    result = hocket.run(text)
    assert result.code == 0, result.err
    assert rows(hocket) == [(i,) for i in range(6)]
