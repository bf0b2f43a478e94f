"""WebSockets, as a source and as a sink. The judges are servers that are not ours (sockets.py): what they numbered, what they received."""
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import time

import pytest

import sockets
from far import far
from gateway import Gateway, make_authority, make_certificate

FULL = bool(os.environ.get("HOCKET_SOCKETS_FULL"))
TO_FILE = "to: {jsonl: out.jsonl, commit: {every: 20ms}}\n"


@contextlib.contextmanager
def serving(make, *arguments, **more):
    try:
        server = make(*arguments, **more)
    except sockets.Missing as missing:
        pytest.skip(str(missing))
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def listening(hocket, text, *flags):
    hocket.write("pipe.yaml", text)
    process = hocket.start("run", "pipe.yaml", *flags)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def lines(hocket, name="out.jsonl"):
    path = hocket.folder / name
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_until(what, seconds=60, why="it did not come to that"):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, why
        time.sleep(0.01)


def stop(hocket, process):
    process.send_signal(signal.SIGTERM)
    result = hocket.finish(process)
    assert result.balances(), result.err
    assert result.code == (3 if result.account.get("dead") else 0), result.err
    return result


def source(url, *more):
    return "".join(f"{line}\n" for line in ("from:", f"  websocket: {url}", *(f"  {m}" for m in more)))


def resuming(url):
    return source(url, "send: {after: 0}", "resume: {after: '\\(.seq)'}")


def in_inbox(hocket):
    """The numbers that the state has, and the output may not have yet."""
    found = set()
    state = next((hocket.folder / ".hocket").glob("*.db"))
    with contextlib.closing(sqlite3.connect(state)) as db:
        for (value,) in db.execute("SELECT value FROM inbox"):
            found |= {json.loads(line)["seq"] for line in bytes(value).decode().splitlines()}
    return found


def last_number(hocket):
    path = hocket.folder / "out.jsonl"
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    return json.loads(whole.rpartition(b"\n")[2])["seq"] if whole else 0


