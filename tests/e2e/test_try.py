"""hocket try: a few records for real, nothing written. The servers count what was asked; the folder is the same before and after."""
import json
import os
import re

import pytest

import far


@pytest.fixture
def api():
    """Knows cities; nobody has number 2; counts the methods in heads."""
    server = far.Far(lambda path, attempt: (404, {}, b'{"error":"nobody"}') if path.endswith("/2") else {"city": "Oslo", "path": path})
    yield server
    server.shutdown()


def listing(folder):
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}


PEOPLE = [{"id": n, "name": name} for n, name in enumerate(["Ana", "Bo", "Cyril", "Dora", "Emil"], 1)]
PIPELINE = """
from: {{jsonl: people.jsonl}}
steps:
  - http: {base}/people/\\(.id)
    into: .found
  - set: {{name: '.name | ascii_upcase'}}
  - where: .id != 3
to:
  - {{csv: out.csv, fields: [id, name]}}
  - {{sqlite: out.db, table: t, key: id}}
  - {{jsonl: missing/out.jsonl, if: .id == 1}}
dead: dead.jsonl
"""


def trial(hocket, text, *flags, **more):
    """Tries it, and holds it to the promise that nothing is written."""
    hocket.write("pipe.yaml", text)
    before = listing(hocket.folder)
    r = hocket("try", "pipe.yaml", *flags, **more)
    assert listing(hocket.folder) == before
    return r


def journeys(r):
    return [json.loads(line) for line in r.out.splitlines()]


def test_shows_what_each_step_did_and_writes_nothing(hocket, api):
    hocket.write_jsonl("people.jsonl", PEOPLE)
    r = trial(hocket, PIPELINE.format(base=api.base))
    assert r.code == 3, r.err  # number 2 is dead
    assert sum(api.asked.values()) == 3 and "/people/4" not in api.asked
    first, second, third = r.out.strip().split("\n\n")
    assert first.splitlines()[0] == "1  people.jsonl:1"
    assert f"GET {api.base}/people/1 -> 200" in first
    assert '+ .found  {"city":"Oslo"' in first and '~ .name  "Ana" -> "ANA"' in first
    assert "where  unchanged" in first
    assert '=> csv out.csv\n   {"id":1,"name":"ANA"}' in first  # its fields alone
    assert "=> sqlite out.db" in first and "=> jsonl missing/out.jsonl" in first
    assert "dead at http: status(404): answered 404" in second and "=>" not in second
    assert third.splitlines()[-1] == "where  filtered"
    assert "nothing is written" in r.err and "3 records tried, 1 dead, 3 calls made" in r.err


def test_plain_text_has_no_colours(hocket):
    hocket.write_jsonl("people.jsonl", PEOPLE)
    r = trial(hocket, "from: {jsonl: people.jsonl}\nsteps: [{set: {a: 1}}]\nto: stdout\n")
    assert "\x1b" not in r.out + r.err


def test_control_characters_of_data_do_not_reach_the_terminal(hocket):
    hocket.write("people.jsonl", '{"a":"x\u009b31my\u007f"}\n')
    r = trial(hocket, "from: {jsonl: people.jsonl}\nto: stdout\n")
    assert "\u009b" not in r.out and "\u007f" not in r.out and "31m" in r.out


def test_posts_are_shown_and_made_only_when_asked_for(hocket, api):
    hocket.write_jsonl("people.jsonl", PEOPLE)
    text = f"""
from: {{jsonl: people.jsonl}}
steps:
  - name: model
    http: POST {api.base}/chat/\\(.id)
    body: {{q: 'who is \\(.name)?'}}
    result: .path = $res.body.path
to: stdout
"""
    r = trial(hocket, text, "-n", 1)
    assert r.code == 0 and not api.asked
    assert "model      does not call 127.0.0.1" in r.err and "--calls all" in r.err
    assert f"POST {api.base}/chat/1  not called" in r.out and 'sends {"q":"who is Ana?"}' in r.out and "=>" not in r.out
    r = trial(hocket, text, "-n", 1, "--calls", "all")
    assert r.code == 0 and api.asked == {"/chat/1": 1}
    assert "calls 127.0.0.1 for real" in r.err
    assert '+ .path  "/chat/1"' in r.out and "=> stdout" in r.out
    assert json.loads(api.bodies[0]) == {"q": "who is Ana?"}


