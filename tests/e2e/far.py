"""far.py - the far sides of the tests: small servers that do as they are told and count what they were asked

They are the judges: a test compares hocket's account with what these have seen, never with itself.
"""
import collections
import contextlib
import http.server
import json
import socket
import threading
import time


class Far(http.server.ThreadingHTTPServer):
    """An HTTP server on a free port of 127.0.0.1; answer(path, attempt) says what to send.

    It returns a JSON-able value, or (status, headers, body bytes). Counted: every path, and how many were inside at once.
    """

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.asked = collections.Counter()
        self.bodies = []
        self.heads = []
        self.inside = self.most_inside = 0
        self.lock = threading.Lock()
        self.arrived = threading.Condition(self.lock)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, requests, seconds=20):
        """Until so many requests have arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: sum(self.asked.values()) >= requests, seconds), "too few requests came"

    def handle_error(self, request, client_address):
        pass  # clients that go away in mid-answer are part of the tests


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        far = self.server
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        with far.arrived:
            far.asked[self.path] += 1
            attempt = far.asked[self.path]
            far.heads.append(self.headers)
            if body:
                far.bodies.append(body)
            far.inside += 1
            far.most_inside = max(far.most_inside, far.inside)
            far.arrived.notify_all()
        try:
            answer = far.answer(self.path, attempt)
        finally:
            with far.lock:
                far.inside -= 1
        status, headers, body = answer if isinstance(answer, tuple) else (200, {}, json.dumps(answer).encode())
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def far(answer):
    server = Far(answer)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def raw(talk):
    """A TCP server: talk(connection) speaks whatever it likes to each client."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    closing = threading.Event()

    def converse(connection):
        with contextlib.suppress(OSError), connection:
            talk(connection)

    def accept():
        while not closing.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=converse, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        closing.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def closed_port():
    """A port of 127.0.0.1 where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def say_nothing(connection):
    while connection.recv(65536):
        pass


def speak_ssh(connection):
    connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    time.sleep(0.2)  # a real one waits for the client's banner before it gives up


def never_end(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while True:
        connection.sendall(b"0," * 32768)
