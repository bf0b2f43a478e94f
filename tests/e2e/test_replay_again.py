"""Runs and replays of dead letters taken in turn: whoever comes next finds the outputs as the one before has left them. The judges are what
the far side was asked for, and what stands in the output."""
import csv
import gzip
import json
import signal
import sqlite3
import threading

import pytest

import smtp
from far import closed_port, far
from test_every import endless

SINKS = {
    "jsonl": "{jsonl: out.jsonl}",
    "append": "{jsonl: out.jsonl, mode: append}",
    "csv": "{csv: out.csv, fields: [n, day]}",
    "gzip": "{jsonl: out.jsonl.gz}",
    "parts": "{jsonl: 'out/\\(.day).jsonl'}",
    "rotated": "{jsonl: out/all.jsonl, rotate: {rows: 2}}",
    "sqlite": "{sqlite: t.db, table: t}",
    "two": "[{jsonl: out.jsonl}, {sqlite: t.db, table: t}]",
}


def put(hocket, first, end):
    with open(hocket.folder / "in.jsonl", "a") as f:
        f.writelines(json.dumps({"n": n, "t": "text", "day": f"d{n % 2}"}) + "\n" for n in range(first, end))


class Shop:
    """Takes each order once, when it is there at all; `held` is not answered before it is let go."""

    def __init__(self):
        self.shut = set()
        self.held, self.let_go = None, threading.Event()
        self.orders = []

    def hold(self, n):
        self.let_go.set()
        self.held, self.holds, self.let_go = n, threading.Event(), threading.Event()

    def __call__(self, path, attempt):
        n = int(path[1:])
        if n in self.shut:
            return 400, {}, b"closed"
        self.orders.append(n)
        if n == self.held:
            let_go = self.let_go
            self.holds.set()
            let_go.wait(20)
        return {"ok": True}


