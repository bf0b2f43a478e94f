"""Nothing is paid twice: the far side counts, hocket is killed (SIGKILL) again and again."""
import collections
import contextlib
import json
import random
import signal
import sqlite3
import threading
import time

import far
import pytest

N = 150


def slow(path, attempt):
    time.sleep(0.03)
    return {"path": path}


def run_killed(hocket, server, kills, seed, most=16):
    """kill -9 after some more requests, `kills` times; then to the end."""
    chance = random.Random(seed)
    for _ in range(kills):
        process = hocket.start("run", "pipe.yaml", "-q")
        server.arrived.acquire()
        now = sum(server.asked.values())
        server.arrived.release()
        with contextlib.suppress(AssertionError):
            server.wait_for(now + chance.randrange(1, most), seconds=5)
        time.sleep(chance.random() * 0.03)
        process.kill()
        process.communicate()
    return hocket("run", "pipe.yaml")


def letters(hocket):
    state = sqlite3.connect(hocket.folder / ".hocket/pipe.db")
    table = next(name for (name,) in state.execute("SELECT name FROM sqlite_master WHERE type = 'table'") if name in ("dead", "letter"))
    return state.execute(f"SELECT class, message FROM {table}").fetchall()


STEP = """from: {{jsonl: in.jsonl}}
steps:
  - http: POST {base}/charge/\\(.id)
    body: {{id: \\(.id)}}
    concurrency: 10
    retry: {{times: 4}}
{options}
    into: .a
to: {{jsonl: out.jsonl}}
"""
SINK = """from: {{jsonl: in.jsonl}}
to:
  http: POST {base}/charge/\\(.id)
  concurrency: 10
{options}
"""


def write(hocket, text, base, options=""):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(N)])
    indent = "    " if text is STEP else "  "
    hocket.write("pipe.yaml", text.format(base=base, options="\n".join(indent + line for line in options.splitlines())))


@pytest.mark.parametrize("text", [STEP, SINK], ids=["step", "sink"])
@pytest.mark.parametrize("seed", [1, 2])
def test_without_a_key_nobody_is_charged_twice(hocket, text, seed):
    with far.far(slow) as server:
        write(hocket, text, server.base)
        result = run_killed(hocket, server, kills=6, seed=seed)
        twice = {path: n for path, n in server.asked.items() if n > 1}
        assert not twice, f"charged more than once: {twice}"
        account = result.account
        assert account["in"] == N and account["delivered"] + account["dead"] == N, result.err
        assert account["dead"] <= 6 * 20, "only what was in flight, or was just answered, can be unknown"
        assert result.code == (3 if account["dead"] else 0), result.err
        assert {row[0] for row in letters(hocket)} <= {"unknown_outcome"}
        if text is STEP:
            delivered = {r["id"] for r in hocket.read_jsonl("out.jsonl")}
            assert len(delivered) == account["delivered"]
            assert all(server.asked[f"/charge/{i}"] == 1 for i in delivered)


@pytest.mark.parametrize("text", [STEP, SINK], ids=["step", "sink"])
@pytest.mark.parametrize("seed", [1, 2])
def test_with_a_key_each_is_charged_exactly_once(hocket, text, seed):
    with far.far(slow) as server:
        write(hocket, text, server.base, "idempotency_key: auto")
        result = run_killed(hocket, server, kills=6, seed=seed)
        assert result.code == 0, result.err
        assert result.account["delivered"] == N
        keys = collections.defaultdict(set)
        for head in server.heads:
            keys[head["Idempotency-Key"]].add(1)
        assert len(keys) == N and None not in keys, "one key for each record, the same after each crash"
        assert set(server.asked) == {f"/charge/{i}" for i in range(N)}
        again = sum(n - 1 for n in server.asked.values())
        assert again <= 6 * 20, "asked again only what was in flight, or was just answered"
        if text is STEP:
            assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == list(range(N))


def test_remembered_answers_are_not_paid_for_again(hocket):
    with far.far(slow) as server:
        write(hocket, STEP, server.base, "remember: 30d")
        assert hocket("run", "pipe.yaml").code == 0
        assert sum(server.asked.values()) == N
        first = hocket.read_jsonl("out.jsonl")
        result = hocket("run", "pipe.yaml", "--fresh")
        assert result.code == 0, result.err
        assert sum(server.asked.values()) == N, "the second run paid"
        assert f"answers taken from memory: {N}" in result.err
        assert hocket.read_jsonl("out.jsonl") == first
        result = hocket("run", "pipe.yaml", "--fresh", "--summary", "json")
        place = next(p for p in result.summary["places"] if p["step"] == "http")
        assert place["recalled"] == N and place["attempts"] == 0


