"""hooks - deliveries a second that are answered 200, each durable before its answer

hocket: webhook into SQLite, unsigned: its inbox is synced before the answer, then each record goes through the pipeline into the sink,
which syncs, too. The peers are done when the row is there. The senders (hooks.c) share the server's core with nobody; what came is read back.
"""
import contextlib
import json
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import threading
import time

from . import servers
from .kit import BENCH, say
from .measure import SERVER_CORE, Failed, Rounds, pinned

PIPELINE = """\
from: {{webhook: '127.0.0.1:{port}/hooks', waiting: 20000}}
to: {{sqlite: rows.db, table: rows}}
"""
CONNECTIONS = [1, 50, 500]


def hocket(program, folder, port, n):
    shutil.rmtree(folder / ".hocket", ignore_errors=True)
    (folder / "hooks.yaml").write_text(PIPELINE.format(port=port))
    return [program, "run", "-q", "--limit", n, "hooks.yaml"]


def wait_for(port):
    for _ in range(1000):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise Failed("nobody listens")


def check(path, n):
    with contextlib.closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM rows").fetchone()
    if found != (n, n, 0, n - 1):
        raise Failed(f"{found} in the table, of {n}")


def one(runner, sender, command, folder, port, n, connections):
    """The server runs until it has taken all; the senders begin when it listens, and say how long it took."""
    got = {}

    def serve():
        try:
            got["server"] = runner.run(command, cwd=folder)
        except Failed as error:
            got["error"] = error
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        wait_for(port)
        sent = subprocess.run(pinned(SERVER_CORE, sender, f"http://127.0.0.1:{port}/hooks", n, connections), capture_output=True, text=True, timeout=600)
    finally:
        thread.join(60)
    if "error" in got or sent.returncode != 0:
        raise Failed(got.get("error") or sent.stderr.strip()[-200:])
    check(folder / "rows.db", n)
    wall = json.loads(sent.stdout)["wall_s"]
    return {"per_s": n / wall, "cpu_us": got["server"]["cpu_s"] * 1e6 / n, "rss_mib": got["server"]["rss_mib"]}


def hooks(kit, runner, folder, n, rounds):
    folder, figures, broken = pathlib.Path(folder), Rounds(), set()
    program, python, sender = kit.hocket(), kit.python(), kit.layer_program("hooks.c")
    everyone = {"hocket": lambda port, n: hocket(program, folder, port, n)}
    for how, name in (("together", "aiohttp + SQLite, grouped by hand"), ("one", "aiohttp + SQLite")):
        everyone[name] = lambda port, n, how=how: [python, BENCH / "peers/hooks_aiohttp.py", how, port, "rows.db", n]
    for at in range(rounds):
        for connections in CONNECTIONS:
            for name in [name for name in everyone if name not in broken]:
                say(f"bench: round {at + 1} of {rounds}: {name}, {connections} connections")
                for old in folder.glob("rows.db*"):
                    old.unlink()
                port, some = servers.free_port(), n if connections > 1 else n // 10
                try:
                    figures.add(name, connections, **one(runner, sender, everyone[name](port, some), folder, port, some, connections))
                except Failed as error:
                    kit.miss(name, error)
                    broken.add(name)
    return {"n": n, "rounds": rounds, "connections": CONNECTIONS, "rows": figures.as_json(["per_s", "cpu_us", "rss_mib"])}
