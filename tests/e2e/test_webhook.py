"""A webhook: what senders are told, and what becomes of what they were told. The judges are the senders, who count their 200s."""
import contextlib
import hashlib
import hmac
import http.client
import json
import re
import signal
import socket
import sqlite3
import threading
import time

import pytest

from far import far

SECRET = "it is a secret to everybody"
TO_ROWS = "to: {sqlite: out.db, table: rows, commit: {every: 20ms}}\n"


class Listening:
    """hocket with its ear at a port; what it says is collected by lines."""

    def __init__(self, hocket, *flags):
        self.process = hocket.start("run", "pipe.yaml", "-q", *flags)
        self.said, self.heard = [], threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.port = int(re.search(r":(\d+)/", self.wait_for("listens on http://")).group(1))

    def read(self):
        for line in self.process.stderr:
            with self.heard:
                self.said.append(line)
                self.heard.notify_all()
        with self.heard:
            self.said.append(None)
            self.heard.notify_all()

    def wait_for(self, words, seconds=30):
        def found():
            return next((line for line in self.said if line is None or words in line), "")
        with self.heard:
            assert self.heard.wait_for(lambda: found() != "", seconds) and found(), f"'{words}' was not said: {self.said}"
            return found()

    def post(self, body, path="/hooks", method="POST", headers=None, connection=None):
        """(status, headers, body)"""
        c = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        c.request(method, path, body if isinstance(body, (bytes, str)) else json.dumps(body), headers or {})
        answer = c.getresponse()
        ret = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        if not connection:
            c.close()
        return ret

    def end(self, how=signal.SIGTERM):
        """(exit code, what was said)"""
        self.process.send_signal(how)
        code = self.process.wait(60)
        self.reader.join()
        return code, "".join(line for line in self.said if line)


@contextlib.contextmanager
def listening(hocket, text=None, *flags):
    if text:
        hocket.write("pipe.yaml", text)
    l = Listening(hocket, *flags)
    try:
        yield l
    finally:
        l.process.kill()
        l.process.wait()


def rows(hocket, what="*"):
    with contextlib.closing(sqlite3.connect(hocket.folder / "out.db")) as db:
        return db.execute(f"SELECT {what} FROM rows ORDER BY rowid").fetchall()


def wait_for_rows(hocket, n, seconds=30):
    """A stop leaves what was kept and not begun to the next run: so this comes before it."""
    until, found = time.monotonic() + seconds, []
    while len(found) < n:
        assert time.monotonic() < until, f"too few rows: {found}"
        time.sleep(0.01)
        with contextlib.suppress(sqlite3.OperationalError):  # the table comes with its first row
            found = rows(hocket)


def sign(body, secret=SECRET):
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()}


def test_deliveries_become_records(hocket):
    text = ("from:\n  webhook: 127.0.0.1:0/hooks/*\n"
            "  each: '.items[] + {event: $res.headers[\"x-event\"], path: $res.headers[\":path\"]}'\n" + TO_ROWS)
    with listening(hocket, text) as l:
        connection = http.client.HTTPConnection("127.0.0.1", l.port)
        one = l.post({"items": [{"id": 1}, {"id": 2}]}, "/hooks/a?x=1", headers={"X-Event": "push"}, connection=connection)
        two = l.post({"items": [{"id": 3}]}, "/hooks/b", "PUT", connection=connection)  # on the same connection
        none = l.post({"items": []}, "/hooks/c", connection=connection)
        assert [one[0], two[0], none[0]] == [200, 200, 200] and one[2] == "" and "connection" not in one[1]
        wait_for_rows(hocket, 3)
        code, said = l.end()
    assert code == 0, said
    assert rows(hocket) == [(1, "push", "/hooks/a"), (2, "push", "/hooks/a"), (3, None, "/hooks/b")]


