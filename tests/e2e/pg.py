"""A private PostgreSQL for tests (tools/postgres-server), asked through psql: the far side's own count is the witness."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

TOOL = pathlib.Path(__file__).resolve().parent.parent.parent / "tools/postgres-server"


class Missing(Exception):
    """Not installed here."""


class Postgres:
    """One cluster; every test takes a database of its own."""

    def __init__(self, *settings):
        self.folder = tempfile.mkdtemp(prefix="hocket-pg-")  # not in pytest's folders: user postgres must get in
        self.root_url = self.tool("start", *(word for each in settings for word in ("-c", each))).strip()
        self.bouncer_url = None
        self.count = 0

    def tool(self, verb, *arguments):
        # Its output goes through a file: a server that it starts would keep a pipe open.
        with tempfile.TemporaryFile("w+") as out:
            code = subprocess.run([TOOL, verb, self.folder, *map(str, arguments)], stdout=out).returncode
            out.seek(0)
            if code == 77:
                raise Missing("PostgreSQL is not installed")
            assert code == 0, f"postgres-server {verb}: exit code {code}"
            return out.read()

    def restart(self, mode="immediate"):
        self.tool("restart", mode)

    def bouncer(self, pool, mode="transaction"):
        """The URL of a pgbouncer before it, for the same databases."""
        if not self.bouncer_url:
            self.bouncer_url = self.tool("bouncer", pool, mode).strip()
        return self.bouncer_url

    def database(self):
        self.count += 1
        name = f"t{self.count}"
        Database(self.root_url).run(f"CREATE DATABASE {name}")
        return Database(self.root_url.rsplit("/", 1)[0] + "/" + name, self)

    def stop(self):
        self.tool("stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class Database:
    def __init__(self, url, server=None):
        self.url, self.server = url, server
        self.name = url.rsplit("/", 1)[1]

    @property
    def pooled(self):
        """The same database through pgbouncer, in transaction mode with a pool of 4."""
        return self.server.bouncer(4).rsplit("/", 1)[0] + "/" + self.name

    def run(self, sql):
        """psql's output, one line a row, columns parted by '|'."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-f", "-"], input=sql,
                              env={**os.environ, "PGCONNECT_TIMEOUT": "30"}, capture_output=True, text=True)
        assert done.returncode == 0, f"psql: {done.stderr}\nin: {sql[:400]}"
        return done.stdout.splitlines()

    @contextlib.contextmanager
    def held(self, keys):
        """Whoever asks for one of these advisory locks waits until the block ends."""
        psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        psql.stdin.write(f"SELECT count(pg_advisory_lock(key)) FROM unnest(ARRAY{list(keys)}::bigint[]) key;\n")
        psql.stdin.flush()
        assert psql.stdout.readline().strip() == str(len(keys))
        try:
            yield
        finally:
            psql.communicate()

    def value(self, sql):
        return self.run(sql)[0]

    def int(self, sql):
        return int(self.value(sql))