def test_calls_none_asks_nobody(hocket, api):
    hocket.write_jsonl("people.jsonl", PEOPLE)
    r = trial(hocket, PIPELINE.format(base=api.base), "--calls", "none")
    assert r.code == 0 and not api.asked and r.out.count("not called") == 3


def test_a_call_whose_answer_nobody_needs_does_not_end_the_way(hocket, api):
    hocket.write_jsonl("people.jsonl", PEOPLE)
    r = trial(hocket, f"from: {{jsonl: people.jsonl}}\nsteps: [{{http: 'POST {api.base}/seen', if: .id != 2}}]\nto: stdout\n")
    assert not api.asked
    assert r.out.count("not called") == 2 and r.out.count("passed by") == 1 and r.out.count("=> stdout") == 3


def test_each_call_is_made_once(hocket):
    server = far.Far(lambda path, attempt: (503, {}, b"busy"))
    hocket.write_jsonl("people.jsonl", PEOPLE)
    r = trial(hocket, f"from: {{jsonl: people.jsonl}}\nsteps: [{{http: '{server.base}/\\(.id)', retry: 9}}]\nto: stdout\n")
    server.shutdown()
    assert r.code == 3 and server.asked == {"/1": 1, "/2": 1, "/3": 1}
    assert r.out.count("status(503)") == 3


def test_a_sink_that_calls_is_not_called(hocket, api):
    hocket.write_jsonl("people.jsonl", PEOPLE)
    r = trial(hocket, f"from: {{jsonl: people.jsonl}}\nto: {{http: '{api.base}/in', accept: $res.body.ok}}\n", "--calls", "all")
    assert r.code == 0 and not api.asked
    assert f"POST {api.base}/in  not called" in r.out and 'sends {"id": 1, "name": "Ana"}' in r.out


def test_which_records(hocket):
    hocket.write("people.jsonl", '{"id":1}\nbad\n{"id":3}\n{"id":4}\n')
    text = "from: {jsonl: people.jsonl}\nto: stdout\n"
    tried = lambda *flags: [j["position"] for j in journeys(trial(hocket, text, "--json", "-q", *flags))]
    assert tried() == [1, 2, 3]
    assert tried("-n", 1) == [1]
    assert tried("--line", 3) == [3, 4]
    assert tried("--line", 2, "-n", 1) == [2]  # a line that is no record is one, too
    assert tried("--where", ".id > 2", "-n", 1) == [3]
    r = trial(hocket, text, "--where", ".id > 2", "-n", 1)
    assert r.code == 0  # what died before it was not asked for
    r = trial(hocket, text, "--where", ".id == 99")
    assert r.code == 0 and "no record for which --where is true" in r.err and r.out == ""


def test_a_bad_where_is_a_mistake_of_the_command_line(hocket):
    r = trial(hocket, "from: {jsonl: people.jsonl}\nto: stdout\n", "--where", ".id =")
    assert r.code == 2 and "--where" in r.err and "^" in r.err


def test_children_and_their_rows(hocket):
    hocket.write_jsonl("o.jsonl", [{"id": 1, "lines": [{"sku": "tea"}, {"sku": "pot"}, {"sku": "no"}]}])
    r = trial(hocket, "from: {jsonl: o.jsonl}\nsteps:\n  - emit: .lines[]\n  - where: .sku != \"no\"\nto: stdout\n", "--json", "-q")
    [j] = journeys(r)
    [emit] = j["steps"]
    assert j["end"] == "expanded" and [c["end"] for c in emit["children"]] == ["delivered", "delivered", "filtered"]
    assert [c["rows"][0]["row"]["sku"] for c in emit["children"][:2]] == ["tea", "pot"]


def test_joined_children_are_shown_where_they_were_made(hocket):
    hocket.write_jsonl("o.jsonl", [{"id": 1, "lines": [{"sku": "tea"}, {"sku": "pot"}]}])
    r = trial(hocket, "from: {jsonl: o.jsonl}\nsteps:\n  - emit: .lines[]\n  - set: {ok: true}\n  - join: .done\nto: stdout\n")
    assert "becomes 2 records" in r.out and r.out.count("+ .ok  true") == 2
    assert '+ .done  [{"sku":"tea","ok":true},{"sku":"pot","ok":true}]' in r.out.replace(", ", ",").replace(": ", ":")
    assert r.out.count("=> stdout") == 1


