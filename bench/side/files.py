"""files - CSV and JSON lines in and out: id, name and total of the records whose total is 50 or more

Four jobs, each from a file to a file; the far side is only the disk. What each peer wrote is read back: how many records, the
first and the last one, as numbers and texts.
"""
import csv
import json
import pathlib
import random
import shutil
import sys

from .kit import BENCH, say
from .measure import Failed, Rounds

JOBS = ["csv to csv", "csv to jsonl", "jsonl to csv", "jsonl to jsonl"]
FIELDS = ["id", "at", "total", "name", "email", "city", "note", "paid"]
HOCKET = """\
from: {{{source}: in.{source}{types}}}
steps:
  - where: .total >= 50
  - map: {{id: , name: , total: }}
to: {{{sink}: out.{sink}}}
"""
MILLER = 'filter $total >= 50 then cut -o -f id,name,total'
JQ = "select(.total >= 50) | {id, name, total}"
JQ_CSV = 'select(.total >= 50) | [.id, .name, .total] | @csv'


def write_inputs(folder, n):
    """The same n records twice, about 125 bytes each as CSV; a tenth has a comma in a quoted field."""
    rng = random.Random(n)
    words = "parcel harbour window letter garden mountain silver autumn engine river".split()
    with open(folder / "in.jsonl", "w") as lines, open(folder / "in.csv", "w", newline="") as rows:
        writer = csv.writer(rows, lineterminator="\n")
        writer.writerow(FIELDS)
        for i in range(n):
            row = [i, f"2026-01-{i % 28 + 1:02}T12:{i % 60:02}:00Z", rng.randrange(10000) / 100, f"{rng.choice(words)} {rng.choice(words)}",
                   f"user{i}@example.com", rng.choice(words), (" " if i % 10 else ", ").join(rng.choices(words, k=6)), rng.random() < 0.5]
            writer.writerow([*row[:-1], str(row[-1]).lower()])
            lines.write(json.dumps(dict(zip(FIELDS, row))) + "\n")


def hocket(kit, source, sink):
    program = kit.hocket()
    types = ", types: {id: int, total: float}" if source == "csv" else ""

    def command(folder):
        shutil.rmtree(folder / ".hocket", ignore_errors=True)
        (folder / "files.yaml").write_text(HOCKET.format(source=source, sink=sink, types=types))
        return [program, "run", "-q", "files.yaml"]
    return command


def miller(kit, source, sink):
    program = kit.tool("mlr")
    return lambda folder: [program, f"--i{source}", f"--o{sink}", *MILLER.split(" then ")[0].split(" ", 1), "then",
                           *MILLER.split(" then ")[1].split(), f"in.{source}"]


def jq(kit, source, sink):
    if source == "csv":
        return None
    program = kit.tool("jq")
    return lambda folder: [program, *(["-r", JQ_CSV] if sink == "csv" else ["-c", JQ]), "in.jsonl"]


def script(python, name, source, sink):
    return lambda folder: [python, BENCH / "peers" / name, source, sink]


def peers(kit, job):
    """(name, command(folder), writes to stdout)"""
    source, sink = job.split(" to ")
    made = [
        ("hocket", lambda: hocket(kit, source, sink), False),
        ("Python csv, json", lambda: script(sys.executable, "files_stdlib.py", source, sink), False),
        ("jq", lambda: jq(kit, source, sink), True),
        ("Miller", lambda: miller(kit, source, sink), True),
        ("DuckDB, one thread", lambda: script(kit.python(), "files_duckdb.py", source, sink), False),
    ]
    return [(name, command, stdout) for name, make, stdout in made if (command := kit.try_make(name, make))]


def records_of(path, sink):
    with open(path, newline="") as text:
        if sink == "jsonl":
            yield from ((r["id"], r["name"], r["total"]) for r in map(json.loads, text))
            return
        for row in csv.reader(text):
            if row[0] != "id":
                yield int(row[0]), row[1], float(row[2])


def essence(path, sink):
    """(records, first, last): enough to see that two peers did the same."""
    n, first, last = 0, None, None
    for last in records_of(path, sink):
        first = first or last
        n += 1
    return n, first, last


def run_once(runner, folder, command, stdout, sink, n):
    out = folder / f"out.{sink}"
    out.unlink(missing_ok=True)
    got = runner.run(command(folder), cwd=folder, stdout=out if stdout else None)
    return essence(out, sink), {"per_cpu_s": n / got["cpu_s"], "per_s": n / got["wall_s"], "rss_mib": got["rss_mib"]}


def files(kit, runner, folder, n, rounds):
    folder = pathlib.Path(folder)
    figures, broken, expected = Rounds(), set(), None
    write_inputs(folder, n)
    everyone = {job: peers(kit, job) for job in JOBS}
    for at in range(rounds):
        for job in JOBS:
            for name, command, stdout in everyone[job]:
                if (name, job) in broken:
                    continue
                say(f"bench: round {at + 1} of {rounds}: {name}, {job}")
                try:
                    wrote, got = run_once(runner, folder, command, stdout, job.split(" to ")[1], n)
                    expected = expected or wrote
                    if expected != wrote:
                        raise Failed(f"wrote {wrote}, not {expected}")
                    figures.add(name, job, **got)
                except Failed as error:
                    kit.miss(f"{name}, {job}", error)
                    broken.add((name, job))
    sizes = {source: round((folder / f"in.{source}").stat().st_size / n) for source in ("csv", "jsonl")}
    return {"n": n, "rounds": rounds, "bytes": sizes, "rows": figures.as_json(["per_cpu_s", "per_s", "rss_mib"])}