@pytest.mark.parametrize("make", [sockets.Feed, sockets.NodeFeed])
@pytest.mark.parametrize("resumes", [True, False])
def test_nothing_that_was_kept_is_lost_or_doubled(hocket, make, resumes):
    n, stretch = (50_000, 6_000) if FULL else (2_500, 500)
    kept = set()
    with serving(make, n, resumes, stretch, breaks=4) as server:
        text = resuming(server.url) if resumes else source(server.url, "send: {after: 0}")
        for kill_at in (n // 5, n // 2):
            with listening(hocket, text + TO_FILE):
                server.wait_for(lambda: server.sent >= kill_at)
            kept |= in_inbox(hocket)  # killed
        with listening(hocket, text + TO_FILE) as process:
            server.wait_for(lambda: server.sent >= n)
            if resumes:
                wait_until(lambda: lines(hocket) >= n)
            else:
                wait_until(lambda: last_number(hocket) >= n)
            stop(hocket, process)
        seen = [r["seq"] for r in hocket.read_jsonl("out.jsonl")]
        assert seen == sorted(set(seen)), "out of order, or twice"
        assert kept <= set(seen), f"lost, though it was kept: {sorted(kept - set(seen))[:5]}"
        if resumes:
            assert seen == list(range(1, n + 1))
        else:  # what was on its way when a connection broke, and nothing else
            gaps = sum(1 for a, b in zip([0, *seen], seen) if b != a + 1)
            assert gaps < server.connections, (gaps, server.connections)


def test_a_flood_waits(hocket):
    """The sink is slow: the server is not read, and memory stays as it is."""
    async def flood(server, ws):
        server.sent = 0
        while True:
            await ws.send(json.dumps({"seq": server.sent, "pad": "x" * 10_000}))
            server.sent += 1

    with serving(sockets.Server, flood, ping_interval=None) as server, \
            far(lambda path, attempt: time.sleep(0.02) or {"ok": True}) as sink:
        with listening(hocket, source(server.url) + f"to: {{http: {sink.base}/in, concurrency: 2}}\n") as process:
            sink.wait_for(20)
            rss = lambda: int(next(line for line in open(f"/proc/{process.pid}/status") if line.startswith("VmRSS")).split()[1])
            sent, calls = -1, 20
            while server.sent != sent:  # until it is stuck for as long as ten records take
                sent, calls = server.sent, calls + 10
                sink.wait_for(calls)
            assert sent > 200 and rss() < 80_000, (sent, rss())
            sink.wait_for(calls + 50)
            assert rss() < 80_000 and server.sent - sent < 2_000, (rss(), server.sent)


def test_messages_become_records(hocket):
    async def talk(server, ws):
        await ws.send('{"a": 1.10, "b": [1, 2]}')
        await ws.send("plain")
        await ws.send("[1, 2]")
        await ws.send(b"\x00\xff")
        await ws.send("")
        await ws.wait_closed()

    with serving(sockets.Server, talk) as server:
        for more, dead, want in (
                ([], 0, [{"a": 1.10, "b": [1, 2]}, {"message": "plain"}, {"message": "[1, 2]"}, "blob", {"message": ""}]),
                (["as: json"], 3, [{"a": 1.10, "b": [1, 2]}, {"message": [1, 2]}]),
                (["as: text"], 1, [{"message": '{"a": 1.10, "b": [1, 2]}'}, {"message": "plain"}, {"message": "[1, 2]"}, {"message": ""}]),
                (["as: json", "each: '.[]? | select(type == \"number\") | {n: .}'"], 3, [{"n": 1.10}, {"n": 1}, {"n": 2}]),
        ):
            hocket.folder = hocket.folder / "next"
            hocket.folder.mkdir()
            steps = "steps:\n  - map: 'if (.message|type) == \"object\" then \"blob\" else . end | {it: .}'\n"
            with listening(hocket, source(server.url, *more) + steps + TO_FILE) as process:
                wait_until(lambda: lines(hocket) >= len(want))
                result = stop(hocket, process)
            assert [r["it"] for r in hocket.read_jsonl("out.jsonl")] == want, more
            assert result.account["dead"] == dead, result.err


def test_a_large_message_is_dead_and_the_next_is_not(hocket):
    async def talk(server, ws):
        await ws.send(json.dumps({"n": 1, "pad": "x" * 300_000}))
        await ws.send(["y" * 60_000] * 10)
        await ws.send('{"n": 2}')
        await ws.wait_closed()

    with serving(sockets.Server, talk) as server:
        with listening(hocket, source(server.url, "max_message: 100KB") + TO_FILE) as process:
            wait_until(lambda: lines(hocket) >= 1)
            result = stop(hocket, process)
        assert hocket.read_jsonl("out.jsonl") == [{"n": 2}]
        assert result.account["dead"] == 2 and "too_large" in result.err, result.err
        assert server.connections == 1


def test_credentials_headers_and_subprotocol(hocket):
    async def talk(server, ws):
        await ws.send(json.dumps({"protocol": ws.subprotocol}))
        await ws.wait_closed()

    hocket.env["TOKEN"] = "a-long-enough-token"
    with serving(sockets.Server, talk, subprotocols=["b", "a"]) as server:
        text = source(server.url, "auth: {bearer: $secret.TOKEN}", "headers: {X-Who: me}", "subprotocol: a, c")
        with listening(hocket, text + TO_FILE) as process:
            wait_until(lambda: lines(hocket) >= 1)
            result = stop(hocket, process)
        assert hocket.read_jsonl("out.jsonl") == [{"protocol": "a"}]
        assert server.heads[0]["Authorization"] == "Bearer a-long-enough-token" and server.heads[0]["X-Who"] == "me"
        server.wait_for(lambda: server.closed == [1001])
        assert "a-long-enough-token" not in result.err


class Raw:
    """Answers each connection with bytes that are made of the request."""

    def __init__(self, answer, pace=0):
        self.pace = pace  # bytes at a time
        self.answer, self.asked, self.socket = answer, 0, socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self.socket.getsockname()[1]}/feed"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                with connection:
                    head = b""
                    while b"\r\n\r\n" not in head:
                        head += connection.recv(4096)
                    self.asked += 1
                    answer = self.answer(head, self.asked)
                    with contextlib.suppress(OSError):
                        for n in range(0, len(answer), self.pace or len(answer)):
                            connection.sendall(answer[n:n + (self.pace or len(answer))])
                            time.sleep(0.05 if self.pace else 0)
                        if b" 101 " in answer[:20]:  # it stays until we go
                            connection.recv(1)

    def stop(self):
        self.socket.close()


