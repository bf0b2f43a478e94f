"""database.py - hocket is killed, or the server, again and again while rows go into PostgreSQL; the table is asked, by SQL, what it has

Nothing here could hide a double row: there is no key, but where it is the upsert that is tested. The server is stopped with -m immediate, which is
a crash to it; fsync is off, because it is the process that dies and not the machine.
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import shim
from shapes import Findings
from tally import Tally

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import pg

FAULTS, ROWS = 5, 100_000
FAULTS_FULL, ROWS_FULL = 20, 1_000_000
HELD = 1000  # one row in so many takes 10 ms
SOURCES = {
    "a file": "from: {jsonl: in.jsonl}\n",
    "SQLite": "from: {sqlite: in.db, query: SELECT n FROM t, after: n}\n",
    "PostgreSQL": "from: {postgres: $secret.PG_URL, query: SELECT n FROM numbers, after: n}\n",
}


class Case:
    def __init__(self, server, folder, rows, faults, source, key, seed):
        self.server, self.folder, self.rows, self.faults = server, folder, rows, faults
        self.database = server.database()
        self.env = {**os.environ, "PG_URL": self.database.url}
        self.chance = random.Random(seed)
        self.found = Findings()
        self.key = key
        self.write_input()
        (folder / "pipe.yaml").write_text(SOURCES[source] + f"to: {{postgres: $secret.PG_URL, table: t{key}}}\n")

    def write_input(self):
        with open(self.folder / "in.jsonl", "w") as file:
            file.writelines(f'{{"n":{n}}}\n' for n in range(self.rows))
        subprocess.run(["sqlite3", self.folder / "in.db", "CREATE TABLE t(n INTEGER PRIMARY KEY); WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL "
                        f"SELECT n + 1 FROM n WHERE n < {self.rows - 1}) INSERT INTO t SELECT n FROM n"], check=True)
        self.database.run(f"CREATE TABLE numbers AS SELECT n FROM generate_series(0, {self.rows - 1}) n; ALTER TABLE numbers ADD PRIMARY KEY (n)")

    def start(self, *more):
        return subprocess.Popen([shim.PROGRAM, "run", "pipe.yaml", *more], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=open(self.folder / "err", "a"))

    def whole(self):
        """How long an undisturbed run takes; what it made is thrown away. From then on the table takes its rows slowly, so that no run is over
        before its faults."""
        began = time.monotonic()
        assert self.start("--state", str(self.folder / "first.db")).wait() == 0, (self.folder / "err").read_text()
        self.database.run("TRUNCATE t; DROP TABLE hocket_mark, hocket_made; CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS "
                          "'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END'; CREATE TRIGGER hold BEFORE INSERT ON t FOR EACH ROW "
                          f"WHEN (NEW.n % {HELD} = 0) EXECUTE FUNCTION hold()")
        return time.monotonic() - began + 0.01 * self.rows / HELD

    def pause(self, whole):
        time.sleep(self.chance.uniform(0.02, 0.02 + 1.6 * whole / self.faults))  # the moment is what is tested

    def kill(self, whole):
        """kill -9 of hocket until it is through; how often."""
        faults = 0
        while True:
            process = self.start()
            self.pause(whole + 0.05 * self.faults)
            if faults < self.faults and process.poll() is None:
                process.kill()
                process.wait()
                faults += 1
                continue
            self.end(process)
            return faults

    def restart(self, whole):
        """pg_ctl restart -m immediate while hocket runs; how often."""
        process, faults = self.start(), 0
        while process.poll() is None and self.database.value("SELECT to_regclass('hocket_mark') IS NULL") == "t":
            time.sleep(0.01)  # hocket waits for a server that goes away, not for one that was never there
        while faults < self.faults and process.poll() is None:
            self.pause(whole)
            if process.poll() is None:
                self.server.restart()
                faults += 1
        self.end(process)
        return faults

    def end(self, process):
        code = process.wait()
        self.found.demand(code == 0, f"exit code {code}: {(self.folder / 'err').read_text()[-400:]}")

    def judge(self):
        if self.found.wrong:
            return  # the run did not end; how, was said
        n, different, sums = map(int, self.database.value("SELECT count(*), count(DISTINCT n), coalesce(sum(DISTINCT n), 0) FROM t").split("|"))
        self.found.lost += self.rows - different
        self.found.duplicated += n - different
        self.found.demand(sums == self.rows * (self.rows - 1) // 2, f"the sum is {sums}")


def test_case(tap, server, size, source, key, how, seed):
    rows, faults = size
    name = f"{rows:,} rows from {source} into PostgreSQL{' by key' if key else ''}, {'hocket killed' if how == 'kill' else 'the server crashed'}"
    tally = Tally(name)
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as folder:
        case = Case(server, pathlib.Path(folder), rows, faults, source, key, seed)
        done = getattr(case, how)(case.whole())
        case.judge()
        tally.add(done, case.found)
    tap.tally(tally)


def test(tap, options):
    try:
        server = pg.Postgres("fsync=off")
    except pg.Missing as why:
        tap.skip("rows into PostgreSQL", str(why))
        return
    size = (ROWS_FULL, FAULTS_FULL) if options.full else (ROWS, FAULTS)
    try:
        for source, key in (("a file", ""), ("a file", ", key: n"), ("SQLite", ""), ("PostgreSQL", "")):
            for how in ("kill", "restart"):
                test_case(tap, server, size, source, key, how, options.seed)
    finally:
        server.stop()


def replay(seed):
    sys.exit(f"the moments are drawn, not counted: run `crash database --seed {seed}`")
