"""sql - queries, streams and loads of <hocket/sql.h> beside asyncpg and psycopg on PostgreSQL, and Python's sqlite3 on SQLite

Each peer is a program that runs the cases it is asked for and leaves out those it does not have; every answer is checked by it. The
server is a PostgreSQL of the benchmark's own (tools/postgres-server), on the other core. CPU is the client's alone.
"""
import contextlib
import json
import pathlib

from .kit import BENCH, ROOT, Missing, say, sh
from .measure import CLIENT_CORE, SERVER_CORE, Rounds, pinned

POSTGRES = ["lookup", "lookup_20", "pipeline", "stream", "copy"]
SQLITE = ["lookup", "stream", "insert"]


@contextlib.contextmanager
def server(folder):
    tool, where = ROOT / "tools/postgres-server", folder / "postgres"
    url = sh(*pinned(SERVER_CORE, tool, "start", where, "-c", "fsync=off", "-c", "shared_buffers=256MB")).split()[-1]
    try:
        yield url
    finally:
        sh(tool, "stop", where)


def run(kit, figures, peer, where, command, cases):
    say(f"bench: {peer}, {where}")
    try:
        got = json.loads(sh(*pinned(CLIENT_CORE, *command, *cases)))
    except Missing as error:
        return kit.miss(f"{peer}, {where}", error)
    for case, figure in got.items():
        figures.add(peer, f"{where} {case}", **figure)


def sql(kit, folder, rounds):
    folder, figures = pathlib.Path(folder), Rounds()
    ours, python, peers = kit.layer_program("sql.c"), kit.python(), BENCH / "peers/sql_peers.py"
    lite = f"sqlite:{folder}/bench.db"
    sh(python, peers, "setup", lite)
    folder.chmod(0o755)  # the server has another owner when root makes it
    with server(folder) as url:
        sh(python, peers, "setup", url)
        for at in range(rounds):
            say(f"bench: round {at + 1} of {rounds}")
            run(kit, figures, "hocket", "postgres", [ours, url], POSTGRES)
            run(kit, figures, "asyncpg", "postgres", [python, peers, "asyncpg", url], POSTGRES)
            run(kit, figures, "psycopg", "postgres", [python, peers, "psycopg", url], POSTGRES)
            run(kit, figures, "hocket", "sqlite", [ours, lite], SQLITE)
            run(kit, figures, "Python sqlite3", "sqlite", [python, peers, "sqlite3", lite], SQLITE)
    return {"rounds": rounds, "rows": figures.as_json(["cpu_us", "per_s", "n"])}
