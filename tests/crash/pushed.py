"""pushed.py - a WebSocket's server numbers its messages and breaks connections off, and hocket is killed in between

The witness is the server (tests/e2e/sockets.py), which is not ours: python3-websockets, and `ws` of Node.js. It goes on behind the number
that hocket names, so every number must be in the sink, once, in order.
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import shim
from shapes import Findings
from tally import Tally

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import sockets  # noqa: E402

MESSAGES, KILLS = 5000, 6
MESSAGES_FULL, KILLS_FULL = 50_000, 100
PATIENCE = 120  # seconds: nothing here takes so long

PIPE = """\
from:
  websocket: {url}
  send: {{after: 0}}
  resume: {{after: '\\(.seq)'}}
steps: [map: '{{seq}}']
to: {{jsonl: out.jsonl, commit: {{every: 20ms}}}}
"""


class Ear:
    """hocket, started again whenever it was killed, until it is told to stop."""

    def __init__(self, folder, url, found):
        self.folder, self.found, self.kills, self.stops = folder, found, 0, False
        (folder / "pipe.yaml").write_text(PIPE.format(url=url))
        self.keeper = threading.Thread(target=self.keep, daemon=True)
        self.start()
        self.keeper.start()

    def start(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("HOCKET_")} | {"TERM": "dumb"}
        self.process = subprocess.Popen([shim.PROGRAM, "run", "pipe.yaml", "-q"], cwd=self.folder, env=env, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def keep(self):
        while True:
            _, said = self.process.communicate()
            code = self.process.returncode
            self.kills += code == -signal.SIGKILL
            if self.stops or code != -signal.SIGKILL:
                self.found.demand(self.stops and code == 0, f"exit code {code}: {said[-300:]}")
                return
            self.start()

    def kill(self):
        """The one that runs now; the next one runs then, so that each kill is one."""
        victim, until = self.process, time.monotonic() + PATIENCE
        victim.kill()
        while self.process is victim and self.keeper.is_alive() and time.monotonic() < until:
            time.sleep(0.001)

    def numbers(self):
        path = self.folder / "out.jsonl"
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        return [json.loads(line)["seq"] for line in whole.splitlines()]

    def end(self, wanted):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and len(self.numbers()) < wanted and self.keeper.is_alive():
            time.sleep(0.05)
        self.stops = True
        self.process.send_signal(signal.SIGTERM)
        self.keeper.join()


def kill_at(ear, server, counts):
    """Each time that the server has come so far, and has met who was started after the kill before."""
    met = 0
    for count in counts:
        server.wait_for(lambda: (server.sent >= count and server.connections > met) or not ear.keeper.is_alive(), PATIENCE)
        ear.kill()
        met = server.connections


def test_kills(tap, make, name, messages, kills, seed):
    tally = Tally(f"{messages:,} messages pushed by {name}, connections broken, hocket killed")
    chance = random.Random(seed)
    try:
        server = make(messages, True, max(50, messages // 20), breaks=12)
    except sockets.Missing as missing:
        tap.skip(tally.name, missing)
        return
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as top:
        found = Findings()
        ear = Ear(pathlib.Path(top), server.url, found)
        kill_at(ear, server, sorted(chance.randrange(messages * 9 // 10) for _ in range(kills)))
        ear.end(messages)
        found.compare("messages", range(1, messages + 1), ear.numbers())
        found.demand(ear.kills == kills, f"it was killed {ear.kills} times")
        tally.add(ear.kills, found, replay=f"tests/crash/crash pushed --seed {seed}")
    server.stop()
    tap.tally(tally)


def test(tap, options):
    size = (MESSAGES_FULL, KILLS_FULL) if options.full else (MESSAGES, KILLS)
    test_kills(tap, sockets.Feed, "websockets", *size, options.seed)
    test_kills(tap, sockets.NodeFeed, "ws of Node.js", *size, options.seed + 1)