def test_many_children_are_counted(hocket):
    hocket.write_jsonl("o.jsonl", [{"n": 1000}])
    text = "from: {jsonl: o.jsonl}\nsteps: [{emit: 'range(.n) | {i: .}'}]\nto: stdout\n"
    r = trial(hocket, text)
    assert "becomes 1,000 records" in r.out and "995 more: -v shows them" in r.out and len(r.out.splitlines()) < 30
    assert trial(hocket, text, "-v").out.count("=> stdout") == 1000


def test_batches_and_duplicates(hocket):
    hocket.write_jsonl("o.jsonl", [{"id": 1}, {"id": 1}, {"id": 2}])
    r = trial(hocket, "from: {jsonl: o.jsonl}\nsteps: [{unique: .id}, {batch: 2}]\nto: stdout\n", "--line", 1)
    assert r.code == 0 and r.out.count("duplicate: another record has this key") == 1 and r.out.count("merged: goes on in another record") == 2
    assert "made of these" in r.out and r.out.count("=> stdout") == 1 and "3 records tried" in r.err


def test_statements_that_change_something_are_not_made(hocket):
    import sqlite3
    with sqlite3.connect(hocket.folder / "look.db") as db:
        db.execute("CREATE TABLE t (id)")
    hocket.write_jsonl("o.jsonl", [{"id": n} for n in range(3)])
    text = """
from: {jsonl: o.jsonl}
steps:
  - {sql: SELECT $1 + 1 AS next, db: 'sqlite:look.db', args: [.id], batch: 10, into: .found}
  - {sql: INSERT INTO t VALUES ($1), db: 'sqlite:look.db', args: [.id], batch: 10}
to: stdout
"""
    hocket.write("pipe.yaml", text)
    rows = lambda: sqlite3.connect(hocket.folder / "look.db").execute("SELECT count(*) FROM t").fetchone()[0]
    r = hocket("try", "pipe.yaml")
    assert r.code == 0 and rows() == 0 and r.out.count("not called") == 3 and r.out.count("sends [2]") == 2 and '+ .found  [{"next":3}]' in r.out
    assert hocket("try", "pipe.yaml", "--calls", "all").code == 0 and rows() == 3


def test_json_has_every_version(hocket, api):
    hocket.write_jsonl("people.jsonl", PEOPLE)
    first, second, third = journeys(trial(hocket, PIPELINE.format(base=api.base), "--json", "-q"))
    assert [s["step"] for s in first["steps"]] == ["http", "set", "where"]
    assert first["steps"][0]["status"] == 200 and first["steps"][0]["record"]["found"]["city"] == "Oslo"
    assert first["steps"][1]["record"]["name"] == "ANA" and "record" not in first["steps"][2]
    assert {r["to"]: r["row"] for r in first["rows"]}["csv"] == {"id": 1, "name": "ANA"}
    assert second["end"] == "dead" and second["error"]["class"] == "status(404)" and second["error"]["step"] == "http"
    assert third["end"] == "filtered"


def test_the_json_id_is_the_one_of_a_run(hocket):
    hocket.write_jsonl("people.jsonl", PEOPLE[:1])
    text = "from: {jsonl: people.jsonl}\nsteps: [{set: {id: $meta.id}}]\nto: stdout\n"
    [j] = journeys(trial(hocket, text, "--json", "-q"))
    assert j["steps"][0]["record"]["id"] == j["id"] == json.loads(hocket.run(text).out)["id"]


def test_secrets_are_not_shown(hocket):
    canary = "canary-4711-secret"
    server = far.Far(lambda path, attempt: {"echo": canary})
    hocket.env["API_KEY"] = canary
    hocket.write_jsonl("people.jsonl", PEOPLE)
    text = f"""
from: {{jsonl: people.jsonl}}
steps:
  - http: POST {server.base}/login
    auth: {{bearer: $secret.API_KEY}}
    body: {{key: $secret.API_KEY}}
    into: .answer
to: stdout
"""
    for flags in (["--calls", "all"], ["--calls", "all", "--json"], ["-v"], []):
        r = trial(hocket, text, *flags)
        assert r.code == 0 and canary not in r.out + r.err
    assert server.asked == {"/login": 6} and json.loads(server.bodies[0]) == {"key": canary}
    server.shutdown()


