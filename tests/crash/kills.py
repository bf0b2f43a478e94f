"""kills.py - kill -9 at random instants and at named points, also while the run recovers from the one before

A case is drawn from its seed: a shape, how often it is killed and where. It is resumed until it is done; then the far side's
counts, rows and files are compared with what must be there.
"""
import concurrent.futures
import functools
import pathlib
import random
import shutil
import tempfile
import time

import shim
from shapes import ALL, SHAPES, Findings, Grown, PartitionedGrown, PartitionedLittle, Single, Tiny, rows_of
from tally import Tally
from witness import Witness

# How often each is drawn; what is timed comes first. A point is a kind of call (of files with a word in their path) and when.
POINTS = {
    "instant": 30,
    "any:before": 12, "any:after": 12,
    "write:torn": 6, "write@.hocket:torn": 3, "write@out:before": 3,
    "sync:before": 4, "sync:after": 4, "sync@.hocket:after": 3, "sync@out:after": 3,
    "rename:before": 4, "rename:after": 5, "unlink:before": 2, "unlink:after": 2,
    "truncate:before": 2, "truncate:after": 2, "open:after": 4, "mkdir:after": 1,
    "send:before": 3, "send:torn": 2, "send:after": 3, "recv:before": 2, "recv:after": 4,
}
RUNS_MOST = 40
WHOLLY_KILLED = [Tiny(), Single(), Grown(), PartitionedLittle(), PartitionedGrown()]  # at each of their calls


@functools.cache
def whole_run(shape):
    """A run without faults: its calls, and how long it takes."""
    with tempfile.TemporaryDirectory() as top, Witness(shape.answer) as far:
        folder = pathlib.Path(top) / "run"
        folder.mkdir()
        shape.write(folder, far.base)
        started = time.monotonic()
        ended = shim.run(folder, "pipe.yaml")
        return ended.calls, time.monotonic() - started


def draw(rng, shape, resumed, timed=True):
    """The arguments of shim.run that kill it."""
    calls, seconds = whole_run(shape)
    point = rng.choices(list(POINTS)[not timed:], list(POINTS.values())[not timed:])[0]
    if point == "instant":
        return {"kill_after": rng.uniform(0, 1.1 * seconds)}
    kind, _, when = point.partition(":")
    early = rng.random() ** (3 if resumed else 1)  # what recovers has less to do
    return {"fault": f"{kind}:{1 + int(early * calls[kind.partition('@')[0]])}:{when}"}


def seconds_to_resume(ended):
    """From the start of the process to its first new request or output."""
    return ended.seconds_to_first("send", "write")


class Case:
    def __init__(self, seed, folder, say=lambda words: None, shape=None):
        self.rng = random.Random(seed)
        self.shape = shape or self.rng.choice(SHAPES)
        self.folder, self.say = folder, say
        self.kills, self.seconds, self.found = 0, [], Findings()

    def run_once(self, fault):
        """True: it has come to its end."""
        ended = shim.run(self.folder, "pipe.yaml", watch="out", **fault)
        self.say(f"{fault or 'no fault'}: exit code {ended.code} {ended.err.strip()[:300]}")
        took = seconds_to_resume(ended)
        if self.kills and took is not None and not ended.killed:
            self.seconds.append(took)
        if ended.killed:
            self.kills += 1
            return not self.shape.ends and self.was_done()
        good = (0,) if ended.summary.get("end") == "nothing_new" else self.shape.exits  # it had no time to say so
        self.found.demand(ended.code in good, f"after {self.kills} kills exit code {ended.code}: {ended.err.strip()[-300:]}")
        self.shape.check_account(ended.summary, self.found)
        return True

    def was_done(self):
        """It was killed when all was done: who runs it again wants it all again."""
        return rows_of(self.folder / ".hocket/pipe.db", "SELECT status FROM run ORDER BY rowid DESC LIMIT 1") == [("finished",)]

    def run(self):
        shape, rng = self.shape, self.rng
        with Witness(shape.answer, seed=rng.random()) as far:
            shape.write(self.folder, far.base)
            self.say(f"{shape.name} in {self.folder}")
            wanted = rng.choice([1, 1, 1, 2, 2, 3, 5])
            ended = False
            while not ended and self.kills < wanted:
                ended = self.run_once(draw(rng, shape, self.kills > 0))
            while not ended and self.kills < RUNS_MOST:
                ended = self.run_once({})
            shape.check(self.folder, far, self.found)
            if shape.needs_far:
                shape.check_asked(far, self.found, self.kills)
            if shape.ends and rng.random() < 0.25:
                self.run_again(far)

    def run_at(self, n):
        with Witness(self.shape.answer) as far:
            self.shape.write(self.folder, far.base)
            ended = self.run_once({"fault": f"any:{n}:before"})
            while not ended and self.kills < RUNS_MOST:
                ended = self.run_once({})
            self.shape.check(self.folder, far, self.found)
            self.run_again(far)

    def run_again(self, far):
        """What is finished has nothing new, and asks nobody."""
        before = far.asked.total()
        ended = shim.run(self.folder, "pipe.yaml")
        self.found.demand(ended.code == 0 and ended.summary.get("end") == "nothing_new" and far.asked.total() == before,
                          f"run again after its end: exit code {ended.code}, {ended.err.strip()[-200:]}")


