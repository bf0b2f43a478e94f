"""witness.py - the far side: an HTTP server that answers, and whose own count is the proof

Every effect is counted here, by path and, where a request has one, by its idempotency key: the same key has its effect once and
gets the same answer again, as payment APIs do it. A test asks this, never hocket, what was done.
"""
import asyncio
import collections
import json
import random
import threading


class Witness:
    """answer(method, path, body, nth) -> (status, value to send as JSON); nth: how often it was asked, from 1"""

    def __init__(self, answer, slowest=0.003, seed=0):
        self.answer, self.slowest, self.random = answer, slowest, random.Random(seed)
        self.asked = collections.Counter()     # "GET /x" -> requests that came whole
        self.effects = collections.Counter()   # "POST /x" -> things done
        self.keys = collections.defaultdict(set)
        self.kept = {}                         # key -> answer
        self.talks = set()
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self.serve, args=(ready,), daemon=True).start()
        ready.wait()

    def serve(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(self.loop.create_server(lambda: Talk(self), "127.0.0.1", 0, backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()
        server.close()
        for talk in list(self.talks):
            talk.transport.abort()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def judge(self, method, path, key, body):
        """What a request gets; its effect happens here."""
        name = f"{method} {path}"
        self.asked[name] += 1
        if key:
            self.keys[name].add(key)
        if key and key in self.kept:
            return self.kept[key]
        status, value = self.answer(method, path, body, self.asked[name])
        if method != "GET" and status < 300:
            self.effects[name] += 1
        if key and status < 300:
            self.kept[key] = status, value
        return status, value


class Talk(asyncio.Protocol):
    """One connection: requests in, answers out in order."""

    def __init__(self, witness):
        self.witness, self.bytes = witness, b""

    def connection_made(self, transport):
        self.transport = transport
        self.witness.talks.add(self)

    def connection_lost(self, _):
        self.witness.talks.discard(self)

    def data_received(self, data):
        self.bytes += data
        while self.take_request():
            pass

    def take_request(self):
        head, end, rest = self.bytes.partition(b"\r\n\r\n")
        if not end:
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return False
        self.bytes = rest[length:]
        method, path, _ = first.split(" ")
        w = self.witness
        status, value = w.judge(method, path, headers.get("idempotency-key"), rest[:length])
        w.loop.call_later(w.random.random() * w.slowest, self.say, status, value)
        return True

    def say(self, status, value):
        body = json.dumps(value).encode()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                                 % (status, len(body), body))
