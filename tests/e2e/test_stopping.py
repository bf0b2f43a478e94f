"""Ctrl-C: what is in flight is finished, what is left is said, the same command goes on."""
import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import threading
import time

import far
from conftest import SLOW

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


def test_limit_finishes_the_outputs(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(50)])
    result = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: out.jsonl}\n", "--limit", "7", "--summary", "json")
    assert result.code == 0, result.err
    assert hocket.read_jsonl("out.jsonl") == [{"id": i} for i in range(7)]
    assert result.summary["end"] == "limited" and result.summary["exit"] == 0 and result.summary["left"] == 0
    assert "ended as --limit says" in result.err
    assert hocket("run", "pipe.yaml").code == 0
    assert hocket.read_jsonl("out.jsonl") == [{"id": i} for i in range(50)]


def test_limit_after_limit_reads_on(hocket):
    """Three parts, no record in two of them: the table has no key that could hide a double row."""
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(50)])
    text = "from: {jsonl: in.jsonl}\nto:\n  - {sqlite: out.db, table: t}\n  - {jsonl: out.jsonl}\n"
    for limit, there in (("7", 7), ("20", 27), ("100", 50)):
        result = hocket.run(text, "--limit", limit, "--summary", "json")
        assert result.code == 0, result.err
        assert rows(hocket) == [(i,) for i in range(there)]
        assert hocket.read_jsonl("out.jsonl") == [{"id": i} for i in range(there)]
    assert result.summary["end"] == "finished"


def test_until_after_until_asks_for_nothing_twice(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(60)])
    with far.far(slow) as server:
        text = TEXT.format(base=server.base).replace(", key: id", "")
        ends = []
        while "finished" not in ends and len(ends) < 20:
            result = hocket.run(text, "--until", "800ms", "--summary", "json")
            assert result.code == 0, result.err
            ends.append(result.summary["end"])
        assert rows(hocket) == [(i,) for i in range(60)]
        assert set(server.asked.values()) == {1} and len(server.asked) == 60
        assert len(ends) > 2


def test_limit_with_dead_letters(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(50)])
    result = hocket.run("from: {jsonl: in.jsonl}\nsteps: [map: '{id, half: (60 / (.id - 3))}']\nto: stdout\n", "--limit", "7")
    assert result.code == 3, result.err
    assert len(result.out.splitlines()) == 6


def test_until_drains(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(400)])
    with far.far(slow) as server:
        started = time.monotonic()
        result = hocket.run(TEXT.format(base=server.base), "--until", "1s", "--summary", "json")
        took = time.monotonic() - started
    assert result.code == 0, result.err
    assert 1 <= took < 5 * SLOW
    assert "the time is up: 5 in flight, up to 25s; Ctrl-C to stop at once" in result.err
    assert "ended as --until says" in result.err
    done = [row[0] for row in rows(hocket)]
    assert done == list(range(sum(server.asked.values()))), "what was asked for is there, all of it"
    assert result.summary["end"] == "limited" and result.summary["left"] == result.summary["in"] - len(done)


def test_until_a_time_of_the_day(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(400)])
    with far.far(slow) as server:
        at = time.strftime("%H:%M:%S", time.localtime(time.time() + 2))
        started = time.monotonic()
        result = hocket.run(TEXT.format(base=server.base), "--until", at)
    assert result.code == 0, result.err
    assert 0.5 < time.monotonic() - started < 6 * SLOW


def test_until_of_a_run_that_is_done_before(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(4)])
    result = hocket.run("from: {jsonl: in.jsonl}\nto: stdout\n", "--until", "1h", "--summary", "json")
    assert result.code == 0 and result.summary["end"] == "finished"


def bad_from_10(path, attempt):
    return (404, {}, b"no") if int(path[1:]) >= 10 else {"path": path}


def test_fail_fast(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(60)])
    with far.far(bad_from_10) as server:
        result = hocket.run("order: any\n" + TEXT.format(base=server.base), "--fail-fast", "--summary", "json")
        assert result.code == 5, result.err
        assert result.summary["dead"] == 1 and result.summary["end"] == "stopped_by_failures"
        assert re.search(r"1 of \d+ records failed, which is the limit; the last at 'http': answered 404", result.err)
        assert "Once that is mended, the same command goes on where it stopped" in result.err
        assert sum(server.asked.values()) < 25
        server.answer = slow  # mended
        result = hocket("run", "pipe.yaml", "--fail-fast", "--summary", "json")
        assert result.code == 3, result.err  # the one of the first part stays dead, and does not count again
        assert result.summary["in"] == 60 and result.summary["dead"] == 1 and result.summary["delivered"] == 59


def slow_but_the_first_tens(path, attempt):
    number = int(path[1:])
    if number < 10:
        return {"path": path}
    time.sleep(0.3 if number == 10 else 3)  # the others are on their way by then
    return (404, {}, b"no") if number == 10 else {"path": path}


