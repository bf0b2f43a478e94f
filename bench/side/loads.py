"""loads - a file of JSON lines into a table of PostgreSQL, by COPY and by key, and a table of SQLite into a file

The witness is the table, asked by SQL after each run: how many rows, how many different, their sum. hocket writes its checkpoint with the rows; the
peers keep none. The upsert is over rows that are all there. The server is that of sql.py, on the other core.
"""
import os
import pathlib
import shutil
import sqlite3
import subprocess

from .kit import BENCH, say
from .measure import Failed, Rounds
from .sql import server

TABLE = "CREATE TABLE item (id bigint PRIMARY KEY, name text, total double precision, paid boolean)"
ROWS = "SELECT n, 'item ' || n, n / 4.0, n % 2 = 0 FROM generate_series(0, {n} - 1) n"
PIPES = {
    "copy": "from: {jsonl: in.jsonl}\nto: {postgres: $secret.PG_URL, table: item}\n",
    "upsert": "from: {jsonl: in.jsonl}\nto: {postgres: $secret.PG_URL, table: item, key: id}\n",
    "sqlite": "from: {sqlite: items.db, query: 'SELECT id, name, total, paid FROM item', after: id}\nto: {jsonl: out.jsonl}\n",
}
PYTHON = {"psycopg": {"copy": "psycopg_copy", "upsert": "psycopg_upsert"}, "asyncpg": {"copy": "asyncpg_copy", "upsert": "asyncpg_upsert"},
          "Python sqlite3": {"sqlite": "sqlite"}}


def psql(url, sql):
    return subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", url, "-c", sql], check=True, capture_output=True, text=True).stdout.strip()


def write_inputs(folder, n):
    with open(folder / "in.jsonl", "w") as lines:
        lines.writelines(f'{{"id":{i},"name":"item {i}","total":{i / 4},"paid":{"true" if i % 2 == 0 else "false"}}}\n' for i in range(n))
    with sqlite3.connect(folder / "items.db") as db:
        db.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, total REAL, paid INTEGER)")
        db.executemany("INSERT INTO item VALUES (?, ?, ?, ?)", ((i, f"item {i}", i / 4, i % 2 == 0) for i in range(n)))


def hocket(program, folder, case):
    shutil.rmtree(folder / ".hocket", ignore_errors=True)
    (folder / "out.jsonl").unlink(missing_ok=True)
    (folder / f"{case}.yaml").write_text(PIPES[case])
    return [program, "run", "-q", f"{case}.yaml"]


def prepare(url, case, n):
    psql(url, f"DROP TABLE IF EXISTS item; {TABLE}; DROP TABLE IF EXISTS hocket_mark")
    if case == "upsert":
        psql(url, f"INSERT INTO item {ROWS.format(n=n).replace('n / 4.0', '0')}")
        psql(url, "VACUUM item")


def check(url, folder, case, n):
    if case == "sqlite":
        with open(folder / "out.jsonl") as lines:
            count = sum(1 for _ in lines)
        if count != n:
            raise Failed(f"wrote {count} records of {n}")
        return
    got, want = psql(url, "SELECT count(*), count(DISTINCT id), sum(total * 4)::bigint FROM item"), f"{n}|{n}|{n * (n - 1) // 2}"
    if got != want:
        raise Failed(f"the table has {got}, not {want}")


def loads(kit, runner, folder, n, rounds):
    folder, figures = pathlib.Path(folder), Rounds()
    program, python = kit.hocket(), kit.python()
    write_inputs(folder, n)
    folder.chmod(0o755)  # the server has another owner when root makes it
    with server(folder) as url:
        os.environ["PG_URL"] = url
        for at in range(rounds):
            say(f"bench: round {at + 1} of {rounds}")
            for case in PIPES:
                everyone = {"hocket": lambda case=case: hocket(program, folder, case)}
                everyone |= {name: lambda words=words, case=case: [python, BENCH / "peers/loads.py", words[case], url]
                             for name, words in PYTHON.items() if case in words}
                for name, command in everyone.items():
                    prepare(url, case, n)
                    r = runner.run(command(), cwd=folder)
                    check(url, folder, case, n)
                    figures.add(name, case, per_s=n / r["wall_s"], cpu_us=r["cpu_s"] * 1e6 / n, rss_mib=r["rss_mib"])
    return {"rounds": rounds, "n": n, "rows": figures.as_json(["per_s", "cpu_us", "rss_mib"])}