def refusal(status, body="", more=""):
    return f"HTTP/1.1 {status} x\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def accept(head):
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    proof = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n"


@pytest.mark.parametrize("answer, words", [
    (refusal(401, "token expired"), "answered 401 instead of opening a WebSocket: token expired"),
    (refusal(403), "answered 403"),
    (refusal(404, "no feed here"), "no feed here"),
    (refusal(302, "", "Location: https://elsewhere.example/\r\n"), "it has moved to https://elsewhere.example/"),
    (b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bm90IHRoaXM=\r\n\r\n",
     "does not prove that it read our key"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
])
def test_who_refuses_us_ends_the_run(hocket, answer, words):
    with serving(Raw, lambda head, asked: answer) as server:
        result = hocket.run(source(server.url) + TO_FILE)
        assert result.code not in (0, 75) and words in result.err, result.err
        assert server.asked == 1


def test_a_policy_ends_the_run_and_nothing_else_does(hocket):
    async def talk(server, ws):
        if server.connections == 1:
            await ws.close(1011, "oops")
        elif server.connections == 2:
            await ws.send('{"n": 1}')
            await ws.close(1000)
        else:
            await ws.close(1008, "you talk too much")

    with serving(sockets.Server, talk) as server:
        result = hocket.run(source(server.url) + TO_FILE)
        assert result.code != 0 and "1008 you talk too much" in result.err, result.err
        assert server.connections == 3 and result.account["delivered"] == 1


def test_who_is_away_is_waited_for_and_said_to_be_back(hocket):
    with serving(Raw, lambda head, asked: refusal(503, "soon") if asked < 3 else accept(head) + b'\x81\x07{"n":1}') as server:
        with listening(hocket, source(server.url) + TO_FILE) as process:
            wait_until(lambda: lines(hocket) >= 1)
            result = stop(hocket, process)
    assert result.err.count("it is tried again until it is there") == 1 and "is back after" in result.err, result.err


def test_within_ends_waiting_whatever_the_server_wishes(hocket):
    with serving(Raw, lambda head, asked: refusal(503, "", "Retry-After: 3600\r\n")) as server:
        result = hocket.run(source(server.url, "within: 300ms") + TO_FILE)
    assert result.code != 0 and "waited for it as long as `within` says" in result.err, result.err


def test_an_answer_that_does_not_end_is_not_waited_for(hocket):
    """A byte now and then: no clock for the first byte, or for the next, ever runs out."""
    clocks = "timeout: {connect: 50ms, tls: 50ms, first_byte: 100ms}"
    with serving(Raw, lambda head, asked: b"HTTP/1.1 101 x\r\n" + b"X: y\r\n" * 1000, pace=1) as server:
        result = hocket.run(source(server.url, "within: 500ms", clocks) + TO_FILE)
    assert result.code != 0 and "does not come to an end with its answer" in result.err, result.err


def test_headers_of_the_handshake_are_not_to_be_written(hocket):
    for name, words in (("Sec-WebSocket-Protocol", "write `subprotocol`"), ("sec-websocket-key", "set by hocket itself")):
        result = hocket.run(source("ws://127.0.0.1:1/", f"headers: {{{name}: x}}") + TO_FILE)
        assert result.code == 78 and words in result.err, result.err


def test_a_url_that_is_a_secret_is_seen_nowhere(hocket):
    """Also its path, which is a part of the name by which others go."""
    async def talk(server, ws):
        await ws.send("nonsense")
        await (ws.close(1011, "again") if server.connections < 3 else ws.wait_closed())

    with serving(sockets.Server, talk) as server:
        hocket.env["FEED"] = server.url.replace("//", "//me:canary-password@") + "/canary-path?key=canary-query"
        with listening(hocket, source("$secret.FEED", "as: json") + TO_FILE + "dead: dead.jsonl\n") as process:
            server.wait_for(lambda: server.connections == 3)
            said = stop(hocket, process).err
    hocket.write_jsonl("in.jsonl", [{"n": 1}])
    said += hocket.run("from: {jsonl: in.jsonl}\nto: {websocket: $secret.FEED, retry: {times: 1}}\n", name="sink.yaml").err
    with serving(Raw, lambda head, asked: refusal(404)) as server:
        hocket.env["FEED"] = server.url + "/canary-path"
        said += hocket.run("from: {websocket: $secret.FEED}\nto: null\n", name="other.yaml").err
    assert "answered 404" in said and "canary" not in said, said
    assert [f for f in hocket.folder.rglob("*") if f.is_file() and b"canary" in f.read_bytes()] == []


def test_within_ends_waiting(hocket):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        result = hocket.run(source(f"ws://127.0.0.1:{nobody.getsockname()[1]}/", "within: 300ms") + TO_FILE)
    assert result.code != 0 and "waited for it as long as `within` says" in result.err, result.err


def test_tls_with_a_ca_of_ones_own(hocket):
    async def talk(server, ws):
        async for message in ws:
            server.note(json.loads(message))
            await ws.send(json.dumps({"echo": json.loads(message)["n"]}))

    authority = make_authority(hocket.folder)
    certificate = make_certificate(hocket.folder, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with serving(sockets.Server, talk, tls=context) as server:
        hocket.write_jsonl("in.jsonl", [{"n": i} for i in range(200)])
        text = f"from: {{jsonl: in.jsonl}}\nto:\n  websocket: wss://localhost:{server.port}/\n"
        refused = hocket.run(text)
        assert refused.code == 5 and "certificate" in refused.err, refused.err
        result = hocket.run(text + f"  tls: {{ca: {authority}}}\n", "--fresh")
        assert result.code == 0 and result.account["delivered"] == 200, result.err
        assert sorted(m["n"] for m in server.received) == list(range(200))


async def hello(server, ws):
    await ws.send('{"n": 1}')
    await ws.wait_closed()


def test_a_proxy_is_asked_for_a_tunnel(hocket):
    """Also without TLS (RFC 6455, 4.1): a proxy that reads the request would not pass the upgrade on."""
    with serving(sockets.Server, hello) as server:
        gateway = Gateway({"feed.example.test": server.port}, user="me:secret-of-the-proxy")
        hocket.env["HTTP_PROXY"] = f"http://me:secret-of-the-proxy@127.0.0.1:{gateway.port}"
        with listening(hocket, source(f"ws://feed.example.test:{server.port}/") + TO_FILE) as process:
            wait_until(lambda: lines(hocket) >= 1)
            stop(hocket, process)
        assert gateway.asked == [f"CONNECT feed.example.test:{server.port}"]
        assert "Proxy-Authorization" not in server.heads[0]


def test_a_token_is_fetched_for_the_handshake(hocket):
    """auth: oauth2, as for http: one token, for each connection until its time is over."""
    hocket.env["CLIENT_SECRET"] = "a-long-enough-secret"

    async def talk(server, ws):
        await ws.send(json.dumps({"n": server.connections}))
        await (ws.close(1000) if server.connections == 1 else ws.wait_closed())

    with serving(sockets.Server, talk) as server, \
            far(lambda path, attempt: {"access_token": f"token-{attempt}", "expires_in": 3600}) as issuer:
        auth = f"auth: {{oauth2: {{token_url: '{issuer.base}/token', client_id: me, client_secret: $secret.CLIENT_SECRET}}}}"
        with listening(hocket, source(server.url, auth) + TO_FILE) as process:
            wait_until(lambda: lines(hocket) >= 2)
            stop(hocket, process)
        assert [head["Authorization"] for head in server.heads] == ["Bearer token-1"] * 2 and issuer.asked["/token"] == 1


def test_a_changed_pipeline_takes_over_what_was_kept(hocket):
    """The sink is stuck when hocket is killed; the file is changed then. What was kept is nobody's but ours."""
    held = threading.Event()
    with serving(sockets.Feed, 300, True, 300, breaks=0) as server, far(lambda path, attempt: held.wait(20) and {}) as sink:
        with listening(hocket, resuming(server.url) + f"to: {{http: {sink.base}/in, concurrency: 1}}\n"):
            server.wait_for(lambda: server.sent >= 300)
            sink.wait_for(1)
        held.set()
        kept = in_inbox(hocket)
        with listening(hocket, resuming(server.url) + "steps: [map: '{n: .seq}']\n" + TO_FILE, "--fresh") as process:
            wait_until(lambda: lines(hocket) >= 300)
            server.wait_for(lambda: len(server.received) == 2)
            stop(hocket, process)
        assert [r["n"] for r in hocket.read_jsonl("out.jsonl")] == list(range(1, 301))
        assert kept and server.received[1] == {"after": max(kept)}


def test_resume_names_the_last_record_also_behind_messages_that_were_none(hocket):
    async def talk(server, ws):
        hello = json.loads(await ws.recv())
        server.note(hello)
        if hello == {"after": 0}:
            await ws.send('{"seq": 1}')
            while not lines(hocket):  # so that what follows is kept by itself
                await asyncio.sleep(0.01)
            await ws.send("nonsense")
            server.note("said")
        await ws.wait_closed()

    def counted(word):
        state = next((hocket.folder / ".hocket").glob("*.db"))
        with contextlib.closing(sqlite3.connect(state)) as db:
            return db.execute(f"SELECT count(*) FROM {word}").fetchone()[0]

    with serving(sockets.Server, talk) as server:
        text = source(server.url, "as: json", "send: {after: 0}", "resume: {after: '\\(.seq)'}") + TO_FILE
        for run in (1, 2):  # the second behind what the first has left: a page without a record
            with listening(hocket, text) as process:
                server.wait_for(lambda: len(server.received) == 1 + run)
                wait_until(lambda: counted("dead") == 1)
                process.send_signal(signal.SIGTERM)
                assert hocket.finish(process).balances()
        assert server.received == [{"after": 0}, "said", {"after": 1}]


@pytest.mark.parametrize("field, words", [("sequence", "`resume` says null behind the record {\"seq\":"), ("seq", None), ("seq | [., null]", None)])
def test_a_resume_that_says_null_is_told_with_the_first_record(hocket, field, words):
    with serving(sockets.Feed, 20, True, 20) as server:
        with listening(hocket, source(server.url, "send: {after: 0}", f"resume: {{after: '\\(.{field})'}}") + TO_FILE) as process:
            wait_until(lambda: lines(hocket) >= 20)
            err = stop(hocket, process).err
    assert server.connections == 1
    assert err.count("`resume`") == (words is not None) and (not words or words in err), err


# ---- the sink ----

async def break_off_under_a_message(ws):
    """What has come by then is not read: nobody answers its ping."""
    ws.transport.pause_reading()
    while not select.select([ws.transport.get_extra_info("socket")], [], [], 0)[0]:
        await asyncio.sleep(0.001)
    ws.transport.abort()


def test_delivered_is_received(hocket):
    """Connections break under the messages: what hocket calls delivered the server has, and unknown is what was on its way."""
    async def take(server, ws):
        n = 0
        async for message in ws:
            server.note(json.loads(message))
            n += 1
            if n == 400 and server.connections < 4:
                await break_off_under_a_message(ws)

    with serving(sockets.Server, take) as server:
        hocket.write_jsonl("in.jsonl", [{"n": i} for i in range(3000)])
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nto: {{websocket: '{server.url}', concurrency: 10}}\ndead: dead.jsonl\n")
        a, seen = result.account, [m["n"] for m in server.received]
        assert result.balances() and a["delivered"] + a["dead"] == 3000, result.err
        assert len(seen) == len(set(seen)), "said twice"
        lost = {json.loads(r["record"] if isinstance(r["record"], str) else json.dumps(r["record"]))["n"]
                for r in hocket.read_jsonl("dead.jsonl")}
        assert len(lost) == a["dead"] <= 3 * 10 and set(range(3000)) - lost <= set(seen)
        assert "unknown_outcome" in result.err and a["dead"] >= 3, result.err


def test_replies_are_judged(hocket):
    async def answer(server, ws):
        async for message in ws:
            n = json.loads(message)["n"]
            server.note(n)
            await ws.send(json.dumps({"ok": n % 10 != 0, "n": n}))

    with serving(sockets.Server, answer) as server:
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(500)])
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nto:\n  websocket: {server.url}\n  message: {{n: '\\(.id)'}}\n"
                            "  reply: true\n  connections: 4\n  accept: $res.body.ok\n")
        assert result.account["delivered"] == 450 and result.account["dead"] == 50, result.err
        assert sorted(server.received) == list(range(500)) and server.connections == 4