def test_who_may_not_come_in_is_told_so(hocket):
    hocket.env["HOOK"] = SECRET
    text = "from:\n  webhook: 127.0.0.1:0/hooks\n  signature: github\n  secret: $secret.HOOK\n  max_body: 100KB\n" + TO_ROWS
    with listening(hocket, text) as l:
        body = '{"id": 1}'
        assert l.post(body, headers=sign(body))[0] == 200
        assert l.post(body)[0] == 401
        assert l.post(body, headers=sign(body, "another"))[0] == 403
        assert l.post(body + " ", headers=sign(body))[0] == 403
        assert l.post(body, "/other", headers=sign(body))[0] == 404
        assert l.post(body, "/hooks/", headers=sign(body))[0] == 404
        status, headers, _ = l.post(body, method="DELETE", headers=sign(body))
        assert status == 405 and headers["allow"] == "POST, PUT"
        status, _, why = l.post('{"id": ', headers=sign('{"id": '))
        assert status == 400 and "not JSON" in why
        status, _, why = l.post("3", headers=sign("3"))
        assert status == 400 and "not an object" in why
        assert l.post(body, headers=sign(body) | {"Content-Encoding": "gzip"})[0] == 415
        large = json.dumps({"id": "x" * 200_000})
        assert l.post(large, headers=sign(large))[0] == 413
        wait_for_rows(hocket, 1)
        code, said = l.end()
    assert code == 0 and rows(hocket) == [(1,)]
    assert "refused deliveries: 1 with 401, 2 with 403, 2 with 404, 1 with 405, 2 with 400, 1 with 415" in said, said
    assert SECRET not in said


def test_tokens_and_passwords(hocket):
    hocket.env["TOKEN"] = "a-long-enough-token"
    text = "from:\n  webhook: 127.0.0.1:0/hooks\n  auth: {bearer: $secret.TOKEN}\n" + TO_ROWS
    with listening(hocket, text) as l:
        status, headers, _ = l.post({"id": 1})
        assert status == 401 and headers["www-authenticate"] == "Bearer"
        assert l.post({"id": 2}, headers={"Authorization": "Bearer a-long-enough-tokem"})[0] == 403
        assert l.post({"id": 3}, headers={"Authorization": "Bearer a-long-enough-token"})[0] == 200
        wait_for_rows(hocket, 1)
        assert l.end()[0] == 0
    assert rows(hocket) == [(3,)]


def test_slack_hears_its_own_word(hocket):
    hocket.env["HOOK"] = SECRET
    text = "from: {webhook: '127.0.0.1:0/hooks', signature: {scheme: slack, tolerance: 100000h}, secret: $secret.HOOK}\n" + TO_ROWS
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a\"B"})
    now = "1790000000"
    signature = "v0=" + hmac.new(SECRET.encode(), f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()
    with listening(hocket, text) as l:
        assert l.post(body)[0] == 401
        status, _, answer = l.post(body, headers={"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": now})
        assert status == 200 and json.loads(answer) == {"challenge": "3eZbrw1a\"B"}
        assert l.end()[0] == 0


def test_what_each_makes_no_record_of_is_a_dead_letter(hocket):
    """The sender did nothing wrong, and would not send again."""
    with listening(hocket, "from:\n  webhook: 127.0.0.1:0/hooks\n  each: '{n: (.n + 1)}'\n" + TO_ROWS) as l:
        assert l.post({"n": []})[0] == 200
        assert l.post({"n": 1})[0] == 200
        wait_for_rows(hocket, 1)
        assert l.end()[0] == 3
    assert rows(hocket) == [(2,)]
    assert '{"n":[]}' in hocket("dead", "show", "pipe.yaml").out


GARBAGE = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "text": b"hello\r\n\r\n",
    "zeros": b"\0" * 1000,
    "smuggling": b"POST /hooks HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
}


def test_strangers_cannot_end_a_run_by_what_they_send(hocket):
    """Twenty alike end a run that reads a file: there it is the pipeline's mistake. Here anybody could do that."""
    with listening(hocket, "from:\n  webhook: 127.0.0.1:0/hooks\n  each: '{n: (.n + 1)}'\n" + TO_ROWS) as l:
        assert all(l.post({"n": [n]})[0] == 200 for n in range(30))
        assert "dead letters" in l.wait_for("could make no record")
        assert l.post({"n": 1})[0] == 200
        wait_for_rows(hocket, 1)
        code, said = l.end()
        assert code == 3 and said.count("could make no record") == 1, said


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_refused_and_others_are_served(hocket, kind):
    with listening(hocket, "from: {webhook: '127.0.0.1:0/hooks'}\n" + TO_ROWS) as l:
        with socket.create_connection(("127.0.0.1", l.port), 30) as s:
            s.sendall(GARBAGE[kind])
            assert s.recv(1000).startswith(b"HTTP/1.1 400 ")
        with socket.create_connection(("127.0.0.1", l.port), 30) as half:
            half.sendall(b"POST /hooks HTTP/1.1\r\nHost: h\r\nContent-Len")
            assert l.post({"id": 1})[0] == 200
            wait_for_rows(hocket, 1)
        assert l.end()[0] == 0
    assert rows(hocket) == [(1,)]


