"""lookups - a whole pipeline around the sql step: for each id of a file the row of that id, written as JSON lines

What each peer wrote is read back: every id, in order, with its own row. The server is the one of sql.py; one rate for its core bounds
them all, so the figure is the client's CPU time.
"""
import json
import os
import pathlib
import shutil

from .kit import BENCH, say, sh
from .measure import Failed, Rounds
from .sql import server

PIPELINE = """\
from: {{jsonl: in.jsonl}}
steps:
  - sql: SELECT id, name, price::text AS price FROM item WHERE id = $1
    db: $secret.PG_URL
    args: [.id]
    batch: {batch}
    into: .rows
to: {{jsonl: out.jsonl}}
"""
ITEMS = 10000  # as sql_peers.py makes them
PYTHON = {"asyncpg, gather over a pool": "asyncpg_gather", "asyncpg, = ANY by hand": "asyncpg_lots", "psycopg, pipeline": "psycopg_pipeline",
          "psycopg, gather over a pool": "psycopg_pool"}


def hocket(program, batch):
    def command(folder):
        shutil.rmtree(folder / ".hocket", ignore_errors=True)
        (folder / "lookups.yaml").write_text(PIPELINE.format(batch=batch))
        return [program, "run", "-q", "lookups.yaml"]
    return command


def check(path, n):
    with open(path) as lines:
        count = 0
        for i, line in enumerate(lines):
            r, want = json.loads(line), i % ITEMS
            if r != {"id": want, "rows": [{"id": want, "name": f"item {want}", "price": "12.50"}]}:
                raise Failed(f"wrote {line[:100]!r} as line {i + 1}")
            count += 1
    if count != n:
        raise Failed(f"wrote {count} records of {n}")


def lookups(kit, runner, folder, n, rounds):
    folder, figures, broken = pathlib.Path(folder), Rounds(), set()
    program, python = kit.hocket(), kit.python()
    everyone = {"hocket": hocket(program, 1), "hocket, batch: 200": hocket(program, 200)}
    with open(folder / "in.jsonl", "w") as lines:
        lines.writelines(f'{{"id":{i % ITEMS}}}\n' for i in range(n))
    folder.chmod(0o755)  # the server has another owner when root makes it
    with server(folder) as url:
        os.environ["PG_URL"] = url
        sh(python, BENCH / "peers/sql_peers.py", "setup", url)
        everyone |= {name: lambda _, case=case: [python, BENCH / "peers/lookups.py", case, url] for name, case in PYTHON.items()}
        for at in range(rounds):
            for name in [name for name in everyone if name not in broken]:
                say(f"bench: round {at + 1} of {rounds}: {name}")
                (folder / "out.jsonl").unlink(missing_ok=True)
                try:
                    got = runner.run(everyone[name](folder), cwd=folder)
                    check(folder / "out.jsonl", n)
                    figures.add(name, "lookup", cpu_us=got["cpu_s"] * 1e6 / n, per_s=n / got["wall_s"], rss_mib=got["rss_mib"])
                except Failed as error:
                    kit.miss(name, error)
                    broken.add(name)
    return {"n": n, "rounds": rounds, "rows": figures.as_json(["cpu_us", "per_s", "rss_mib"])}
