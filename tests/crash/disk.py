"""disk.py - the disk says no: every write, sync, truncation, rename, removal and creation of a small run fails once

For each kind of call and each way to fail, n = 1, 2, ... until the run has no n-th call left. A run that met a fault ends with exit
code 1 and names a file, or it ends well and everything is there: some calls only tidy up. Then it is run again on a mended disk,
and nothing may be missing or there twice.
"""
import concurrent.futures
import itertools
import pathlib
import re
import shutil
import tempfile

import shim
from shapes import Findings, Small, Spilled
from tally import Tally
from witness import Witness

WAYS = {  # what fails, and how; a + : and all that follow
    "write": ["ENOSPC", "ENOSPC+", "EIO", "short"],
    "fsync": ["EIO", "ENOSPC", "EIO+"],
    "fdatasync": ["EIO", "ENOSPC", "EIO+"],
    "truncate": ["EIO"],
    "rename": ["EIO", "ENOSPC"],
    "unlink": ["EIO"],
    "open": ["ENOSPC", "EIO"],
    "mkdir": ["ENOSPC"],
}
SPILLS = {  # what is on the way, in files without a name
    "write@(deleted)": ["ENOSPC", "EIO", "short"],
}
SHAPES = {shape.name: shape for shape in [Small(), Spilled()]}
RUNS_MOST = 3


def is_told(ended):
    """The message names the file at fault, in quotes; SQLite's helpers go by the database's name, and a folder by any file in it."""
    path = pathlib.Path(ended.met_path)
    name = re.sub(r"(-wal|-shm|-journal|\.part)$", "", path.name) if path.suffix else ""
    return re.search(rf"'/[^']*{re.escape(name)}[^']*'", ended.err) is not None


def may_be_silent(kind):
    """All our own syncs count, they are fsync. SQLite's are fdatasync: of those it passes over a folder's, and what it cannot move
    from its log into the database when it closes it stays in the log, which is synced."""
    return kind != "fsync"


def judge(ended, kind, shape, found):
    """Of the run that met the fault. True: it ended well, then everything must be there already."""
    if ended.code in shape.exits:
        found.demand(not ended.met or may_be_silent(kind), f"a failed sync of {ended.met_path} was not told")
        return True
    found.demand(ended.code == 1, f"exit code {ended.code}: {ended.err.strip()[-300:]}")
    found.demand(is_told(ended), f"{ended.met_path} is not named: {ended.err.strip()[:300]}")
    found.demand("out.dead" not in ended.met_path or "copied to" not in ended.err, "a copy that failed is called made")
    found.demand(ended.summary.get("exit") == ended.code, f"the summary says {ended.summary.get('exit')}, the exit code is {ended.code}")
    return False


def break_one(folder, shape, fault, say=lambda words: None):
    """(the fault was met, findings)"""
    found = Findings()
    with Witness(shape.answer) as far:
        shape.write(folder, far.base)
        ended = shim.run(folder, "pipe.yaml", fault=fault)
        say(f"{fault}: exit code {ended.code} {ended.err.strip()}")
        met, well = ended.met, judge(ended, fault.partition(":")[0], shape, found)
        for _ in range(0 if well else RUNS_MOST):
            ended = shim.run(folder, "pipe.yaml")
            say(f"again: exit code {ended.code} {ended.err.strip()}")
            if ended.code in shape.exits or ended.summary.get("end") == "nothing_new":
                break
            found.say(f"on the mended disk exit code {ended.code}: {ended.err.strip()[-300:]}")
        shape.check_account(ended.summary, found)
        shape.check(folder, far, found)
    return met, found


def play(name, kind, way, stride):
    """The calls of this kind, one after the other."""
    tally = Tally(f"{way} at {kind}: {name}")
    for n in itertools.count(1, stride):
        fault = f"{kind}:{n}:{way}"
        with tempfile.TemporaryDirectory(prefix="hocket-crash-") as top:
            folder = pathlib.Path(top) / "run"
            folder.mkdir()
            met, found = break_one(folder, SHAPES[name], fault)
        if not met:
            return tally
        tally.add(1, found, replay=f"tests/crash/crash disk --replay '{name}:{fault}'")


def replay(case):
    name, fault = case.rsplit(":", 3)[0], ":".join(case.rsplit(":", 3)[1:])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hocket-crash-")) / "run"
    folder.mkdir()
    _, found = break_one(folder, SHAPES[name], fault, print)
    print("\n".join(found.words) or "as it must be", f"in {folder}", sep="\n")
    if found.good:
        shutil.rmtree(folder.parent)


def test(tap, options):
    """Each call in the first way; in the others each third, unless all is asked for."""
    cases = [(shape.name, kind, way, 1 if options.full or way == ways[0] else 3)
             for shape, kinds in [(Small(), WAYS), (Spilled(), SPILLS)] for kind, ways in kinds.items() for way in ways]
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        tallies = list(pool.map(play, *zip(*cases)))
    for t in tallies:
        tap.tally(t)
    tap.total("the disk says no: all", tallies)
