"""large - the article's workload at large: 10,000 API calls at once, a row of a database behind each, one JSON line

The API (server/delay.c) answers after half a second, so that 10,000 are really on the way. Its server is started anew for each run:
another port, so that no run meets the closed connections of the one before. PostgreSQL is the one of sql.py. What each program
wrote is read back: every id once, with its own answer and its own row.
"""
import json
import os
import pathlib
import resource
import shutil

from . import servers
from .kit import BENCH, Missing, say, sh
from .measure import Failed, Rounds
from .sql import server

PIPELINE = """\
from: {{jsonl: ids.jsonl}}
steps:
  - http: {url}\\(.id)
    concurrency: {concurrency}
    result: .ref = $res.body.customer.ref
  - sql: SELECT id, name, price::text AS price FROM item WHERE id = $1
    db: $secret.PG_URL
    args: [.item]
    concurrency: 4
    batch: {batch}
    into: .rows
order: any
to: {{jsonl: out.jsonl}}
"""
ITEMS = 10000  # as sql_peers.py makes them
CONNECTIONS = 10000
FILES = CONNECTIONS + 500


def hocket(program, batch):
    def command(folder, url, database):
        shutil.rmtree(folder / ".hocket", ignore_errors=True)
        (folder / "large.yaml").write_text(PIPELINE.format(url=url, concurrency=CONNECTIONS, batch=batch))
        return [program, "run", "-q", "large.yaml"]
    return command


def asyncio(python, how):
    return lambda folder, url, database: [python, BENCH / "peers/large_asyncio.py", how, "ids.jsonl", "out.jsonl", url, database, CONNECTIONS]


def check(path, n):
    seen = bytearray(n)
    with open(path) as lines:
        for line in lines:
            r = json.loads(line)
            at, item = r["id"], r["id"] % ITEMS
            if r != {"id": at, "item": item, "ref": f"cus-{at}", "rows": [{"id": item, "name": f"item {item}", "price": "12.50"}]}:
                raise Failed(f"wrote {line[:100]!r}")
            seen[at] += 1
    if seen.count(1) != n:
        raise Failed(f"{n - seen.count(1)} of {n} ids are missing or doubled")


def check_limits():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < FILES:
        raise Missing(f"10,000 connections need ulimit -Hn of {FILES} or more; it is {hard}")
    low, high = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if high - low < 2 * CONNECTIONS:
        raise Missing(f"10,000 connections need more local ports than {low} to {high} (net.ipv4.ip_local_port_range)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), hard))


def large(kit, runner, folder, n, rounds, milliseconds=500):
    folder, figures, broken = pathlib.Path(folder), Rounds(), set()
    check_limits()
    program, python = kit.hocket(), kit.python()
    everyone = {"hocket": hocket(program, 200), "hocket, each row alone": hocket(program, 1),
                "aiohttp + asyncpg, = ANY by hand": asyncio(python, "lots"), "aiohttp + asyncpg": asyncio(python, "rows")}
    (folder / "ids.jsonl").write_text("".join(f'{{"id":{i},"item":{i % ITEMS}}}\n' for i in range(n)))
    folder.chmod(0o755)  # the server has another owner when root makes it
    with server(folder) as database:
        os.environ["PG_URL"] = database
        sh(python, BENCH / "peers/sql_peers.py", "setup", database)
        for at in range(rounds):
            for name in [name for name in everyone if name not in broken]:
                say(f"bench: round {at + 1} of {rounds}: {name}")
                (folder / "out.jsonl").unlink(missing_ok=True)
                try:
                    with servers.delay(kit, milliseconds) as url:
                        got = runner.run(everyone[name](folder, url, database), cwd=folder)
                    check(folder / "out.jsonl", n)
                    figures.add(name, "large", cpu_us=got["cpu_s"] * 1e6 / n, per_s=n / got["wall_s"], wall_s=got["wall_s"], rss_mib=got["rss_mib"])
                except Failed as error:
                    kit.miss(name, error)
                    broken.add(name)
    return {"n": n, "rounds": rounds, "concurrency": CONNECTIONS, "delay_ms": milliseconds, "ideal_s": n / CONNECTIONS * milliseconds / 1000,
            "rows": figures.as_json(["wall_s", "per_s", "cpu_us", "rss_mib"])}