def test_identical_requests_share_one_call(hocket):
    with far.far(lambda path, attempt: (time.sleep(0.2), {"path": path})[1]) as server:
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(100)])
        result = hocket.run(f"""from: {{jsonl: in.jsonl}}
steps:
  - http: POST {server.base}/translate/\\(.id % 10)
    body: {{}}
    remember: 1h
    concurrency: 100
    into: .a
to: {{jsonl: out.jsonl}}
""")
        assert result.code == 0, result.err
        assert sum(server.asked.values()) == 10 and len(server.asked) == 10
        assert all(r["a"]["path"] == f"/translate/{r['id'] % 10}" for r in hocket.read_jsonl("out.jsonl"))


def test_credentials_of_records_do_not_share_answers(hocket):
    """What one may see is not given to another; a key of the file may be changed without paying again."""
    with far.far(lambda path, attempt: {"n": attempt}) as server:
        hocket.write_jsonl("in.jsonl", [{"token": token} for token in ("ann", "bob", "ann")])
        text = f"""from: {{jsonl: in.jsonl}}
steps:
  - http: {server.base}/me
    headers: {{AUTH}}
    remember: 1h
    into: .a
to: {{jsonl: out.jsonl}}
"""
        result = hocket.run(text.replace("AUTH", "Authorization: 'Bearer \\(.token)'"))
        assert result.code == 0 and server.asked["/me"] == 2, result.err
        for key in ("one", "two"):
            result = hocket.run(text.replace("AUTH", f"Authorization: 'Bearer {key}'"), "--fresh")
            assert result.code == 0 and server.asked["/me"] == 3, result.err


def test_answers_behind_a_slow_head_are_kept_over_a_stop(hocket):
    """A stop: what is in flight is finished and its answer kept, although the record before it is not done."""
    gate = threading.Event()

    def answer(path, attempt):
        if path == "/charge/0":
            gate.wait(20)
        return {"path": path}

    with far.far(answer) as server:
        write(hocket, STEP, server.base)
        process = hocket.start("run", "pipe.yaml", "--grace", "1s", "-q")
        server.wait_for(40)
        process.send_signal(signal.SIGINT)
        assert hocket.finish(process).code == 75
        gate.set()
        result = hocket("run", "pipe.yaml")
        assert result.account == {"in": N, "delivered": N - 1, "filtered": 0, "duplicate": 0, "dead": 1}, result.err
        assert max(server.asked.values()) == 1, "charged again after a stop"
        assert "answers taken from memory: " in result.err
        assert letters(hocket)[0][0] == "unknown_outcome"


def test_a_source_that_fails_lets_calls_in_flight_end(hocket):
    """The page that fails waits until calls are in flight; they end, and the next run does not make them again."""
    mended = threading.Event()

    def answer(path, attempt):
        if path == "/pages":
            return {"items": [{"id": i} for i in range(20)], "next": "/more"}
        if path == "/more":
            server.wait_for(5)
            return {"items": []} if mended.is_set() else (404, {}, b"{}")
        time.sleep(0.5)
        return {"path": path}

    with far.far(answer) as server:
        text = f"""from: {{http: {server.base}/pages, pages: {{next: .next}}, each: '.items[]'}}
steps:
  - http: POST {server.base}/charge/\\(.id)
    body: {{}}
    concurrency: 20
    into: .a
to: {{jsonl: out.jsonl}}
"""
        result = hocket.run(text)
        assert result.code == 1 and "404" in result.err, result.err
        mended.set()
        result = hocket("run", "pipe.yaml")
        assert result.code == 0, result.err
        charged = {path: n for path, n in server.asked.items() if path.startswith("/charge")}
        assert len(charged) == 20 and set(charged.values()) == {1}, charged


@pytest.mark.parametrize("policy, code", [("dead", 3), ("assume_delivered", 0), ("retry", 3)])
def test_an_answer_that_is_lost_goes_by_on_unknown(hocket, policy, code):
    asked = []

    def talk(connection):  # reads the request and goes: what was asked may have been done
        if connection.recv(65536):
            asked.append(1)

    with far.raw(talk) as port:
        hocket.write_jsonl("in.jsonl", [{"id": 1}])
        result = hocket.run(f"""from: {{jsonl: in.jsonl}}
steps:
  - http: POST http://127.0.0.1:{port}/charge
    body: {{}}
    retry: {{times: 2}}
    on_unknown: {policy}
    into: .a
to: {{jsonl: out.jsonl}}
""")
        assert result.code == code, result.err
        assert len(asked) == (3 if policy == "retry" else 1)
        if code == 0:
            assert hocket.read_jsonl("out.jsonl") == [{"id": 1, "a": None}]
            assert "calls that may have been done, and whose answer is lost: 1" in result.err
        else:
            (kind, message), = letters(hocket)
            assert kind == "unknown_outcome" and "may have been done" in message and "(reset: " in message


