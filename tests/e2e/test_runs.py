"""Runs from end to end: order, accounts, dead letters, pipes, size; judged by the far side's counts."""
import json
import os
import random
import re
import sqlite3
import subprocess
import time

import far
from conftest import PROGRAM, SLOW


def test_order_is_kept_under_concurrency(hocket):
    delays = [random.Random(7).random() / 20 for _ in range(300)]

    def answer(path, attempt):
        n = int(path[1:])
        time.sleep(delays[n])
        return {"n": n}

    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(300)])
    with far.far(answer) as server:
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    concurrency: 50\n"
                            "    into: .answer\nto: {jsonl: out.jsonl}\n")
        assert result.code == 0, result.err
        assert 10 < server.most_inside <= 50
    assert hocket.read_jsonl("out.jsonl") == [{"id": i, "answer": {"n": i}} for i in range(300)]


def test_answers_are_never_crossed(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(3000)])
    with far.far(lambda path, attempt: {"n": int(path[1:])}) as server:
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    concurrency: 64\n"
                            "    into: .a\n  - where: .a.n != .id\nto: {jsonl: out.jsonl}\n")
    assert result.code == 0, result.err
    assert result.account == {"in": 3000, "delivered": 0, "filtered": 3000, "duplicate": 0, "dead": 0}


def test_digits_are_kept(hocket):
    text = '{"id":12345678901234567890,"price":1.10,"e":1E400}\n'
    hocket.write("in.jsonl", text)
    result = hocket.run("from: {jsonl: in.jsonl}\nsteps:\n  - set: {copy: .id}\nto: {jsonl: out.jsonl}\n")
    assert result.code == 0, result.err
    assert (hocket.folder / "out.jsonl").read_text() == text.replace("}\n", ',"copy":12345678901234567890}\n')


def test_dead_letters_are_whole(hocket):
    def answer(path, attempt):
        return (503, {}, b"busy") if path == "/2" else (400, {}, b'{"error": "no"}') if path == "/3" else {"ok": True}

    hocket.write_jsonl("in.jsonl", [{"id": i, "note": "kept"} for i in (1, 2, 3)])
    with far.far(answer) as server:
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - set: {{extra: '.id * 2'}}\n  - http: {server.base}/\\(.id)\n"
                            "    name: look up\n    retry: 2\n    into: .a\nto: {jsonl: out.jsonl}\ndead: dead.jsonl\n")
        assert server.asked == {"/1": 1, "/2": 3, "/3": 1}
    assert result.code == 3
    assert result.account["dead"] == 2
    assert "1 at look up (status 503)" in result.err and "1 at look up (status 400)" in result.err
    letters = {letter["record"]["id"]: letter for letter in hocket.read_jsonl("dead.jsonl")}
    assert letters[2]["record"] == {"id": 2, "note": "kept"}
    text = json.dumps(letters[2])
    assert "look up" in text and "503" in text and "busy" in text
    assert '"extra": 4' in text  # the record as it reached the step
    assert len(letters[2]["attempts"]) == 3 and len(letters[3]["attempts"]) == 1


def test_on_error_into_is_return_exceptions(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": 1}, {"id": 2}])
    with far.far(lambda path, attempt: (404, {}, b"{}") if path == "/2" else {"ok": 1}) as server:
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    on_error: into .error\n"
                            "    into: .a\nto: {jsonl: out.jsonl}\n")
    assert result.code == 0, result.err
    good, bad = hocket.read_jsonl("out.jsonl")
    assert good == {"id": 1, "a": {"ok": 1}}
    assert bad["error"]["status"] == 404 and bad["error"]["class"] == "status(404)" and bad["error"]["message"]


def test_on_error_stop(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(100)])
    with far.far(lambda path, attempt: (404, {}, b"{}") if path == "/30" else {"ok": 1}) as server:
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    on_error: stop\n"
                            "    concurrency: 4\n    into: .a\nto: {jsonl: out.jsonl}\n")
    assert result.code in (1, 5)
    assert "404" in result.err
    assert not (hocket.folder / "out.jsonl").exists()


def test_retry_after_pauses_everybody(hocket):
    throttled = []

    def answer(path, attempt):
        if path == "/40" and attempt == 1:
            throttled.append(time.monotonic())
            return 429, {"Retry-After": "1"}, b"slow down"
        return {"at": time.monotonic()}

    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(60)])
    with far.far(answer) as server:
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    concurrency: 2\n"
                            "    into: .a\nto: {jsonl: out.jsonl}\n")
        assert result.code == 0, result.err
        assert sum(server.asked.values()) == 61
    times = [r["a"]["at"] - throttled[0] for r in hocket.read_jsonl("out.jsonl")]
    assert not [t for t in times if 0.1 < t < 0.95], "asked during the pause"


