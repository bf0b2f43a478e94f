"""sockets.py - WebSocket servers that are not ours: python3-websockets in a thread, and `ws` of Node.js in a process

Feed numbers messages, sends them in fragments with pings between them, and breaks its connections off. `resumes`: it goes on behind
the number that a client names; else behind the last that it sent. It is the judge: what it numbered must come out, once.
"""
import asyncio
import json
import os
import pathlib
import random
import subprocess
import threading

NODE_MODULES = "/usr/share/nodejs"


class Missing(Exception):
    """It cannot be had here."""


class Server:
    """websockets.serve on a free port of 127.0.0.1; handler(server, ws) is a coroutine function."""

    def __init__(self, handler, tls=None, **options):
        try:
            import websockets
        except ImportError:
            raise Missing("python3-websockets is not installed") from None
        self.handler, self.tls, self.options = handler, tls, {"compression": None, **options}
        self.connections, self.received, self.closed, self.heads = 0, [], [], []
        self.changed = threading.Condition()
        self.library = websockets
        ready = threading.Event()
        threading.Thread(target=self.serve, args=(ready,), daemon=True).start()
        assert ready.wait(20)

    @property
    def url(self):
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}/feed"

    def serve(self, ready):
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, context: None)  # connections that break are part of the tests
        self.loop.run_until_complete(self.listen(ready))

    async def listen(self, ready):
        self.over = asyncio.Event()
        async with self.library.serve(self.meet, "127.0.0.1", 0, ssl=self.tls, **self.options) as server:
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self.over.wait()

    async def meet(self, ws, path=None):
        with self.changed:
            self.connections += 1
            self.heads.append(ws.request_headers)
            self.changed.notify_all()
        try:
            await self.handler(self, ws)
        except self.library.ConnectionClosed:
            pass
        finally:
            with self.changed:
                self.closed.append(ws.close_code)
                self.changed.notify_all()

    def note(self, message):
        with self.changed:
            self.received.append(message)
            self.changed.notify_all()

    def wait_for(self, what, seconds=30):
        with self.changed:
            assert self.changed.wait_for(what, seconds), "it did not come to that"

    def stop(self):
        self.loop.call_soon_threadsafe(self.over.set)


class Feed(Server):
    """Numbers 1 to `n`; a connection is broken off behind `stretch` messages, in three ways."""

    def __init__(self, n, resumes, stretch, breaks=6, **options):
        self.n, self.resumes, self.stretch, self.breaks = n, resumes, stretch, breaks
        self.sent = 0  # the highest number
        super().__init__(Feed.talk, **options)

    async def talk(self, ws):
        hello = json.loads(await ws.recv())
        self.note(hello)
        at = hello.get("after", 0) if self.resumes else self.sent
        if not self.resumes and at >= self.n:  # it was all said to somebody who is gone: one more, to be heard
            self.n = at + 1
        chance = random.Random(self.connections)
        end = min(self.n, at + self.stretch) if self.breaks > 0 else self.n
        while at < end:
            at += 1
            await self.say(ws, at, chance)
        self.breaks -= 1
        if end < self.n:
            await self.break_off(ws)
        await ws.wait_closed()

    async def say(self, ws, number, chance):
        text = json.dumps({"seq": number, "pad": "x" * chance.randrange(200)})
        if number % 7 == 0:
            cut = chance.randrange(len(text))
            await ws.send([text[:cut], text[cut:]])
        else:
            await ws.send(text)
        if number % 50 == 0:
            await ws.ping()
        with self.changed:
            self.sent = max(self.sent, number)
            self.changed.notify_all()

    async def break_off(self, ws):
        how = self.breaks % 3
        if how == 0:
            ws.transport.abort()
        elif how == 1:
            await ws.close(1012, "service restart")
        else:
            await ws.close(1000)


class NodeFeed:
    """The same, by tests/e2e/socket_feed.js."""

    def __init__(self, n, resumes, stretch, breaks=6):
        if not pathlib.Path(NODE_MODULES, "ws").exists():
            raise Missing("node-ws is not installed")
        script = pathlib.Path(__file__).with_name("socket_feed.js")
        self.process = subprocess.Popen(["node", str(script), str(n), "resume" if resumes else "", str(stretch), str(breaks)],
                                        stdout=subprocess.PIPE, text=True, env={**os.environ, "NODE_PATH": NODE_MODULES})
        self.sent, self.connections, self.changed = 0, 0, threading.Condition()
        self.port = int(self.process.stdout.readline())
        threading.Thread(target=self.read, daemon=True).start()

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/feed"

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                word, n = line.split()
                setattr(self, word, int(n))
                self.changed.notify_all()

    wait_for = Server.wait_for

    def stop(self):
        self.process.kill()
        self.process.wait()
