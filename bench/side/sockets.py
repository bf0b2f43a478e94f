"""sockets - messages of a WebSocket, each 200 bytes of JSON, into JSON lines of two fields

The server (server/feed.py) has its frames ready and is on the other core; it is never the slower side. What each peer wrote is read
back: every number once, in order.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

from .kit import BENCH, Missing, say
from .measure import SERVER_CORE, Failed, Rounds, pinned

BYTES = 200
NODE_MODULES = "/usr/share/nodejs"
DEBIAN_PYTHON = "/usr/bin/python3"
PIPELINE = """\
from: {{websocket: '{url}', send: {{}}}}
steps: [map: '{{seq, price}}']
to: {{jsonl: out.jsonl}}
"""


def hocket(program, folder, url, n):
    shutil.rmtree(folder / ".hocket", ignore_errors=True)
    (folder / "sockets.yaml").write_text(PIPELINE.format(url=url))
    return [program, "run", "-q", "sockets.yaml", "--limit", n]


@contextlib.contextmanager
def feed(n):
    server = subprocess.Popen(pinned(SERVER_CORE, sys.executable, BENCH / "server/feed.py", n, BYTES), stdout=subprocess.PIPE, text=True)
    try:
        yield f"ws://127.0.0.1:{int(server.stdout.readline())}/feed"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def check(path, n):
    i = -1
    with open(path) as lines:
        for i, line in enumerate(lines):
            if json.loads(line) != {"seq": i, "price": 100 + i % 1000 / 8}:
                raise Failed(f"wrote {line[:100]!r} as line {i + 1}")
    if i + 1 != n:
        raise Failed(f"{i + 1} messages of {n}")


def peers(kit, folder, url, n):
    everyone = {"hocket": lambda: hocket(program, folder, url, n)}
    program = kit.hocket()
    try:
        aio = kit.python()
        everyone["aiohttp + uvloop"] = lambda: [aio, BENCH / "peers/sockets_aiohttp.py", url, n]
    except Missing as error:
        kit.miss("aiohttp", error)
    if subprocess.run([DEBIAN_PYTHON, "-c", "import websockets"], stderr=subprocess.DEVNULL).returncode == 0:
        everyone["websockets (Python)"] = lambda: [DEBIAN_PYTHON, BENCH / "peers/sockets_websockets.py", url, n]
    else:
        kit.miss("websockets", "python3-websockets is not installed")
    if shutil.which("node") and pathlib.Path(NODE_MODULES, "ws").exists():
        os.environ["NODE_PATH"] = NODE_MODULES
        everyone["ws (Node.js)"] = lambda: ["node", BENCH / "peers/sockets_ws.js", url, n]
    else:
        kit.miss("ws", "node-ws is not installed")
    return everyone


def sockets(kit, runner, folder, n, rounds):
    folder, figures, broken = pathlib.Path(folder), Rounds(), set()
    with feed(n) as url:
        everyone = peers(kit, folder, url, n)
        for at in range(rounds):
            for name in [name for name in everyone if name not in broken]:
                say(f"bench: round {at + 1} of {rounds}: {name}")
                try:
                    (folder / "out.jsonl").unlink(missing_ok=True)
                    got = runner.run(everyone[name](), cwd=folder)
                    check(folder / "out.jsonl", n)
                    figures.add(name, "sockets", cpu_us=got["cpu_s"] * 1e6 / n, per_s=n / got["wall_s"], rss_mib=got["rss_mib"])
                except Failed as error:
                    kit.miss(name, error)
                    broken.add(name)
    return {"n": n, "rounds": rounds, "bytes": BYTES, "rows": figures.as_json(["cpu_us", "per_s", "rss_mib"])}