class Gate:
    """A far side that answers when it is let, and knows whom it was asked for."""

    def __init__(self):
        self.open = threading.Event()

    def __call__(self, path, attempt):
        assert self.open.wait(60)
        return {"ok": path}


def test_backpressure_is_503_with_a_time(hocket):
    gate = Gate()
    with far(gate) as server:
        text = ("from: {webhook: '127.0.0.1:0/hooks', waiting: 10}\n"
                f"steps:\n  - http: {server.base}/\\(.id)\n    concurrency: 2\n    into: .far\n" + TO_ROWS)
        with listening(hocket, text) as l:
            told = {n: l.post({"id": n}) for n in range(30)}
            taken = [n for n in told if told[n][0] == 200]
            assert taken == list(range(10)), told
            assert all(answer[0] == 503 and 1 <= int(answer[1]["retry-after"]) <= 300 for n, answer in told.items() if n >= 10), told
            gate.open.set()
            for n in range(10, 30):
                while l.post({"id": n})[0] == 503:
                    pass
            wait_for_rows(hocket, 30)
            code, said = l.end()
        refused = re.search(r"refused deliveries: (\d+) with 503", said)
        assert code == 0 and refused and int(refused[1]) >= 20, said
        assert sorted(rows(hocket, "id")) == [(n,) for n in range(30)]
        assert all(server.asked[f"/{n}"] == 1 for n in range(30)), server.asked


def test_backpressure_holds_for_large_bodies_that_come_at_once(hocket):
    """`each` works on them in threads: when it is done, there may be no room any more."""
    gate = Gate()
    with far(gate) as server:
        text = ("from: {webhook: '127.0.0.1:0/hooks', waiting: 1, each: 'del(.pad)'}\n"
                f"steps:\n  - http: {server.base}/\\(.id)\n    into: .far\n" + TO_ROWS)
        with listening(hocket, text) as l:
            told = [None] * 12
            pad = "x" * 400_000
            tasks = [threading.Thread(target=lambda n=n: told.__setitem__(n, l.post({"id": n, "pad": pad})[0])) for n in range(len(told))]
            for t in tasks:
                t.start()
            for t in tasks:
                t.join()
            assert sorted(told) == [200] + [503] * 11
            gate.open.set()
            wait_for_rows(hocket, 1)
            assert l.end()[0] == 0


def test_a_stop_answers_what_has_begun(hocket):
    with listening(hocket, "from: {webhook: '127.0.0.1:0/hooks'}\n" + TO_ROWS) as l:
        with socket.create_connection(("127.0.0.1", l.port), 30) as half, socket.create_connection(("127.0.0.1", l.port), 30) as idle:
            half.sendall(b"POST /hooks HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n{\"id\"")
            assert l.post({"id": 0})[0] == 200
            l.process.send_signal(signal.SIGTERM)
            assert idle.recv(1) == b""  # the stop has come: who says nothing is not waited for
            with pytest.raises(OSError):
                l.post({"id": 9})
            half.sendall(b":1}")
            answer = half.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200 ") and b"Connection: close" in answer
        l.process.wait(30)
        code, said = l.process.returncode, l.wait_for("kept for the next run")
        assert code == 0 and "1 records are kept" in said
    with listening(hocket) as l:
        assert l.post({"id": 2})[0] == 200
        wait_for_rows(hocket, 3)
        assert l.end()[0] == 0
    assert rows(hocket) == [(0,), (1,), (2,)]


@pytest.mark.parametrize("flags", [(), ("--fresh",)])
def test_what_was_answered_200_is_done_by_whoever_comes_next(hocket, flags):
    """Killed with all of it on the way; then gone on with, or started over: nobody could be asked again."""
    gate = Gate()
    with far(gate) as server:
        text = ("from: {webhook: '127.0.0.1:0/hooks'}\n"
                f"steps:\n  - http: {server.base}/\\(.id)\n    concurrency: 2\n    into: .far\n" + TO_ROWS)
        with listening(hocket, text) as l:
            assert all(l.post([{"id": 2 * n}, {"id": 2 * n + 1}])[0] == 200 for n in range(20))
            l.end(signal.SIGKILL)
        gate.open.set()
        with listening(hocket, None, *flags) as l:
            assert l.post({"id": 40})[0] == 200
            server.wait_for(41)
            assert l.end()[0] == 0
    assert sorted(rows(hocket, "id")) == [(n,) for n in range(41)]


