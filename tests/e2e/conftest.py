"""Fixtures: a folder for each test, and hocket run in it. HOCKET names the program; HOCKET_SLOW stretches the clocks."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import gcs as google  # noqa: E402
import pg  # noqa: E402
import s3 as amazon  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("HOCKET", str(ROOT / "build-test/hocket"))
SLOW = float(os.environ.get("HOCKET_SLOW", "1"))


class Result:
    """What a finished run left behind."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def account(self):
        """The numbers of the closing account: {'in': 5000, 'delivered': 4991, ...}"""
        line = next((line for line in self.err.splitlines() if re.match(r"in [\d,]+ ", line)), None)
        assert line, f"no account in:\n{self.err}"
        return {name: int(n.replace(",", "")) for name, n in re.findall(r"([a-z]+) ([\d,]+)(?= |$)", line.split("        ")[0])}

    @property
    def summary(self):
        return json.loads(self.err.splitlines()[-1])

    def balances(self):
        a = self.account
        return a["in"] + a.get("spawned", 0) == sum(n for name, n in a.items() if name not in ("in", "spawned"))


class Hocket:
    """hocket, run in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.env = {**os.environ, "TERM": "dumb"}

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def write_jsonl(self, name, records):
        return self.write(name, "".join(json.dumps(r) + "\n" for r in records))

    def read_jsonl(self, name):
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def start(self, *arguments, stdin=None):
        return subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.folder, env=self.env, text=True,
                                stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, process, timeout=60):
        try:
            out, err = process.communicate(timeout=timeout * SLOW)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            out, err = process.communicate()
            raise AssertionError(f"still running after {timeout * SLOW} s; it said:\n{err}") from None
        return Result(process.returncode, out, err)

    def __call__(self, *arguments, stdin="", timeout=60):
        process = self.start(*arguments, stdin=subprocess.PIPE)
        try:
            out, err = process.communicate(stdin, timeout=timeout * SLOW)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            out, err = process.communicate()
            raise AssertionError(f"still running after {timeout * SLOW} s; it said:\n{err}") from None
        return Result(process.returncode, out, err)

    def run(self, text, *flags, name="pipe.yaml", **more):
        """Writes the pipeline and runs it."""
        self.write(name, text)
        return self("run", name, *flags, **more)


@pytest.fixture
def hocket(tmp_path):
    return Hocket(tmp_path)


@pytest.fixture(scope="session")
def postgres_server():
    """A cluster of our own (fsync off: what is killed here is a process, not the machine)."""
    try:
        server = pg.Postgres("fsync=off", "wal_level=minimal", "max_wal_senders=0", "shared_buffers=64MB")
    except pg.Missing as missing:
        pytest.skip(str(missing))
    yield server
    server.stop()


@pytest.fixture
def database(postgres_server):
    """A fresh database: .url, .pooled (through pgbouncer), .run(sql), .value(sql), .int(sql), .server.restart()."""
    return postgres_server.database()


@pytest.fixture(scope="session")
def gcs_server():
    """A Google Cloud Storage that is not ours; skipped, aloud, where it cannot be had."""
    try:
        google.tool("--client")
        server = google.Server()
    except google.Missing as missing:
        pytest.skip(f"no Google Cloud Storage here: {missing}")
    yield server
    server.stop()


@pytest.fixture
def gcs(gcs_server):
    """A fresh bucket (gcs.py): .url, .endpoint, .names(), .get(name), .put(name, data), .writes."""
    return gcs_server.bucket()


@pytest.fixture(scope="session")
def s3_server():
    """An S3 service that is not ours; skipped, aloud, where it cannot be had."""
    try:
        amazon.tool("python")
        server = amazon.Server()
    except amazon.Missing as missing:
        pytest.skip(f"no S3 here: {missing}")
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server):
    """A fresh bucket (s3.py): .url, .endpoint, .access_key, .secret_key, .env, .names(), .get(name), .put(name, data), .asked."""
    return s3_server.bucket()