def test_a_run_behind_it_begins_at_the_first_record(hocket, api):
    hocket.write_jsonl("people.jsonl", PEOPLE)
    text = "from: {jsonl: people.jsonl}\nto: {jsonl: out.jsonl}\n"
    trial(hocket, text)
    assert hocket.run(text).account["delivered"] == 5
    assert trial(hocket, text).code == 0  # and beside the state of a finished run it says the same
    assert hocket.run(text).code == 0


def test_idempotency_keys_are_not_those_of_a_run(hocket, api):
    hocket.write_jsonl("people.jsonl", PEOPLE[:1])
    text = f"from: {{jsonl: people.jsonl}}\nsteps: [{{http: 'POST {api.base}/x', idempotency_key: auto}}]\nto: {{jsonl: out.jsonl}}\n"
    trial(hocket, text, "--calls", "all")
    hocket.run(text)
    keys = [h["Idempotency-Key"] for h in api.heads]
    assert len(keys) == 2 and keys[0] and keys[1] and keys[0] != keys[1]


def test_pages_are_read_as_far_as_needed(hocket):
    server = far.Far(lambda path, attempt: {"items": [{"n": 1}, {"n": 2}], "next": "/?page=2"})
    r = trial(hocket, f"from: {{http: '{server.base}/', pages: {{next: .next}}, each: '.items[]'}}\nto: stdout\n", "-n", 2)
    server.shutdown()
    assert r.code == 0 and r.out.count("=> stdout") == 2 and sum(server.asked.values()) == 1


def test_a_mistake_in_the_file_is_78(hocket):
    r = trial(hocket, "from: {jsonl: people.jsonl}\nstep: []\nto: stdout\n")
    assert r.code == 78 and "error:" in r.err


def test_a_missing_input_is_1_and_named(hocket):
    r = trial(hocket, "from: {jsonl: people.jsonl}\nto: stdout\n")
    assert r.code == 1 and "people.jsonl" in r.err


def test_a_long_text_is_cut_and_v_shows_it(hocket):
    hocket.write_jsonl("people.jsonl", [{"text": "x" * 5000}])
    text = "from: {jsonl: people.jsonl}\nsteps: [{set: {copy: .text}}]\nto: stdout\n"
    r = trial(hocket, text)
    assert max(map(len, r.out.splitlines())) < 140 and "4.9 KB" in r.out
    assert "x" * 5000 in trial(hocket, text, "-v").out


def test_a_blob_is_its_type_and_size(hocket):
    server = far.Far(lambda path, attempt: (200, {"Content-Type": "image/png"}, b"\x89PNG" + b"\0" * 2000))
    hocket.write_jsonl("people.jsonl", PEOPLE[:1])
    r = trial(hocket, f"from: {{jsonl: people.jsonl}}\nsteps: [{{http: '{server.base}/p', as: blob, into: .image}}]\nto: {{null:}}\n")
    server.shutdown()
    assert re.search(r"\+ \.image  <image/png, 2(\.0)? KB>", r.out), r.out


def test_ctrl_c_ends_it_at_once(hocket):
    import signal
    import threading
    gate = threading.Event()
    server = far.Far(lambda path, attempt: gate.wait(30) and {})
    hocket.write_jsonl("people.jsonl", PEOPLE)
    hocket.write("pipe.yaml", f"from: {{jsonl: people.jsonl}}\nsteps: [{{http: '{server.base}/\\(.id)', into: .a}}]\nto: stdout\n")
    process = hocket.start("try", "pipe.yaml")
    server.wait_for(3)
    process.send_signal(signal.SIGINT)
    r = hocket.finish(process, 10)
    gate.set()
    server.shutdown()
    assert r.code == 1 and r.out.count("cut off") == 3
    assert not os.path.exists(hocket.folder / ".hocket")