def numbers_of(folder):
    """What stands in each output, by name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(("in.", "dead.")) or ".hocket" in str(path.relative_to(folder)):
            continue
        if path.suffix == ".gz":
            found.setdefault("text", []).extend(json.loads(line)["n"] for line in gzip.open(path, "rt"))
        elif path.suffix in (".jsonl", ".part"):
            found.setdefault("text", []).extend(json.loads(line)["n"] for line in path.read_text().splitlines())
        elif path.suffix == ".csv":
            found.setdefault("text", []).extend(int(row["n"]) for row in csv.DictReader(path.open()))
        elif path.suffix == ".db":
            found["rows"] = [n for (n,) in sqlite3.connect(path).execute("SELECT n FROM t")]
    return found


def hears(pid):
    """SIGINT stops the run and does not kill it."""
    with open(f"/proc/{pid}/status") as f:
        caught = next(line for line in f if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1


class Story:
    def __init__(self, hocket, server, shop, kind, sink, method, commit):
        self.hocket, self.server, self.shop, self.kind, self.n = hocket, server, shop, kind, 0
        every = "" if kind == "finite" else ", every: 100ms"
        to = SINKS[sink][:-1] + f", commit: {commit}}}" if commit else SINKS[sink]
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl{every}}}\nsteps:\n  - http: {method} {server.base}/\\(.n)\n    retry: 0\n"
                     f"    concurrency: 1\n    into: .got\ndead: dead.jsonl\nto: {to}\n")

    def more(self, n):
        put(self.hocket, self.n, self.n + n)
        self.n += n

    def run(self, code=0):
        """As this kind of pipeline is run: to its end, one round, or until it is stopped."""
        if self.kind == "stopped":
            with endless(self.hocket) as run:
                run.until(lambda: hears(run.process.pid) and len(self.server.asked) == self.n, 5)
                result = run.stop(signal.SIGINT)
        else:
            result = self.hocket("run", "pipe.yaml", *(["--once"] if self.kind == "once" else []))
        assert result.code == code, result.err
        assert "starting over" not in result.err
        return result

    def killed_at(self, n, *flags, verb=("run",)):
        """While this record waits for its answer."""
        self.shop.hold(n)
        process = self.hocket.start(*verb, "pipe.yaml", *flags)
        assert self.shop.holds.wait(20), self.hocket.finish(process, 1).err
        process.kill()
        process.communicate()
        self.shop.hold(None)

    def replay(self, *flags, code=0):
        result = self.hocket("dead", "replay", "pipe.yaml", *flags)
        assert result.code == code, result.err
        return result

    def judge(self, asked_once=True):
        assert not asked_once or sorted(self.shop.orders) == list(range(self.n)), "each order is placed once"
        for name, numbers in numbers_of(self.hocket.folder).items():
            assert sorted(numbers) == list(range(self.n)), name
        assert self.hocket("verify", "pipe.yaml").code == 0


@pytest.fixture
def tell(hocket, request):
    def begin(kind, sink, method="POST", commit=None):
        return Story(hocket, server, shop, kind, sink, method, commit)

    shop = Shop()
    with far(shop) as server:
        yield begin
        shop.let_go.set()


@pytest.mark.parametrize("kind, then, sink", [
    *(("finite", "finite", sink) for sink in SINKS),
    *(("stopped", "once", sink) for sink in SINKS),
    *(("stopped", "stopped", sink) for sink in ("jsonl", "parts", "rotated")),
    *(("once", "stopped", sink) for sink in ("jsonl", "parts", "rotated")),
    *(("once", "once", sink) for sink in ("jsonl", "parts")),
])
def test_runs_and_replays_in_turn(tell, kind, then, sink):
    """Letters that are sent between runs: a run behind it finds the outputs, and places no order again."""
    story = tell(kind, sink)
    story.shop.shut = {1, 3, 4}
    story.more(6)
    story.run(code=3)
    story.shop.shut = {3}
    story.replay(code=3)
    story.shop.shut = set()
    story.replay()
    story.kind = then
    story.more(2)
    story.run()
    story.shop.shut = {8}
    story.more(2)
    story.run(code=3)
    story.shop.shut = set()
    story.replay()
    story.run()
    story.more(2)
    story.run()
    story.judge()


@pytest.mark.parametrize("way", ["finished", "given up", "finished after the run is refused"])
@pytest.mark.parametrize("kind, sink", [
    *(("finite", sink) for sink in ("jsonl", "gzip", "parts", "rotated", "two")),
    *(("stopped", sink) for sink in ("jsonl", "csv", "parts", "rotated")),
])
def test_a_replay_that_is_killed(tell, kind, sink, way):
    """It goes on, or is given up; what comes then finds the outputs as they are."""
    story = tell(kind, sink, method="GET")
    story.shop.shut = {1, 3, 4}
    story.more(6)
    story.run(code=3)
    story.shop.shut = set()
    story.killed_at(4, verb=("dead", "replay"))
    if way == "finished after the run is refused":
        refused = story.hocket("run", "pipe.yaml")
        assert refused.code == 1 and "a replay of dead letters was cut off" in refused.err
    story.replay(*(["--fresh"] if way == "given up" else []))
    story.kind = "finite" if kind == "finite" else "once"
    for _ in range(2):
        story.more(2)
        story.run()
    story.judge(asked_once=False)


@pytest.mark.parametrize("sink", ["jsonl", "csv", "gzip"])
def test_a_round_that_was_stopped_is_finished_first(tell, sink):
    """What it wrote is not whole, and a replay would begin anew what stands there."""
    story = tell("stopped", sink, method="GET")
    story.shop.shut = {1}
    story.more(3)
    story.run(code=3)
    story.more(3)
    story.shop.hold(4)
    process = story.hocket.start("run", "pipe.yaml", "--once")
    assert story.shop.holds.wait(20)
    process.send_signal(signal.SIGINT)
    while "stopping" not in process.stderr.readline():
        pass
    story.shop.hold(None)
    assert story.hocket.finish(process).code == 75
    story.shop.shut = set()
    refused = story.hocket("dead", "replay", "pipe.yaml")
    assert refused.code == 1 and "'hocket run --once' finishes that first" in refused.err
    assert story.hocket("verify", "pipe.yaml").code == 0
    story.kind = "once"
    story.run(code=3)
    story.replay()
    story.run()
    story.judge(asked_once=False)


@pytest.mark.parametrize("sink, name", [("jsonl", "out.jsonl"), ("csv", "out.csv"), ("gzip", "out.jsonl.gz")])
def test_a_round_that_was_killed_as_it_began_is_finished_first(tell, sink, name):
    """It has taken NAME back as its .part, and nothing else was noted."""
    story = tell("stopped", sink, method="GET")
    story.shop.shut = {1}
    story.more(3)
    story.run(code=3)
    (story.hocket.folder / name).rename(story.hocket.folder / (name + ".part"))
    story.shop.shut = set()
    refused = story.hocket("dead", "replay", "pipe.yaml")
    assert refused.code == 1 and "'hocket run --once' finishes that first" in refused.err
    story.kind = "once"
    story.more(1)
    story.run(code=3)
    story.replay()
    story.judge(asked_once=False)


@pytest.mark.parametrize("sink", ["append", "sqlite"])
def test_what_a_replay_holds_is_not_given_up_with_it(tell, sink):
    """A letter that waits in a window has been delivered to nobody."""
    story = tell("finite", sink, method="GET")
    text = (story.hocket.folder / "pipe.yaml").read_text()
    story.hocket.write("pipe.yaml", text.replace("dead:", "  - group: .n\n    every: 1h\n  - map: '{n: .items[0].n}'\ndead:"))
    story.shop.shut = {0, 1}
    story.more(3)
    story.run(code=3)
    story.shop.shut = set()
    story.shop.hold(1)
    process = story.hocket.start("dead", "replay", "pipe.yaml")
    assert story.shop.holds.wait(20)
    process.send_signal(signal.SIGINT)
    while "stopping" not in process.stderr.readline():
        pass
    story.shop.hold(None)
    assert story.hocket.finish(process).code == 75
    story.replay("--fresh")
    story.judge(asked_once=False)


def test_mails_whose_server_was_away(hocket):
    """Stopped with nothing but dead letters, replayed, and gone on with: each mail goes out once, and the account says what is dead."""
    port = closed_port()
    hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl, every: 100ms}}\nsteps:\n  - smtp: smtp://127.0.0.1:{port}\n    from: a@b.example\n"
                 "    to: c@d.example\n    subject: '\\(.n)'\n    text: .t\n    retry: 0\nto: {jsonl: out.jsonl, fields: [n]}\ndead: dead.jsonl\n")
    put(hocket, 0, 3)
    with endless(hocket) as run:
        run.until((hocket.folder / "dead.jsonl").exists)
        assert run.stop(signal.SIGINT).code == 3
    with smtp.server(port=port) as mail:
        assert hocket("dead", "replay", "pipe.yaml").code == 0
        went_on = hocket("run", "pipe.yaml", "--once", "--summary", "json")
        assert went_on.code == 0, went_on.err
        assert "3 dead, all replayed or dropped since." in went_on.err and "copied" not in went_on.err
        assert (went_on.summary["dead"], went_on.summary["dead_gone"], went_on.summary["dead_kinds"]) == (3, 3, [])
        for n in (3, 4):
            put(hocket, n, n + 1)
            r = hocket("run", "pipe.yaml", "--once")
            assert r.code == 0 and r.account["in"] == 1, r.err
        assert sorted(m.message["subject"] for m in mail.mails) == ["0", "1", "2", "3", "4"]
    assert sorted(r["n"] for r in hocket.read_jsonl("out.jsonl")) == [0, 1, 2, 3, 4]


def test_what_is_dead_still_is_counted(tell):
    """A run that goes on behind a replay: what died again there is dead, what was got through or dropped is not."""
    story = tell("stopped", "jsonl")
    story.shop.shut = {1, 2, 3, 4}
    story.more(6)
    story.run(code=3)
    story.shop.shut = {4}
    story.replay("--where", ".record.n > 2", code=3)
    assert story.hocket("dead", "drop", "pipe.yaml", "--where", ".record.n == 1").code == 0
    story.kind = "once"
    result = story.run(code=3)
    assert "4 dead: 2 at http (status 400), 2 replayed or dropped since.   kept in" in result.err
    story.shop.shut = set()
    story.replay()
    story.more(1)
    assert "dead 0" in story.run().err


@pytest.mark.parametrize("at", [6, 7])
@pytest.mark.parametrize("sink", ["jsonl", "csv", "gzip", "parts", "rotated"])
def test_killed_with_an_end_and_without(tell, sink, at):
    """The outputs have parts of two runs then: what the first has finished, and what the second has begun, or not."""
    story = tell("once", sink, method="GET", commit="{rows: 1}")
    story.more(5)
    story.run()
    story.more(5)
    story.killed_at(at, "--once")
    story.killed_at(at + 1)
    story.killed_at(at + 2, "--once")
    story.kind = "stopped"
    story.run()
    story.more(2)
    story.killed_at(story.n - 1)
    story.run()
    story.kind = "once"
    story.more(1)
    story.run()
    story.judge(asked_once=False)
