"""feeds.py - a server of feeds: unchanged, changed, slow, redirecting, broken; it knows what it has and what it gave"""
import collections
import contextlib
import email.utils
import gzip
import hashlib
import http.server
import json
import threading
import time
from xml.sax.saxutils import escape

KINDS = ["rss", "rss", "atom", "gzip", "rss", "modified", "json", "redirect", "rss", "slow", "rss", "moved"]


def rss(name, entries, tail="</channel></rss>"):
    items = "".join(f"<item><guid isPermaLink='false'>{escape(g)}</guid><title>{escape(t)}</title><link>/{name}/{escape(g)}</link>"
                    f"<pubDate>Mon, 06 Sep 2021 00:01:00 +0000</pubDate></item>\n" for g, t in entries)
    return f"<?xml version='1.0'?>\n<rss version='2.0'><channel><title>{name}</title><link>/</link>\n{items}{tail}".encode()


def atom(name, entries):
    items = "".join(f"<entry><id>{escape(g)}</id><title>{escape(t)}</title><link href='/{name}/{escape(g)}'/>"
                    f"<updated>2021-09-06T00:01:00Z</updated></entry>" for g, t in entries)
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>{name}</title>{items}</feed>".encode()


def json_feed(name, entries):
    items = [{"id": g, "title": t, "url": f"/{name}/{g}", "date_published": "2021-09-06T00:01:00Z"} for g, t in entries]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": name, "items": items}).encode()


class Feed:
    def __init__(self, name, kind, count):
        self.name, self.kind = name, kind
        self.entries = [(f"{name}-{n}", f"entry {n} of {name}") for n in range(count)]

    def body(self):
        write = {"atom": atom, "json": json_feed}.get(self.kind, rss)
        if self.kind == "broken":
            return rss(self.name, self.entries, tail="<item><guid>half</guid><title>no & end")
        return write(self.name, self.entries)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.feeds, self.answers, self.asked, self.heads = {}, [], collections.Counter(), []
        self.special = {}  # path: function(handler, attempt)
        self.lock = threading.Lock()
        self.arrived = threading.Condition(self.lock)
        self.slow_s = 0.15
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, kind, count, name=None):
        feed = Feed(name or f"f{len(self.feeds)}", kind, count)
        self.feeds[feed.name] = feed
        return f"{self.base}/{feed.name}"

    def wait_for(self, requests, seconds=30):
        with self.arrived:
            assert self.arrived.wait_for(lambda: sum(self.asked.values()) >= requests, seconds), "too few requests came"

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        far = self.server
        with far.arrived:
            far.asked[self.path] += 1
            attempt = far.asked[self.path]
            far.heads.append((self.path, dict(self.headers)))
            far.arrived.notify_all()
        if self.path in far.special:
            return far.special[self.path](self, attempt)
        feed = far.feeds.get(self.path.lstrip("/").removesuffix(".final"))
        if not feed:
            return self.say(404)
        self.give(feed)

    def give(self, feed):
        if feed.kind == "slow":
            time.sleep(self.server.slow_s)
        if feed.kind in ("redirect", "moved") and not self.path.endswith(".final"):
            return self.say(302 if feed.kind == "redirect" else 301, {"Location": self.path + ".final"})
        if feed.kind == "html":
            return self.say(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html><head><link rel='alternate' "
                            b"type='application/rss+xml' href='/the/feed.xml'></head></html>")
        body = feed.body()
        tag = '"' + hashlib.md5(body).hexdigest() + '"'
        when = email.utils.formatdate(1630886460 + len(feed.entries), usegmt=True)
        checks = {"If-Modified-Since": when} if feed.kind == "modified" else {"If-None-Match": tag}
        validators = {"Last-Modified": when} if feed.kind == "modified" else {"ETag": tag}
        if all(self.headers.get(name) == value for name, value in checks.items()):
            return self.say(304, validators)
        if feed.kind == "gzip":
            assert "gzip" in self.headers["Accept-Encoding"]
            validators["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1)
        self.say(200, {"Content-Type": "application/xml", **validators}, body)

    def say(self, status, headers=None, body=b""):
        with self.server.lock:
            self.server.answers.append((self.path, status))
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def feeds():
    server = Server()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
