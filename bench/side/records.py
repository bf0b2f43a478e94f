"""records - jsonl -> map -> where -> jsonl: records a second and peak memory, for few and for many records

The far side is only the disk. Each peer writes the same records; what they wrote is compared as JSON with a line count and
with the first and last lines of the first peer.
"""
import json
import pathlib
import random
import shutil
import sys

from .kit import BENCH, say
from .measure import Failed, Rounds

HOCKET = """\
from: {{jsonl: {source}}}
steps:
  - map: {{id: , user: .user.name, total: .total}}
  - where: .total >= 50
to: {{jsonl: out.jsonl}}
"""
JQ = "{id, user: .user.name, total} | select(.total >= 50)"
MILLER = '$* = {"id": $id, "user": $user.name, "total": $total}; filter $total >= 50'


def write_records(path, n):
    """n records of about 400 bytes; half of them pass the filter."""
    rng = random.Random(n)
    words = "parcel harbour window letter garden mountain silver autumn engine river".split()
    with open(path, "w") as out:
        for i in range(n):
            out.write(json.dumps({
                "id": i, "at": f"2026-01-{i % 28 + 1:02}T12:{i % 60:02}:00Z", "total": rng.randrange(10000) / 100,
                "user": {"id": rng.randrange(10**6), "name": f"{rng.choice(words)} {rng.choice(words)}",
                         "email": f"user{i}@example.com", "tags": rng.sample(words, 3)},
                "lines": [{"sku": f"AB-{rng.randrange(10**4):04}", "qty": rng.randrange(9), "price": 12.5}],
                "note": " ".join(rng.choices(words, k=12)), "paid": rng.random() < 0.5, "coupon": None}) + "\n")


def hocket(kit):
    program = kit.hocket()

    def command(folder, source):
        shutil.rmtree(folder / ".hocket", ignore_errors=True)
        (folder / "records.yaml").write_text(HOCKET.format(source=source))
        return [program, "run", "-q", "records.yaml"]
    return command


def peers(kit):
    """(name, command(folder, source), writes to stdout)"""
    def tool(name, *arguments):
        program = kit.tool(name)
        return lambda folder, source: [program, *arguments, source]
    script = BENCH / "peers/records_json.py"
    made = [
        ("hocket", lambda: hocket(kit), False),
        ("Python json", lambda: lambda folder, source: [sys.executable, script, source, "out.jsonl"], False),
        ("jq", lambda: tool("jq", "-c", JQ), True),
        ("Miller", lambda: tool("mlr", "--ijsonl", "--ojsonl", "--no-auto-flatten", "put", MILLER), True),
    ]
    return [(name, command, stdout) for name, make, stdout in made if (command := kit.try_make(name, make))]


def essence(path):
    """(lines, first, last): enough to see that two peers did the same."""
    n, first, last = 0, None, None
    with open(path) as lines:
        for last in lines:
            first = first or last
            n += 1
    return n, first and json.loads(first), last and json.loads(last)


def run_once(runner, folder, command, stdout, n):
    out = folder / "out.jsonl"
    out.unlink(missing_ok=True)
    got = runner.run(command(folder, f"in-{n}.jsonl"), cwd=folder, stdout=out if stdout else None)
    return essence(out), {"per_s": n / got["wall_s"], "cpu_us": got["cpu_s"] * 1e6 / n, "rss_mib": got["rss_mib"]}


def flow(kit, runner, folder, counts, rounds):
    folder = pathlib.Path(folder)
    figures, broken, expected = Rounds(), set(), {}
    everyone = peers(kit)
    for n in counts:
        write_records(folder / f"in-{n}.jsonl", n)
    for at in range(rounds):
        for n in counts:
            for name, command, stdout in everyone:
                if name in broken:
                    continue
                say(f"bench: round {at + 1} of {rounds}: {name}, {n:,} records")
                try:
                    wrote, got = run_once(runner, folder, command, stdout, n)
                    if expected.setdefault(n, wrote) != wrote:
                        raise Failed(f"wrote {wrote}, not {expected[n]}")
                    figures.add(name, n, **got)
                except Failed as error:
                    kit.miss(f"{name} at {n:,} records", error)
                    broken.add(name)
    size = (folder / f"in-{counts[0]}.jsonl").stat().st_size / counts[0]
    return {"counts": counts, "rounds": rounds, "record_bytes": round(size),
            "rows": figures.as_json(["per_s", "cpu_us", "rss_mib"])}