def test_a_long_drain_is_explained(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(60)])
    with far.far(slow_but_the_first_tens) as server:
        result = hocket.run("order: any\n" + TEXT.format(base=server.base), "--fail-fast", "--summary", "json")
    assert result.code == 5, result.err
    assert re.search(r"too much fails, stopping: \d in flight, up to 25s; Ctrl-C to stop at once", result.err)
    assert result.summary["delivered"] == sum(server.asked.values()) - 1, "what was in flight was paid for, and is kept"


def test_max_failures_as_a_share(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(1000)])
    text = "from: {jsonl: in.jsonl}\nsteps: [map: 'if .id % 10 == 9 then error(\"nine\") else . end']\nto: 'null'\n"
    result = hocket.run(text, "--max-failures", "5%", "--summary", "json")
    assert result.code == 5, result.err
    assert result.summary["dead"] == 10 and "10 of 100 records failed" in result.err
    result = hocket.run(text, "--max-failures", "20%", "--fresh", "--summary", "json")
    assert result.code == 3 and result.summary["dead"] == 100


def test_who_waits_for_a_rate_does_not_hold_up_the_end(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(60)])
    with far.far(slow) as server:
        hocket.write("pipe.yaml", TEXT.format(base=server.base).replace("concurrency: 5", "rate: 2/s"))
        process = hocket.start("run", "pipe.yaml", "--summary", "json")
        server.wait_for(2)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        result = hocket.finish(process)
        assert time.monotonic() - started < 4 * SLOW
        assert result.code == 75 and sum(server.asked.values()) <= 3
        assert result.summary["delivered"] == sum(server.asked.values())


def test_a_far_side_that_is_gone_does_not_hold_up_the_end(hocket):
    """All wait for their retries, for a minute and more: Ctrl-C does not."""
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(60)])
    text = TEXT.format(base=f"http://127.0.0.1:{far.closed_port()}").replace("concurrency: 5", "concurrency: 5\n    retry: 50")
    hocket.write("pipe.yaml", text)
    process = hocket.start("run", "pipe.yaml", "--grace", "1s")
    time.sleep(2)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    result = hocket.finish(process)
    assert result.code == 75, result.err
    assert time.monotonic() - started < 3 * SLOW


def test_stdin_is_finished_as_far_as_it_was_read(hocket):
    """What was read from a pipe cannot be read again: a stop finishes it."""
    with far.far(slow) as server:
        hocket.write("pipe.yaml", TEXT.format(base=server.base).replace("{jsonl: in.jsonl}", "stdin"))
        reader, writer = os.pipe()
        process = hocket.start("run", "pipe.yaml", "--summary", "json", stdin=reader)
        os.close(reader)
        os.write(writer, b"".join(b'{"id": %d}\n' % i for i in range(30)))
        server.wait_for(5)
        process.send_signal(signal.SIGTERM)
        result = hocket.finish(process)
        os.close(writer)
        assert result.code == 1, result.err
        assert result.summary["left"] == 0 and result.summary["delivered"] == result.summary["in"] == 30
        assert len(server.asked) == 30


def test_a_limit_does_not_wait_for_one_more(hocket):
    """The fourth line never comes: the limit ends the run without it."""
    hocket.write("pipe.yaml", "from: stdin\nto: stdout\n")
    reader, writer = os.pipe()
    process = hocket.start("run", "pipe.yaml", "--limit", "3", "--summary", "json", stdin=reader)
    os.close(reader)
    os.write(writer, b'{"id": 1}\n{"id": 2}\n{"id": 3}\n')
    result = hocket.finish(process)
    os.close(writer)
    assert result.code == 0, result.err
    assert result.summary["end"] == "limited" and len(result.out.splitlines()) == 3


def test_until_ends_a_pipe_that_says_nothing(hocket):
    hocket.write("pipe.yaml", "from: stdin\nto: stdout\n")
    reader, writer = os.pipe()
    process = hocket.start("run", "pipe.yaml", "--until", "500ms", stdin=reader)
    os.close(reader)
    os.write(writer, b'{"id": 1}\n')
    result = hocket.finish(process, timeout=20)
    os.close(writer)
    assert result.code == 0, result.err
    assert result.out == '{"id": 1}\n' and "ended as --until says" in result.err


def test_no_grace_at_all(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(20)])
    with far.raw(far.say_nothing) as port:
        hocket.write("pipe.yaml", TEXT.format(base=f"http://127.0.0.1:{port}"))
        process = hocket.start("run", "pipe.yaml", "--grace", "0s")
        for line in iter(process.stderr.readline, ""):
            if "5 of 5 in flight" in line:
                break
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        result = hocket.finish(process, timeout=15)
    assert result.code == 75, result.err
    assert time.monotonic() - started < 3 * SLOW
    assert "stopping: 5 in flight, up to 0" in result.err