def test_behind_a_limited_run_the_rest_is_done(hocket):
    gate = Gate()
    gate.open.set()
    with far(gate) as server:
        text = ("from: {webhook: '127.0.0.1:0/hooks'}\n"
                f"steps:\n  - http: {server.base}/\\(.id)\n    concurrency: 1\n    rate: 20/s\n    into: .far\n" + TO_ROWS)
        with listening(hocket, text, "--limit", "5") as l:
            assert l.post([{"id": n} for n in range(12)])[0] == 200
            assert l.process.wait(30) == 0
        with listening(hocket) as l:
            assert l.post({"id": 12})[0] == 200
            server.wait_for(13)
            assert l.end()[0] == 0
    assert [n for n, in rows(hocket, "id")] == list(range(13))


def test_who_repeats_himself_is_heard_once(hocket):
    text = ("from:\n  webhook: 127.0.0.1:0/hooks\n  each: '. + {delivery: $res.headers[\"x-delivery\"]}'\n"
            "steps:\n  - unique: .delivery\n    for: 24h\n" + TO_ROWS)
    for start in range(2):  # also behind a kill
        with listening(hocket, text) as l:
            for n in range(10):
                assert l.post({"n": n}, headers={"X-Delivery": str(n % 5)})[0] == 200
            if start == 0:
                l.end(signal.SIGKILL)
            else:
                wait_for_rows(hocket, 5)
                assert l.end()[0] == 0
    assert sorted(rows(hocket, "delivery")) == [(str(n),) for n in range(5)]


def test_it_says_who_can_come_in(hocket):
    text = "from: {webhook: ':0/hooks'}\n" + TO_ROWS
    with listening(hocket, text) as l:
        assert "anybody" in l.wait_for("asks for no secret")
        assert l.end()[0] == 0
    hocket.env["HOOK"] = SECRET
    with listening(hocket, "from: {webhook: ':0/hooks', auth: {header: 'X-Token: \\($secret.HOOK)'}}\n" + TO_ROWS) as l:
        assert l.post({"id": 1})[0] == 401
        code, said = l.end()
        assert code == 0 and "asks for no secret" not in said


def test_a_port_that_is_taken_is_said(hocket):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = hocket.run(f"from: {{webhook: '127.0.0.1:{taken.getsockname()[1]}/hooks'}}\n" + TO_ROWS)
    assert result.code == 1 and "address already in use" in result.err, result.err


def test_memory_is_flat_whatever_is_sent(hocket):
    """300 senders hold 900 KB each, 300 more announce 64 MB, 100 send heads without end."""
    def peak(l):
        status = open(f"/proc/{l.process.pid}/status").read()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024

    with listening(hocket, "from: {webhook: '127.0.0.1:0/hooks'}\nmemory: 64MB\n" + TO_ROWS) as l, contextlib.ExitStack() as held:
        before, answers = peak(l), []
        for n in range(700):
            s = held.enter_context(socket.create_connection(("127.0.0.1", l.port), 30))
            kind = "large" if n % 7 < 3 else "huge" if n % 7 < 6 else "head"
            head = b"POST /hooks HTTP/1.1\r\nHost: h\r\n"
            length = {"large": 1_000_000, "huge": 64_000_000}.get(kind)
            text = head + f"Content-Length: {length}\r\n\r\n".encode() + b" " * 900_000 if length else head + b"X-A: 1\r\n" * 10_000
            with contextlib.suppress(OSError):  # it may hang up before all is sent
                s.sendall(text)
            if kind != "large":
                with contextlib.suppress(OSError):
                    answers.append(s.recv(100)[9:12])
        assert {b"413", b"431"} <= set(answers), set(answers)
        assert peak(l) - before < 64, f"{before} -> {peak(l)} MiB"
        held.close()
        while l.post({"id": 1})[0] == 503:
            pass
        assert l.end()[0] == 0


def test_who_tries_a_webhook_is_told_that_nothing_is_kept(hocket):
    hocket.write("pipe.yaml", "from: {webhook: 127.0.0.1:0/hooks}\nto: {jsonl: out.jsonl}\n")
    process = hocket.start("try", "pipe.yaml")
    said = [process.stderr.readline()]
    while "listens on" not in said[-1]:
        assert said[-1], said
        said.append(process.stderr.readline())
    port = re.search(r"127.0.0.1:(\d+)/", said[-1]).group(1)
    for n in range(3):
        c = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
        c.request("POST", "/hooks", json.dumps({"n": n}))
        assert c.getresponse().status == 200
        c.close()
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0 and not (hocket.folder / "out.jsonl").exists(), err
    assert "  webhook    keeps nothing of what it is told now, and who sends it may not send it again\n" in said, said
