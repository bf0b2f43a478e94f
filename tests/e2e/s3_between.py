"""s3_between.py - a proxy before a real S3 service, which loses, cuts and refuses what it is told to

The n-th request (from 1, over all connections) gets plan[n]; others pass. What passed reached a service that checks signatures and sums.

    Cut(n)     so many bytes of the request's body reach the service, then both connections are reset
    Lost()     the service does it, and its answer is lost
    Say(...)   this is the answer, and the service hears nothing
"""
import re
import socket
import socketserver
import struct
import threading


class Cut:
    def __init__(self, after):
        self.after = after


class Lost:
    pass


class Say:
    def __init__(self, status, body="", **headers):
        self.status, self.body = status, body.encode()
        self.headers = {k.replace("_", "-"): v for k, v in headers.items()}


def error(status, code, message="no", more="", **headers):
    """A refusal in S3's words."""
    return Say(status, f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>',
               Content_Type="application/xml", **headers)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_head(connection, buffer):
    while b"\r\n\r\n" not in buffer:
        more = connection.recv(65536)
        if not more:
            return None, buffer
        buffer += more
    head, _, rest = buffer.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def length_of(head):
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    return int(found[1]) if found else 0


class Between(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True

    def __init__(self, endpoint, plan=None):
        host, port = endpoint.removeprefix("http://").split(":")
        self.to, self.plan = (host, int(port)), dict(plan or {})
        self.seen = []  # (method, target, headers as a dict in lower case)
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Connection)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def note(self, head):
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        with self.lock:
            self.seen.append((method, target, {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}))
            return self.plan.get(len(self.seen))

    def handle_error(self, request, client_address):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Connection(socketserver.BaseRequestHandler):
    def handle(self):
        buffer = b""
        while True:
            head, buffer = read_head(self.request, buffer)
            if head is None:
                return
            planned = self.server.note(head)
            length = length_of(head)
            limit = min(planned.after, length) if isinstance(planned, Cut) else length
            body = bytearray(buffer)
            while len(body) < limit:
                body += self.request.recv(1 << 20)
            body, buffer = bytes(body[:length]), bytes(body[length:])
            if isinstance(planned, Say):
                self.say(planned, head)
                continue
            if not self.forward(head, body[:limit], planned):
                return

    def say(self, planned, head):
        text = b"" if head.startswith(b"HEAD") else planned.body
        lines = "".join(f"{k}: {v}\r\n" for k, v in planned.headers.items())
        self.request.sendall(f"HTTP/1.1 {planned.status} Said\r\n{lines}Content-Length: {len(planned.body)}\r\n\r\n".encode() + text)

    def forward(self, head, body, planned):
        with socket.create_connection(self.server.to) as far:
            far.sendall(head + body)
            if isinstance(planned, Cut):
                reset(far)
                reset(self.request)
                return False
            answer, rest = read_head(far, b"")
            if answer is None:
                reset(self.request)
                return False
            left = 0 if head.startswith(b"HEAD") or answer.split()[1] in (b"204", b"304") else length_of(answer) - len(rest)
            while left > 0:
                more = far.recv(1 << 20)
                left -= len(more)
                rest += more
        if isinstance(planned, Lost):
            reset(self.request)
            return False
        self.request.sendall(answer + rest)
        return True