class Patient:
    """A server in a thread of its own that answers each request after `delay`, any number of them at once."""

    def __init__(self, delay):
        self.delay, self.inside, self.loop, self.ready = delay, 0, asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def serve(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.talk, "127.0.0.1", 0, backlog=2048))
        self.base = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))

    async def talk(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                self.inside += 1
                await asyncio.sleep(self.delay)
                self.inside -= 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    def wait_inside(self, n):
        end = time.monotonic() + 20 * SLOW
        while self.inside < n:
            assert time.monotonic() < end, f"never {n} at once"
            time.sleep(0.01)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


def sigterm_seconds(hocket, server):
    """How long a drain takes, with a thousand in flight."""
    text = TEXT.format(base=server.base).replace("concurrency: 5", "concurrency: 1000")
    hocket.write("pipe.yaml", text)
    process = hocket.start("run", "pipe.yaml", "--fresh", "--progress", "none", "--summary", "json")
    server.wait_inside(900)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    result = hocket.finish(process)
    took = time.monotonic() - started
    assert result.code == 75, result.err
    return took


def test_sigterm_with_a_thousand_in_flight(hocket):
    """An untroubled drain takes as long as the answers, and the commit. HOCKET_DRAINS=100 for the figure."""
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(50000)])
    server = Patient(0.2)
    times = sorted(sigterm_seconds(hocket, server) for _ in range(int(os.environ.get("HOCKET_DRAINS", "3"))))
    server.close()
    print(f"n={len(times)} p50 {times[len(times) // 2]:.3f} s p99 {times[len(times) * 99 // 100]:.3f} s")
    assert times[-1] < 2 * SLOW, times


def test_each_end_writes_a_summary(hocket):
    hocket.write("wrong.yaml", "from: nowhere\n")
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    hocket.write("good.yaml", "from: {jsonl: in.jsonl}\nto: 'null'\n")
    cases = [(["run", "wrong.yaml"], 78), (["run", "none.yaml"], 78), (["run", "good.yaml", "--limit", "x"], 2),
             (["run", "good.yaml", "--nonsense"], 2), (["run", "good.yaml"], 0), (["run", "good.yaml"], 0),
             (["run", "good.yaml", "--state", "/proc/nowhere/x.db"], 1)]
    for arguments, code in cases:
        result = hocket(*arguments, "--summary", "json")
        assert result.code == code, (arguments, result.err)
        assert result.summary["exit"] == code, arguments

def test_a_broken_state_is_told_apart(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nto: 'null'\n")
    hocket.write("broken.db", "this is no database, but it has a few words in it" * 100)
    result = hocket("run", "pipe.yaml", "--state", "broken.db", "--summary", "json")
    assert result.code == 4, result.err
    assert result.summary["exit"] == 4 and "broken.db" in result.summary["error"]
    assert "moved away, the pipeline starts over" in result.err


def test_a_state_with_damaged_pages(hocket):
    """Zeros behind the first page: whatever it is that meets them, the run ends with 4, and its summary says so."""
    hocket.write_jsonl("in.jsonl", [{"id": i, "text": "x" * 200} for i in range(200)])
    text = "from: {jsonl: in.jsonl}\nsteps: [map: 'if .id % 2 == 0 then error(\"even\") else . end']\nto: 'null'\n"
    assert hocket.run(text).code == 3
    state = hocket.folder / ".hocket/pipe.db"
    data = bytearray(state.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    state.write_bytes(data)
    result = hocket("run", "pipe.yaml", "--fresh", "--summary", "json")
    assert result.code == 4, result.err
    assert result.summary["exit"] == 4 and "pipe.db" in result.summary["error"]


def test_too_many_refused_rows_end_the_batch_that_they_stand_in(hocket):
    """One batch holds them all, and the table refuses each third: the run does not first find all the others."""
    hocket.write_jsonl("in.jsonl", [{"id": i, "n": i % 3} for i in range(1, 1201)])
    with contextlib.closing(sqlite3.connect(hocket.folder / "t.db")) as db:
        db.execute("CREATE TABLE t(id INTEGER NOT NULL, n INTEGER CHECK (n > 0))")
    result = hocket.run("from: {jsonl: in.jsonl}\nto: {sqlite: t.db, table: t}\n", "--max-failures", "5")
    assert result.code == 5, result.err
    assert result.account["dead"] == 5 and result.balances(), result.err
    result = hocket("run", "pipe.yaml", timeout=120)
    assert result.code == 3, result.err
    assert (result.account["delivered"], result.account["dead"]) == (800, 400), result.err
    with contextlib.closing(sqlite3.connect(hocket.folder / "t.db")) as db:
        assert db.execute("SELECT count(*), count(DISTINCT id) FROM t").fetchone() == (800, 800)
