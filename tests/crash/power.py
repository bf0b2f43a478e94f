"""power.py - the power is cut: what was not synced is lost, or half there

A history is a run, killed now and then, with a journal of all that it did to files. For many moments of it an image of the folder is
made, of what a disk may hold after a power cut in that moment (journal.py). hocket is run on the image, and all must be as if
nothing had happened.
"""
import concurrent.futures
import pathlib
import random
import shutil
import tempfile

import kills
import shim
from journal import STYLES, Disk, Keep, entries, snapshot
from shapes import SHAPES, Findings, Small, lines_of, rows_of
from tally import Tally
from witness import Witness

CUTS = 8  # of one history
# Of those without an end an image does not tell whether they were done.
PLAYED = [shape for shape in SHAPES if shape.ends and shape.cuts] + [Small()]


class History:
    def __init__(self, folder, say):
        self.folder, self.say = folder, say
        self.before = snapshot(folder)
        self.journal = folder.with_name(f"{folder.name}.journal")
        self.journal.unlink(missing_ok=True)

    def run(self, **fault):
        ended = shim.run(self.folder, "pipe.yaml", journal=self.journal, **fault)
        self.say(f"{fault or 'no fault'}: exit code {ended.code} {ended.err.strip()[:200]}")
        return ended

    def keep(self):
        self.entries = list(entries(self.journal))
        self.kept = Keep(self.folder, tempfile.mkdtemp(dir=self.folder.parent) + "/keep", self.entries)

    def cut(self, rng, moment=None):
        """Lays the image out. What the process saw in that moment is given back."""
        disk = Disk(*self.before)
        disk.ordered = rng.random() < 0.5
        moment = rng.randint(0, len(self.entries)) if moment is None else moment
        style = rng.choice(STYLES)
        for fields in self.entries[:moment]:
            disk.do(fields)
        shown = self.entries[moment - 1][:4] if moment else "the start"
        self.say(f"power cut behind entry {moment} of {len(self.entries)} ({shown}), {style}, names {'ordered' if disk.ordered else 'apart'}")
        self.kept.lay_out(*disk.cut(rng, style))
        return disk.seen()


class Case:
    def __init__(self, seed, folder, say=lambda words: None):
        self.rng = random.Random(seed)
        self.shape = self.rng.choice(PLAYED)
        self.folder, self.say = folder, say
        self.found, self.seconds = Findings(), []

    def run(self):
        with Witness(self.shape.answer, seed=self.rng.random()) as far:
            self.say(f"{self.shape.name} in {self.folder}")
            self.shape.write(self.folder, far.base)
            history = History(self.folder, self.say)
            if self.rng.random() < 0.2:
                self.fail_a_sync(history)
            else:
                self.run_with_kills(history)
            history.keep()
            for _ in range(CUTS):
                seen = history.cut(self.rng)
                self.check_acknowledged(seen)
                if self.rng.random() < 0.3:
                    self.cut_again()
                self.finish(far)

    def fail_a_sync(self, history):
        """What that sync was to write is lost, though it can be read until the power is cut: nobody may have believed it."""
        calls, _ = kills.whole_run(self.shape)
        history.run(fault=f"sync:{self.rng.randint(1, calls['sync'])}:EIO")

    def run_with_kills(self, history):
        for _ in range(self.rng.choice([0, 1, 1, 2])):
            if not history.run(**self.draw()).killed:
                break
        if self.rng.random() < 0.7:
            history.run()

    def draw(self):
        """Where the history is killed; often right behind a file's or folder's making, before its name is durable."""
        if self.rng.random() < 0.3:
            return {"fault": self.rng.choice(["mkdir:1:after"] + [f"open:{n}:after" for n in range(1, 12)])}
        return kills.draw(self.rng, self.shape, False, timed=False)

    def cut_again(self):
        """Another one, while the run recovers from the first."""
        history = History(self.folder, self.say)
        history.run(**kills.draw(self.rng, self.shape, True, timed=False))
        history.keep()
        history.cut(self.rng)

    def check_acknowledged(self, seen):
        """A batch goes to out.db before it goes to out.jsonl: what stands there was acknowledged by the database, and must survive."""
        if not self.shape.rows_before_lines:
            return
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as copy:
            for path in self.folder.glob("out.db*"):
                shutil.copy(path, copy)
            rows = rows_of(pathlib.Path(copy) / "out.db", "SELECT 1 FROM t").count((1,))
        lines = seen.get(f"{self.folder}/out.jsonl.part", b"").count(b"\n")
        if rows < lines:
            self.found.lost += lines - rows
            self.found.words.append(f"out.db has {rows} rows, but {lines} were acknowledged")

    def finish(self, far):
        shape, found = self.shape, self.found
        ended = shim.run(self.folder, "pipe.yaml", watch="out")
        self.say(f"run again: exit code {ended.code} {ended.err.strip()[:300]}")
        good = (0,) if ended.summary.get("end") == "nothing_new" else shape.exits
        found.demand(ended.code in good, f"on the image exit code {ended.code}: {ended.err.strip()[:300]}")
        shape.check_account(ended.summary, found)
        shape.check(self.folder, far, found)
        state = rows_of(self.folder / ".hocket/pipe.db", "PRAGMA integrity_check")
        found.demand(state == [("ok",)], f"the state file: {state}")
        took = kills.seconds_to_resume(ended)
        self.seconds += [] if took is None else [took]


def play(seed):
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as top:
        folder = pathlib.Path(top).resolve() / "run"
        folder.mkdir()
        case = Case(seed, folder)
        case.run()
        return case.shape.name, case.seconds, case.found


def replay(case):
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"hocket-crash-{case}-")).resolve() / "run"
    folder.mkdir()
    case = Case(int(case), folder, print)
    case.run()
    print("\n".join(case.found.words) or "as it must be")
    if case.found.good:
        shutil.rmtree(folder.parent)


def test(tap, options):
    histories = options.cuts // CUTS if options.cuts else 1000 if options.full else 30
    tallies = {shape.name: Tally(f"power cut: {shape.name}") for shape in PLAYED}
    seeds = range(options.seed, options.seed + histories)
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        for seed, (name, seconds, found) in zip(seeds, pool.map(play, seeds)):
            tallies[name].add(CUTS, found, seconds, f"tests/crash/crash power --replay {seed}")
    played = [t for t in tallies.values() if t.n]
    for t in played:
        tap.tally(t)
    tap.total("power cut: all", played)