def test_stdin_to_stdout(hocket):
    hocket.write("pipe.yaml", "from: stdin\nsteps:\n  - where: .n % 2 == 0\nto: stdout\n")
    lines = "".join(json.dumps({"n": i}) + "\n" for i in range(1000))
    result = hocket("run", "pipe.yaml", stdin=lines)
    assert result.code == 0, result.err
    assert [json.loads(line)["n"] for line in result.out.splitlines()] == list(range(0, 1000, 2))
    assert result.account == {"in": 1000, "delivered": 500, "filtered": 500, "duplicate": 0, "dead": 0}


def test_pipeline_from_stdin(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    result = hocket("run", "-", stdin="from: {jsonl: in.jsonl}\nto: stdout\n")
    assert result.code == 0, result.err
    assert json.loads(result.out) == {"id": 1}


def test_csv_in_csv_out(hocket):
    hocket.write("in.csv", 'id,name\n1,"a ""quoted"", name"\n2,"two\nlines"\n')
    result = hocket.run("from: {csv: in.csv}\nto: {csv: out.csv}\n")
    assert result.code == 0, result.err
    assert (hocket.folder / "out.csv").read_text().replace("\r\n", "\n") == 'id,name\n1,"a ""quoted"", name"\n2,"two\nlines"\n'


def test_emit_makes_children_and_the_account_knows(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": 1, "tags": ["a", "b", "c"]}, {"id": 2, "tags": []}])
    result = hocket.run("from: {jsonl: in.jsonl}\nsteps:\n  - emit: '{id, tag: .tags[]}'\nto: {jsonl: out.jsonl}\n")
    assert result.code == 0, result.err
    assert [(r["id"], r["tag"]) for r in hocket.read_jsonl("out.jsonl")] == [(1, "a"), (1, "b"), (1, "c")]
    assert result.balances()
    assert result.account["delivered"] == 3 and result.account["spawned"] == 3


def test_table_grows_and_key_upserts(hocket, tmp_path):
    text = "from: {jsonl: in.jsonl}\nto: {sqlite: t.db, table: t, key: id}\n"
    hocket.write_jsonl("in.jsonl", [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}])
    assert hocket.run(text).code == 0
    hocket.write_jsonl("in.jsonl", [{"id": 2, "a": "new", "b": 5}, {"id": 3, "b": {"deep": True}}])
    result = hocket.run(text, "--fresh")
    assert result.code == 0, result.err
    rows = sqlite3.connect(tmp_path / "t.db").execute("SELECT id, a, b FROM t ORDER BY id").fetchall()
    assert rows == [(1, "x", None), (2, "new", 5), (3, None, '{"deep": true}')]


def test_limit(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(50)])
    result = hocket.run("from: {jsonl: in.jsonl}\nto: stdout\n", "--limit", "7")
    assert result.code == 0, result.err
    assert len(result.out.splitlines()) == 7


def test_summary_is_the_last_line(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(5)])
    result = hocket.run("from: {jsonl: in.jsonl}\nto: 'null'\n", "--summary", "json", "-q")
    assert result.code == 0, result.err
    assert result.summary["in"] == result.summary["delivered"] == 5
    assert result.summary["end"] == "finished" and result.summary["exit"] == 0 and result.summary["balanced"]


def test_summary_even_when_the_file_is_wrong(hocket):
    result = hocket.run("from: {jsnl: x}\n", "--summary", "json")
    assert result.code == 78
    assert result.summary["exit"] == 78


def test_vars_and_env_file(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    hocket.write("settings.env", "# settings\nexport GREETING='hello'\n")
    text = "vars: {greeting: $env.GREETING, who: world}\nfrom: {jsonl: in.jsonl}\nsteps:\n" \
           "  - map: {said: '$vars.greeting + \" \" + $vars.who'}\nto: stdout\n"
    result = hocket.run(text, "--env-file", "settings.env", "--set", "who=moon")
    assert result.code == 0, result.err
    assert json.loads(result.out) == {"said": "hello moon"}


def test_secrets_reach_the_far_side_and_no_message(hocket):
    hocket.write("keys.env", "TOKEN=canary-7f3a9c\n")
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    seen = []

    def answer(connection):
        seen.append(connection.recv(65536).decode())
        connection.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 15\r\nConnection: close\r\n\r\ncanary-7f3a9c !")

    with far.raw(answer) as port:
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: http://127.0.0.1:{port}/x\n"
                            "    auth: {bearer: $secret.TOKEN}\nto: stdout\ndead: dead.jsonl\n", "--secrets", "keys.env", "-v")
    assert result.code == 3
    assert "authorization: bearer canary-7f3a9c" in seen[0].lower()
    assert "canary" not in result.err and "canary" not in result.out
    assert "canary" not in (hocket.folder / "dead.jsonl").read_text()
    for path in (hocket.folder / ".hocket").iterdir():
        assert b"canary" not in path.read_bytes(), path


