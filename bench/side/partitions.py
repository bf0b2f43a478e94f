"""partitions - JSON lines into a file for each value of a field, and into Parquet

What each peer wrote is read back: all files together must be the input's lines, or, of Parquet, as many rows.
"""
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys

from .kit import BENCH, ROOT, say
from .measure import Failed, Rounds

DAYS = 300
HOCKET = "from: {jsonl: in.jsonl}\nto: {jsonl: 'out/\\(.day).jsonl', commit: {rows: 100000, bytes: 64MB, every: 10s}}\n"
PARQUET = "from: {jsonl: in.jsonl}\nto: {parquet: out/all.parquet}\n"
DUCKDB = ("import duckdb; duckdb.sql(\"copy (select * from read_json('in.jsonl')) to 'out/all.parquet' "
          "(format parquet, compression zstd)\")")


def write_input(folder, n):
    first = datetime.date(2026, 1, 1)
    with open(folder / "in.jsonl", "w") as lines:
        for i in range(n):
            day = first + datetime.timedelta(days=i * 7919 % DAYS)
            lines.write(json.dumps({"id": i, "day": str(day), "total": i % 997 / 8, "name": f"name {i}"}) + "\n")


def peers(kit):
    """(name, case, pipeline, command)"""
    program = kit.hocket()
    made = [("hocket", "partitions", HOCKET, [program, "run", "-q", "bench.yaml"]),
            ("Python", "partitions", None, [sys.executable, BENCH / "peers/partitions.py", "in.jsonl", "out", "day"])]
    got = [subprocess.run([ROOT / "tools/duckdb-library", *words], capture_output=True, text=True) for words in ([], ["--reader"])]
    if any(one.returncode for one in got):
        kit.miss("Parquet", got[0].stderr.strip() or got[1].stderr.strip())
        return made
    os.environ["HOCKET_DUCKDB"] = got[0].stdout.strip()
    return made + [("hocket", "parquet", PARQUET, [program, "run", "-q", "bench.yaml"]),
                   ("DuckDB from Python", "parquet", None, [got[1].stdout.strip(), "-c", DUCKDB])]


def wrote(folder, case, n):
    files = sorted(p for p in (folder / "out").iterdir() if not p.name.startswith("."))
    if case == "parquet":
        return [p.name for p in files] == ["all.parquet"] and files[0].stat().st_size > 4
    return len(files) == min(DAYS, n) and sum(p.read_bytes().count(b"\n") for p in files) == n


def partitions(kit, runner, folder, n, rounds):
    folder = pathlib.Path(folder)
    figures = Rounds()
    write_input(folder, n)
    everyone = peers(kit)
    for at in range(rounds):
        for name, case, pipeline, command in everyone:
            say(f"bench: round {at + 1} of {rounds}: {name}, {case}")
            for old in ("out", ".hocket"):
                shutil.rmtree(folder / old, ignore_errors=True)
            (folder / "out").mkdir()
            if pipeline:
                (folder / "bench.yaml").write_text(pipeline)
            got = runner.run(command, cwd=folder)
            if not wrote(folder, case, n):
                raise Failed(f"{name}, {case}: not all of it was written")
            figures.add(name, case, per_cpu_s=n / got["cpu_s"], per_s=n / got["wall_s"], rss_mib=got["rss_mib"])
    return {"n": n, "rounds": rounds, "files": DAYS, "rows": figures.as_json(["per_cpu_s", "per_s", "rss_mib"])}
