"""api.py - what the pages call https://api.example.com: users, orders in pages, messages, a limit

Small and deterministic: which user fails, and when, is a function of the number.
"""
import base64
import contextlib
import hashlib
import http.server
import json
import threading
import time
import urllib.parse

NOBODY = 13          # /users/13 is a 404
PAGES, PER_PAGE = 3, 4


class Refusal(Exception):
    def __init__(self, status, text, **headers):
        super().__init__(text)
        self.status, self.body, self.headers = status, {"error": text}, headers


def user(server, number):
    if number == NOBODY:
        raise Refusal(404, "no such user")
    if number % 10 == 7 and server.first(f"user {number}"):
        raise Refusal(500, "try again")
    return {"id": number, "name": f"user {number}", "email": f"user{number}@example.com", "plan": "pro" if number % 3 == 0 else "free"}


def orders(query):
    page = int(query.get("page", ["1"])[0])
    some = [{"id": 100 * page + i, "lines": [{"sku": "tea", "qty": 2, "price": 1.5}, {"sku": "pot", "qty": i, "price": 2}]}
            for i in range(1, PER_PAGE + 1)]
    return {"orders": some, "links": {"next": f"/orders?page={page + 1}" if page < PAGES else None}}


def products(query):
    """Counted pages: an empty one behind the last."""
    page, size = int(query["page"][0]), int(query["per_page"][0])
    return {"items": [{"id": n, "name": f"product {n}"} for n in range(1, 13)][(page - 1) * size:page * size]}


def ticket(number, minute, state="open"):
    return {"id": number, "state": state, "updated_at": f"2024-03-01T10:{minute:02}:00Z"}


def tickets(server, parts, query):
    """Four tickets within an hour; /tickets/work closes the second and writes a fifth."""
    if parts[1:] == ["work"]:
        server.first("work on tickets")
        return {}
    some = [ticket(1, 2), ticket(2, 56), ticket(3, 57), ticket(4, 58)]
    if "work on tickets" in server.seen:
        some[1:2] = [ticket(2, 59, "closed"), ticket(5, 59)]
    since = query.get("updated_after", [""])[0]
    return {"tickets": sorted((t for t in some if t["updated_at"] >= since), key=lambda t: t["updated_at"]), "next": None}


def message(server, headers, body):
    key = headers.get("Idempotency-Key")
    if server.first(f"message {body['to']}") and body["to"] % 2 == 0:
        raise Refusal(503, "busy")
    number = server.keys.setdefault(key or object(), len(server.keys) + 1)
    return {"message": number, "to": body["to"]}


def completion(headers, body):
    if headers.get("Authorization") != "Bearer s3cret-token":
        raise Refusal(401, "who are you?")
    topic = body["messages"][0]["content"].rpartition(" on ")[2]
    return {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": f"# {topic}"}}]}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.seen, self.keys, self.starts = threading.Lock(), set(), {}, []

    def first(self, what):
        """True the first time only."""
        with self.lock:
            new = what not in self.seen
            self.seen.add(what)
            return new

    def allow(self, per_second):
        """A rate limit as APIs have it: so many starts in a second, then 429 with Retry-After."""
        with self.lock:
            now = time.monotonic()
            self.starts = [t for t in self.starts if t > now - 1]
            if len(self.starts) >= per_second:
                raise Refusal(429, "slow down", **{"Retry-After": "1"})
            self.starts.append(now)

    def answer(self, path, query, headers, body):
        parts = path.strip("/").split("/")
        if parts[0] == "users":
            return user(self, int(parts[1]))
        if parts[0] == "orders":
            return orders(query)
        if parts[0] == "products":
            return products(query)
        if parts[0] == "tickets":
            return tickets(self, parts, query)
        if parts[0] == "messages":
            return message(self, headers, json.loads(body))
        if parts[:2] == ["v1", "chat"]:
            return completion(headers, json.loads(body))
        if parts[0] == "events":
            return {"event": self.keys.setdefault(headers.get("Idempotency-Key") or object(), len(self.keys) + 1)}
        if parts[0] == "limited":
            self.allow(20)
            return {"id": int(parts[1])}
        if parts[0] == "me":
            if headers.get("Authorization") != "Bearer s3cret-token":
                raise Refusal(401, "who are you?")
            return {"id": int(parts[1]), "allowed": True}
        raise Refusal(404, f"no {path}")

    def handle_error(self, request, client_address):
        pass


def read_frame(stream):
    """(opcode, payload) of a client's short frame; None at the end."""
    head = stream.read(2)
    if len(head) < 2:
        return None
    n = head[1] & 127
    n = int.from_bytes(stream.read(2), "big") if n == 126 else n
    mask, payload = stream.read(4), stream.read(n)
    return head[0] & 15, bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def frame(opcode, payload):
    return bytes([0x80 | opcode, len(payload)]) + payload


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def talk(self):
        """A WebSocket: /feed gives twenty trades behind `after`, /chat says {"ok": true} to each message."""
        proof = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.send_response(101)
        for name, value in {"Upgrade": "websocket", "Connection": "Upgrade",
                            "Sec-WebSocket-Accept": base64.b64encode(proof).decode()}.items():
            self.send_header(name, value)
        self.end_headers()
        while (got := read_frame(self.rfile)) and got[0] != 8:
            if got[0] == 9:
                self.wfile.write(frame(10, got[1]))
            elif got[0] == 1 and self.path == "/feed":
                after = json.loads(got[1]).get("after", 0)
                for n in range(after + 1, after + 21):
                    self.wfile.write(frame(1, json.dumps({"seq": n, "price": 100 + n % 7}).encode()))
            elif got[0] == 1:
                self.wfile.write(frame(1, b'{"ok": true}'))
        self.close_connection = True

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            return self.talk()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        status, headers = 200, {}
        try:
            answer = self.server.answer(url.path, urllib.parse.parse_qs(url.query), self.headers, body)
        except Refusal as no:
            status, headers, answer = no.status, no.headers, no.body
        text = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PUT = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve():
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