def test_twenty_thousand(hocket):
    """Against the demo API with its faults, as fast as it goes: the server's count is the judge."""
    api = subprocess.Popen([os.path.join(os.path.dirname(PROGRAM), "demo-api"), "--latency", "5ms", "--rate", "100000/s"],
                           stdout=subprocess.PIPE, text=True)
    try:
        base = api.stdout.readline().strip()
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(10001, 30001)])
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {base}/articles/\\(.id)\n    concurrency: 200\n"
                            "    retry: 8\n  - map: {id, words: .words}\nto: {sqlite: out.db, table: t, key: id}\n".replace(
                                "    retry: 8\n", "    retry: 8\n    into: .a\n").replace(".words}", ".a.words}"),
                            timeout=120)
        stats = json.loads(subprocess.run(["curl", "-s", base + "/stats"], capture_output=True, text=True).stdout)
    finally:
        api.terminate()
        api.wait()
    assert result.code == 0, result.err
    assert result.account == {"in": 20000, "delivered": 20000, "filtered": 0, "duplicate": 0, "dead": 0}
    assert stats["distinct"] == stats["ok"] == 20000
    rows = sqlite3.connect(hocket.folder / "out.db").execute("SELECT count(*), count(DISTINCT id), min(words) FROM t").fetchone()
    assert rows[:2] == (20000, 20000) and rows[2] >= 200


def test_progress_plain_and_json(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(4)])

    def answer(path, attempt):
        time.sleep(0.6)
        return {}

    with far.far(answer) as server:
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    concurrency: 1\n"
                            "    into: .a\nto: 'null'\n", "--progress", "json")
    lines = [json.loads(line) for line in result.err.splitlines() if line.startswith("{")]
    assert result.code == 0 and lines
    assert lines[0]["places"][0]["step"] == "http" and lines[0]["places"][0]["cap"] == 1
    assert "limit: http" in result.err


def test_no_limit_line_when_nothing_was_the_limit(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(20)])
    result = hocket.run("from: {jsonl: in.jsonl}\nto: 'null'\n")
    assert result.account["delivered"] == 20 and "limit:" not in result.err


def test_limit_line_names_the_step_that_was_full(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(30)])

    def answer(path, attempt):
        time.sleep(0.1 * SLOW)
        return {}

    with far.far(answer) as server:
        result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    concurrency: 2\n"
                            "    into: .a\nto: 'null'\n")
    assert result.code == 0
    assert re.search(r"^limit: http .*2 of 2", result.err, re.M), result.err


def test_two_tables_of_one_database_have_a_mark_each(hocket):
    """What the first sink has is not yet in the second: stopped between them, the second gets its rows on the next run."""
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(5)])
    db = sqlite3.connect(hocket.folder / "a.db")
    db.execute("CREATE TABLE orders(other)")
    result = hocket.run("from: {jsonl: in.jsonl}\nto: [{sqlite: a.db, table: users}, {sqlite: a.db, table: orders}]\n")
    assert result.code == 1 and "no column 'id'" in result.err
    db.execute("ALTER TABLE orders ADD COLUMN id")
    assert hocket("run", "pipe.yaml").code == 0
    for table in ("users", "orders"):
        assert db.execute(f"SELECT count(*), count(DISTINCT id) FROM {table}").fetchone() == (5, 5)
    db.close()
    assert "nothing new" in hocket("run", "pipe.yaml").err


def test_one_table_of_two_sinks(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(1000)])
    result = hocket.run("from: {jsonl: in.jsonl}\nto:\n  - {sqlite: a.db, table: t, if: .id % 2 == 0}\n  - {sqlite: a.db, table: t, if: .id % 2 == 1}\n")
    assert result.code == 0, result.err
    with sqlite3.connect(hocket.folder / "a.db") as db:
        assert db.execute("SELECT count(*), count(DISTINCT id) FROM t").fetchone() == (1000, 1000)