def test_sinks_beside_each_other(hocket):
    """A list of both kinds: to a server, and to a file; `if` decides for each."""
    with far.far(lambda path, attempt: {}) as server:
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(10)])
        result = hocket.run(f"""from: {{jsonl: in.jsonl}}
to:
  - {{http: {server.base}/odd, if: .id % 2 == 1, idempotency_key: 'k-\\(.id)', idempotency_header: X-Key}}
  - {{jsonl: out.jsonl, if: .id >= 5}}
""")
        assert result.code == 0, result.err
        assert result.account == {"in": 10, "delivered": 7, "filtered": 3, "duplicate": 0, "dead": 0}
        assert sorted(json.loads(b)["id"] for b in server.bodies) == [1, 3, 5, 7, 9]
        assert sorted(h["X-Key"] for h in server.heads) == [f"k-{i}" for i in (1, 3, 5, 7, 9)]
        assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == [5, 6, 7, 8, 9]


def test_what_the_server_refuses_is_dead_not_delivered(hocket):
    with far.far(lambda path, attempt: (400, {}, b'{"error":"no"}') if path == "/3" else {}) as server:
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(6)])
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nto: {{http: PUT {server.base}/\\(.id)}}\n")
        assert result.code == 3, result.err
        assert result.account["delivered"] == 5 and result.account["dead"] == 1
        result = hocket("run", "pipe.yaml")
        assert "nothing new" in result.err and sum(server.asked.values()) == 6


def test_check_says_what_they_promise(hocket):
    hocket.write_jsonl("in.jsonl", [])
    for options, letter in (("", "A  "), (", idempotency_key: auto", "I  "), (", on_unknown: retry", "A  ")):
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nto: {{http: https://x.example/y{options}}}\n")
        shown = hocket("check", "pipe.yaml").out
        line = next(line for line in shown.splitlines() if letter in line and "jsonl" not in line)
        assert line, shown
        assert "  to  " in shown
    hocket.write("pipe.yaml", "guarantee: exactly_once\nfrom: {jsonl: in.jsonl}\nto: {http: https://x.example/y}\n")
    assert "add `idempotency_key: auto`" in hocket("check", "pipe.yaml").err


@pytest.mark.parametrize("option", ["", "idempotency_key: auto"], ids=["no key", "key"])
def test_a_sink_takes_no_answer_of_a_step_of_its_name(hocket, option):
    """Both are `http`. Killed between the two: what the step was answered does not stand for what the sink has not sent."""
    gate = threading.Event()

    def answer(path, attempt):
        if path.startswith("/wait"):
            gate.wait(20)
        return {"path": path}

    with far.far(answer) as server:
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(5)])
        hocket.write("pipe.yaml", f"""from: {{jsonl: in.jsonl}}
steps:
  - http: POST {server.base}/charge/\\(.id)
    body: {{}}
    {option}
    into: .a
  - http: {server.base}/wait/\\(.id)
to:
  http: POST {server.base}/sink/\\(.id)
  {option}
""")
        process = hocket.start("run", "pipe.yaml", "-q")
        server.wait_for(10)  # all were charged, and none has come to the sink
        process.kill()
        process.communicate()
        gate.set()
        result = hocket("run", "pipe.yaml")
        assert result.code == 0, result.err
        for i in range(5):
            assert server.asked[f"/charge/{i}"] == 1 and server.asked[f"/sink/{i}"] == 1, server.asked
        keys = [head["Idempotency-Key"] for head in server.heads if head["Idempotency-Key"]]
        assert len(keys) == len(set(keys)) == (10 if option else 0), "a server would take one for the other"


@pytest.mark.parametrize("mended", ["behind it", "in it", "its request"])
def test_what_was_paid_for_before_a_mend_is_not_paid_for_again(hocket, mended):
    """A later step, or `result`, fails for all: the run stops, is mended, and begins anew. Only another request is made again."""
    wrong, right = {
        "behind it": ("  - map: {n: '.a.path + 1'}\n", "  - map: {n: .a.path}\n"),
        "in it": ("    result: .n = $res.body.path + 1\n", "    result: .n = $res.body.path\n"),
        "its request": ("    headers: {x-model: small}\n  - map: {n: '.a.path + 1'}\n",
                        "    headers: {x-model: large}\n  - map: {n: .a.path}\n"),
    }[mended]
    with far.far(slow) as server:
        for body, code in (wrong, 5), (right, 0):
            write(hocket, STEP, server.base)
            pipe = (hocket.folder / "pipe.yaml").read_text()
            hocket.write("pipe.yaml", pipe.replace("    into: .a\n", "    into: .a\n" + body))
            result = hocket("run", "pipe.yaml")
            assert result.code == code, result.err
        assert "was changed since its unfinished run" in result.err
        counts = collections.Counter(server.asked.values())
        if mended == "its request":
            assert counts[2] >= 20 and counts[1] + counts[2] == N
        else:
            assert counts == {1: N}
        assert len(hocket.read_jsonl("out.jsonl")) == N