def play_at(shape, n):
    """Killed before the n-th call that changes anything; then run until it is done, and once more."""
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as top:
        folder = pathlib.Path(top) / "run"
        folder.mkdir()
        case = Case(n, folder, shape=shape)
        case.run_at(n)
        return case.kills, case.seconds, case.found


def play(seed):
    """One case, in a folder of its own: (shape, kills, seconds, findings)."""
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as top:
        folder = pathlib.Path(top) / "run"
        folder.mkdir()
        case = Case(seed, folder)
        case.run()
        return case.shape.name, case.kills, case.seconds, case.found


def replay(name):
    """The same case once more, told step by step; its folder is kept when it fails. NUMBER, or SHAPE:CALL."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hocket-crash-")) / "run"
    folder.mkdir()
    shape = next((s for s in WHOLLY_KILLED if name.startswith(s.name + ":")), None)
    case = Case(name, folder, print, shape) if shape else Case(int(name), folder, print)
    case.run_at(int(name.rsplit(":", 1)[1])) if shape else case.run()
    print("\n".join(case.found.words) or "as it must be")
    if case.found.good:
        shutil.rmtree(folder.parent)


def test_every_call(tap, shape, jobs):
    """A small run, killed at each of its calls."""
    tally = Tally(f"kill -9 at every call: {shape.name}")
    numbers = range(1, whole_run(shape)[0]["any"] + 1)
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        for n, (killed, seconds, found) in zip(numbers, pool.map(play_at, [shape] * len(numbers), numbers)):
            tally.add(killed, found, seconds, f"tests/crash/crash kills --replay '{shape.name}:{n}'")
    tap.tally(tally)


def test(tap, options):
    kills, seed, jobs = options.kills or (10000 if options.full else 200), options.seed, options.jobs
    tallies = {shape.name: Tally(f"kill -9: {shape.name}") for shape in SHAPES}
    done = 0
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(play, seed + i): seed + i for i in range(4 * jobs)}
        following = seed + 4 * jobs
        while waiting:
            ended, _ = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for job in ended:
                name, n, seconds, found = job.result()
                tallies[name].add(n, found, seconds, f"tests/crash/crash kills --replay {waiting.pop(job)}")
                done += n
                if done < kills:
                    waiting[pool.submit(play, following)] = following
                    following += 1
    played = [t for t in tallies.values() if t.n]
    for t in played:
        tap.tally(t)
    for shape in ALL:
        if shape not in SHAPES:
            tap.skip(f"kill -9: {shape.name}", "this version does not promise that yet")
    tap.total("kill -9: all", played)
    for shape in WHOLLY_KILLED:
        test_every_call(tap, shape, jobs)
