"""heap.py - memory runs out: the n-th allocation of hocket's own code fails

Libraries' allocations are theirs (SQLite's, jq's); these are the calls of malloc, calloc and realloc from the program itself. A run
in which one fails ends with exit code 1 and a message, or is ended with a sentence about memory, never by a wild pointer; or it does
well without. Then it is run again, and nothing may be missing or there twice.
"""
import concurrent.futures
import pathlib
import random
import shutil
import signal
import tempfile

import shim
from shapes import DeadLetters, Findings, Small
from tally import Tally
from witness import Witness

SAMPLE = 80  # of each shape, unless all are asked for


class Asking(DeadLetters):
    """Requests too, and few of them: each of its allocations is to fail once."""
    name = "30 records, GET, sqlite + dead"
    records = 30


SHAPES = {shape.name: shape for shape in [Small(), Asking()]}


def is_clean(ended, shape):
    told = "memory" in ended.err or "ENOMEM" in ended.err
    if ended.code == -signal.SIGABRT:
        return "out of memory" in ended.err
    return ended.code in shape.exits or (ended.code in (1, 78) and told)


def break_one(folder, shape, n, say=lambda words: None):
    found = Findings()
    with Witness(shape.answer) as far:
        shape.write(folder, far.base)
        ended = shim.run(folder, "pipe.yaml", fault=f"malloc:{n}:ENOMEM")
        say(f"allocation {n} fails: exit code {ended.code} {ended.err.strip()}")
        found.demand(is_clean(ended, shape), f"exit code {ended.code}: {ended.err.strip()[-400:]}")
        if ended.code not in shape.exits:
            ended = shim.run(folder, "pipe.yaml")
            say(f"again: exit code {ended.code} {ended.err.strip()}")
            good = (0,) if ended.summary.get("end") == "nothing_new" else shape.exits
            found.demand(ended.code in good, f"with memory exit code {ended.code}: {ended.err.strip()[-300:]}")
        shape.check_account(ended.summary, found)
        shape.check(folder, far, found)
    return found


def play(name, n):
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as top:
        folder = pathlib.Path(top) / "run"
        folder.mkdir()
        return break_one(folder, SHAPES[name], n)


def count(shape):
    """How many allocations a run makes."""
    with tempfile.TemporaryDirectory() as top, Witness(shape.answer) as far:
        folder = pathlib.Path(top) / "run"
        folder.mkdir()
        shape.write(folder, far.base)
        return shim.run(folder, "pipe.yaml").calls["malloc"]


def replay(case):
    name, n = case.rsplit(":", 1)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hocket-crash-")) / "run"
    folder.mkdir()
    found = break_one(folder, SHAPES[name], int(n), print)
    print("\n".join(found.words) or "as it must be", f"in {folder}", sep="\n")
    if found.good:
        shutil.rmtree(folder.parent)


def test(tap, options):
    tallies = []
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        for name, shape in SHAPES.items():
            most = count(shape)
            numbers = range(1, most + 1)
            if not options.full and most > SAMPLE:
                numbers = sorted(random.Random(options.seed).sample(numbers, SAMPLE))
            tally = Tally(f"no memory: {name}")
            for n, found in zip(numbers, pool.map(play, [name] * len(numbers), numbers)):
                tally.add(1, found, replay=f"tests/crash/crash heap --replay '{name}:{n}'")
            tap.tally(tally)
            tallies.append(tally)
    tap.total("no memory: all", tallies)
