"""size.py - a hundred times the records, and no more memory; a million of them, and no slower to go on

Memory is the largest resident set of the process, as the kernel counts it. Going on is timed from the start of the process that follows a kill -9 at
nine tenths of the way to its first write of new output; then all lines or rows are compared.
"""
import pathlib
import tempfile

import shim
from shapes import Findings, compact, lines_of, name_of, rows_of
from tally import Tally
from witness import Witness

MORE_MIB = 24        # the larger run may take so much more: its windows and batches are full, the small one's never are
RESUME_SECONDS = 1.0

TO_FILE = """
from: {jsonl: in.jsonl}
steps:
  - map: {id: .id, n: .n + 1}
to: {jsonl: out.jsonl}
"""
TO_SQLITE = TO_FILE.replace("{jsonl: out.jsonl}", "{sqlite: out.db, table: t}")
ASKING = """
from: {jsonl: in.jsonl}
steps:
  - http: BASE/item/\\(.id)
    concurrency: 100
    into: .far
to: {jsonl: out.jsonl}
"""


def write(folder, text, records):
    (folder / "pipe.yaml").write_text(text.lstrip())
    with open(folder / "in.jsonl", "w") as file:
        file.writelines(f'{{"id":{i},"n":{i * 7}}}\n' for i in range(records))


def peak_mib(text, records):
    """The largest resident set of a whole run."""
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as top:
        folder = pathlib.Path(top).resolve() / "run"
        folder.mkdir()
        write(folder, text, records)
        ended = shim.run(folder, "pipe.yaml")
        whole = ended.code == 0 and len(lines_of(folder / "out.jsonl")) == records
        return ended.peak_mib if whole and ended.peak_mib else float("inf")


def test_flat(tap, what, text, few, many):
    small, large = peak_mib(text, few), peak_mib(text, many)
    tap.figure(large <= small + MORE_MIB, f"peak memory, {what}: {few:,} and {many:,} records", f"{small:.0f} and {large:.0f} MiB",
               f"at most {MORE_MIB} MiB more")


def check_rows(folder, records, found):
    expected = [(i, i * 7 + 1) for i in range(records)]
    if (folder / "out.db").exists():
        found.compare("out.db", expected, rows_of(folder / "out.db", "SELECT id, n FROM t"))
    else:
        found.compare("out.jsonl", [compact({"id": i, "n": n}) for i, n in expected], lines_of(folder / "out.jsonl"), ordered=True)


def test_going_on(tap, what, text, records):
    """Killed at nine tenths; how long a new process needs until it writes on."""
    tally = Tally(f"killed at nine tenths of {records:,} records: {what}")
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as top:
        folder = pathlib.Path(top).resolve() / "run"
        folder.mkdir()
        write(folder, text, records)
        whole = shim.run(folder, "pipe.yaml", "--state", str(folder / "first.db")).calls["write"]
        for path in folder.glob("out*"):
            path.unlink()
        killed = shim.run(folder, "pipe.yaml", fault=f"write:{whole * 9 // 10}:before")
        ended = shim.run(folder, "pipe.yaml", watch="/out.")
        found = Findings()
        seconds = ended.seconds_to_first("write")
        settled = ended.summary.get("in", 0)
        found.demand(killed.killed and ended.code == 0 and ended.summary.get("resumed"), f"exit codes {killed.code} and {ended.code}: {ended.err}")
        found.demand(settled == records, f"in {settled}")
        check_rows(folder, records, found)
        tally.add(1, found, [seconds or 0.0], "tests/crash/crash size")
    tap.tally(tally)
    tap.figure(seconds is not None and seconds < RESUME_SECONDS, f"seconds to go on, {what}, {records:,} records", f"{seconds or 0:.3f} s",
               f"less than {RESUME_SECONDS:g} s")


def answer(method, path, body, nth):
    return 200, {"name": name_of(int(path.rsplit("/", 1)[1])), "text": "x" * 2000}


def test(tap, options):
    records = 1_000_000
    test_flat(tap, "jsonl, map, jsonl", TO_FILE, 10_000, records)
    with Witness(answer, slowest=0.001) as far:
        test_flat(tap, "jsonl, GET at 100, jsonl", ASKING.replace("BASE", far.base), 1000, 100_000 if options.full else 10_000)
    test_going_on(tap, "jsonl, map, jsonl", TO_FILE, records)
    test_going_on(tap, "jsonl, map, sqlite", TO_SQLITE, records)


def replay(case):
    raise SystemExit("size: run it as it is, it has only a few cases")