async def take_numbers(server, ws):
    async for message in ws:
        server.note(json.loads(message)["n"])


def test_a_handshake_that_breaks_has_said_nothing(hocket):
    """Servers that begin anew hang up on who comes too early: no message has left, so nobody need ask whether it arrived."""
    websockets = pytest.importorskip("websockets")
    asked = []

    class Door(websockets.WebSocketServerProtocol):
        async def process_request(self, path, headers):
            asked.append(path)
            if len(asked) < 3:
                self.transport.abort()

    with serving(sockets.Server, take_numbers, create_protocol=Door) as server:
        hocket.write_jsonl("in.jsonl", [{"n": 0}])
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nto: {{websocket: '{server.url}'}}\n")
        assert result.code == 0 and server.received == [0] and len(asked) == 3, result.err


def test_a_sink_that_rests_answers_pings_and_hears_good_byes(hocket):
    async def take(server, ws):
        async for message in ws:
            server.note(json.loads(message)["n"])
            if server.received == [0]:
                await asyncio.wait_for(await ws.ping(), 20)
                server.note("pong")
            elif server.connections == 1:
                await ws.close(1001)
                server.note("gone")

    with serving(sockets.Server, take, ping_interval=None) as server:
        hocket.write("pipe.yaml", f"from: {{stdin: jsonl}}\nto: {{websocket: '{server.url}'}}\n")
        process = hocket.start("run", "pipe.yaml", stdin=subprocess.PIPE)
        for n, then in enumerate(("pong", "gone", 2)):
            print(json.dumps({"n": n}), file=process.stdin, flush=True)
            server.wait_for(lambda: then in server.received)
        process.stdin.close()
        process.stdin = None
        result = hocket.finish(process)
        assert result.code == 0 and result.account["delivered"] == 3, result.err
        assert server.received == [0, "pong", 1, "gone", 2] and server.connections == 2


def test_what_a_server_says_first_is_no_answer(hocket):
    async def answer(server, ws):
        await ws.send('{"ok": true, "n": "welcome"}')
        async for message in ws:
            n = json.loads(message)["n"]
            server.note(n)
            await ws.send(json.dumps({"ok": n % 2 == 0}))

    with serving(sockets.Server, answer) as server:
        hocket.write_jsonl("in.jsonl", [{"n": i} for i in range(20)])
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nto: {{websocket: '{server.url}', reply: true, accept: $res.body.ok}}\ndead: dead.jsonl\n")
        assert result.account["delivered"] == 10, result.err
        assert [r["record"]["n"] for r in hocket.read_jsonl("dead.jsonl")] == list(range(1, 20, 2)) and server.received == list(range(20))
