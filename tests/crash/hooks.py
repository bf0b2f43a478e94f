"""hooks.py - senders post to a webhook that is killed, or whose disk says no, and repeat themselves until they are told 200

The witnesses are the senders: each keeps what was answered 200. All of that must be in the sink, once: `unique` takes the repeated
ones out. What was not answered 200 is sent again, so in the end everything is there.
"""
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import shim
from shapes import Findings, rows_of
from tally import Tally

DELIVERIES, SENDERS, KILLS = 5000, 50, 4
DELIVERIES_FULL, KILLS_FULL = 50_000, 50
FAULTY, FAULTY_SENDERS = 300, 8  # for each fault of the disk
FAULTS = [f"{kind}:{n}:{way}" for kind, ways in {
    "write@.hocket": ["ENOSPC", "ENOSPC+", "EIO", "short"],
    "fdatasync@.hocket": ["EIO", "ENOSPC+"],
    "fsync@.hocket": ["EIO"],
}.items() for way in ways for n in (3, 17, 70)]
FAULTS_SHORT = FAULTS[1::3]
PATIENCE = 60  # seconds: nothing here takes so long

PIPE = """\
from:
  webhook: 127.0.0.1:{port}/hooks
  waiting: 200
steps:
  - unique: .id
to: {{sqlite: out.db, table: rows, commit: {{every: 20ms}}}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Hook:
    """hocket, started again whenever it has ended, until it is told to stop."""

    def __init__(self, folder, found, fault=None):
        self.folder, self.found, self.fault = folder, found, fault
        self.port = free_port()
        self.ends, self.stops, self.up = [], False, threading.Lock()
        (folder / "pipe.yaml").write_text(PIPE.format(port=self.port))
        self.start()
        self.keeper = threading.Thread(target=self.keep, daemon=True)
        self.keeper.start()

    def start(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("HOCKET_")} | {"TERM": "dumb"}
        if self.fault and not self.ends:
            env |= {"LD_PRELOAD": shim.SHIM, "HOCKET_UNDER": str(self.folder), "HOCKET_FAULT": self.fault}
        self.process = subprocess.Popen([shim.PROGRAM, "run", "pipe.yaml", "-q"], cwd=self.folder, env=env, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def keep(self):
        while True:
            _, said = self.process.communicate()
            with self.up:
                self.ends.append((self.process.returncode, said))
                if self.stops:
                    return
                self.start()

    def kill(self):
        with self.up:
            self.process.kill()

    def rows(self):
        return [n for n, in rows_of(self.folder / "out.db", "SELECT id FROM rows")] if self.has_table() else []

    def has_table(self):
        return bool(rows_of(self.folder / "out.db", "SELECT 1 FROM sqlite_master WHERE name = 'rows'"))

    def end(self, wanted):
        """When all is there, or patience is at its end."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and len(set(self.rows())) < wanted:
            time.sleep(0.02)
        with self.up:
            self.stops = True
            self.process.send_signal(signal.SIGTERM)
        self.keeper.join()
        code, said = self.ends[-1]
        self.found.demand(code == 0, f"stopped: exit code {code}: {said[-300:]}")


class Senders:
    """Each has its share of the numbers, one connection, and repeats itself."""

    def __init__(self, hook, deliveries, senders, kills=()):
        self.hook, self.kills, self.told = hook, sorted(kills), []
        self.late, self.refused, self.until = [], 0, time.monotonic() + PATIENCE
        self.lock = threading.Lock()
        threads = [threading.Thread(target=self.send, args=(range(k, deliveries, senders),)) for k in range(senders)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def send(self, numbers):
        connection = None
        for n in numbers:
            while True:
                if time.monotonic() > self.until:
                    self.late.append(n)
                    return
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.hook.port, timeout=PATIENCE)
                status = self.post(connection, n)
                if status == 200:
                    break
                if status is None:
                    connection = None
                time.sleep(random.random() / 50)
            self.was_told(n)

    def post(self, connection, n):
        """None: nobody knows."""
        try:
            connection.request("POST", "/hooks", json.dumps({"id": n, "text": "x" * (n % 997)}))
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return None
        with self.lock:
            self.refused += answer.status == 503
            if answer.status == 503:
                self.hook.found.demand(re.fullmatch(r"\d+", answer.headers.get("Retry-After") or ""), "503 without Retry-After")
            elif answer.status != 200:
                self.hook.found.say(f"a delivery was answered {answer.status}")
        return answer.status

    def was_told(self, n):
        with self.lock:
            self.told.append(n)
            if self.kills and len(self.told) >= self.kills[0]:
                self.kills.pop(0)
                self.hook.kill()


def judge(hook, senders, deliveries):
    found = hook.found
    found.demand(not senders.late, f"{len(senders.late)} deliveries were never taken")
    found.compare("answered 200", senders.told, hook.rows())
    found.compare("deliveries", range(deliveries), sorted(senders.told))


def break_one(folder, fault):
    """(the fault was met, findings)"""
    found = Findings()
    hook = Hook(folder, found, fault)
    senders = Senders(hook, FAULTY, FAULTY_SENDERS)
    hook.end(FAULTY)
    judge(hook, senders, FAULTY)
    first, said = hook.ends[0]
    found.demand(first in (0, 1), f"exit code {first}: {said[-300:]}")
    found.demand(first == 0 or re.search(r"'/[^']*\.hocket/[^']*'|'\.hocket/[^']*'", said), f"the file is not named: {said[-300:]}")
    return first == 1 or senders.refused > 0, found


def test_kills(tap, deliveries, kills, seed):
    tally = Tally(f"{deliveries:,} deliveries over {SENDERS} connections, hocket killed")
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as top:
        hook = Hook(pathlib.Path(top), Findings())
        at = [chance.randrange(k * deliveries // (kills + 1), (k + 1) * deliveries // (kills + 1)) for k in range(1, kills + 1)]
        senders = Senders(hook, deliveries, SENDERS, at)
        hook.end(deliveries)
        judge(hook, senders, deliveries)
        killed = sum(code == -signal.SIGKILL for code, _ in hook.ends)
        hook.found.demand(killed == kills, f"killed {killed} times, not {kills}")
        tally.add(killed, hook.found, replay=f"tests/crash/crash hooks --seed {seed}")
    tap.tally(tally)


def test(tap, options):
    test_kills(tap, *((DELIVERIES_FULL, KILLS_FULL) if options.full else (DELIVERIES, KILLS)), options.seed)
    tally = Tally("deliveries, and the state's disk says no")
    for fault in FAULTS if options.full else FAULTS_SHORT:
        with tempfile.TemporaryDirectory(prefix="hocket-crash-") as top:
            _, found = break_one(pathlib.Path(top), fault)
            tally.add(1, found, replay=f"tests/crash/crash hooks --replay '{fault}'")
    tap.tally(tally)


def replay(fault):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hocket-crash-"))
    met, found = break_one(folder, fault)
    sys.exit("\n".join([*found.words, f"{'met' if met else 'not met'}; in {folder}"]))
