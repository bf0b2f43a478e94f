"""The sql step: each record gets its own rows, a bad one is dead alone, whatever is restarted, killed or in the way; the database counts."""
import json
import os
import signal
import sqlite3
import threading
import time

import pytest
from conftest import SLOW

LOOKUP = """from: {jsonl: in.jsonl}
steps:
  - sql: SELECT id, name, tags, doc FROM users WHERE id = $1
    db: $secret.PG_URL
    args: [.id]
    batch: 200
    into: .rows
to: {jsonl: out.jsonl}
"""


@pytest.fixture
def db(database, hocket):
    hocket.env["PG_URL"] = database.url
    return database


def users(db, n):
    db.run(f"""CREATE TABLE users (id int PRIMARY KEY, name text, tags text[], doc jsonb);
        INSERT INTO users SELECT i, 'user ' || i, ARRAY['t' || i % 10], jsonb_build_object('n', i) FROM generate_series(0, {n - 1}) i""")


def put(hocket, n, name="in.jsonl"):
    hocket.write(name, "".join(f'{{"id":{i}}}\n' for i in range(n)))


def dead(hocket, name="pipe"):
    with sqlite3.connect(hocket.folder / f".hocket/{name}.db") as state:
        return state.execute("SELECT class, message, record FROM dead ORDER BY ordinal").fetchall()


def wait_for(what, seconds=30):
    until = time.monotonic() + seconds * SLOW
    while not what():
        assert time.monotonic() < until, "it does not come to that"
        time.sleep(0.02)


# ---- rows ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("batch", [1, 200, 1000])
def test_each_record_gets_its_own_rows(hocket, db, batch):
    users(db, 10000)
    put(hocket, 10100)
    r = hocket.run(LOOKUP.replace("batch: 200", f"batch: {batch}"))
    assert r.code == 0 and r.account["delivered"] == 10100, r.err
    for i, out in enumerate(hocket.read_jsonl("out.jsonl")):
        assert out["id"] == i
        want = [{"id": i, "name": f"user {i}", "tags": [f"t{i % 10}"], "doc": {"n": i}}] if i < 10000 else []
        assert out["rows"] == want


def test_values_are_bound_as_what_they_are(hocket, db):
    values = [{"n": 7, "s": "it's \\ \"q\" é", "b": True, "a": ["x", "y,z", 'q"', None], "i": [1, 2], "j": {"k": [1, None]}, "big": 12345678901234567890},
              {"n": None, "s": "", "b": False, "a": [], "i": [], "j": "text", "big": 1},
              {"n": -1, "s": "$1; DROP TABLE users", "b": None, "a": None, "i": None, "j": None, "big": None}]
    hocket.write_jsonl("in.jsonl", values)
    r = hocket.run("""from: {jsonl: in.jsonl}
steps:
  - sql: SELECT $1::int AS n, $2::text AS s, $3::bool AS b, $4::text[] AS a, $5::int[] AS i, $6::jsonb AS j, $7::numeric AS big
    db: $secret.PG_URL
    args: [.n, .s, .b, .a, .i, .j, .big]
    batch: 10
    result: .same = $rows[0]
to: {jsonl: out.jsonl}
""")
    assert r.code == 0, r.err
    for out, want in zip(hocket.read_jsonl("out.jsonl"), values, strict=True):
        assert out["same"] == want
    assert "12345678901234567890" in (hocket.folder / "out.jsonl").read_text()


def test_the_record_stays_as_it_was(hocket, db):
    users(db, 10)
    put(hocket, 10)
    r = hocket.run(LOOKUP.replace("    into: .rows\n", ""))
    assert r.code == 0 and hocket.read_jsonl("out.jsonl") == [{"id": i} for i in range(10)], r.err


def test_rows_become_records(hocket, db):
    """The excerpt of news.yaml: who cares for these topics?"""
    db.run("""CREATE TABLE readers (id int, email text, name text, topics text[]);
        INSERT INTO readers VALUES (1, 'ann@x', 'Ann', '{c,sql}'), (2, 'bob@x', 'Bob', '{go}'), (3, 'eve@x', 'Eve', '{sql,tea}')""")
    hocket.write_jsonl("in.jsonl", [{"title": "A", "link": "/a", "topics": ["sql"]}, {"title": "B", "link": "/b", "topics": ["go", "c"]},
                                    {"title": "C", "link": "/c", "topics": ["ski"]}, {"title": "D", "link": "/d", "topics": []}])
    r = hocket.run("""from: {jsonl: in.jsonl}
steps:
  - sql: SELECT id, email, name FROM readers WHERE topics && $1
    db: $secret.PG_URL
    args: [.topics]
    batch: 200                          # up to 200 records share one round trip; rows come back to their own record
    emit: '$rows[] as $r | {reader: $r, article: {title, link}}'
to: {jsonl: out.jsonl}
""")
    assert r.code == 0 and r.balances(), r.err
    out = [(o["article"]["title"], o["reader"]["name"]) for o in hocket.read_jsonl("out.jsonl")]
    assert sorted(out) == [("A", "Ann"), ("A", "Eve"), ("B", "Ann"), ("B", "Bob")]


def test_what_is_not_there_is_a_dead_letter(hocket, db):
    users(db, 90)
    put(hocket, 100)
    r = hocket.run(LOOKUP.replace("    into: .rows\n", "    accept: $rows | length == 1\n    result: .name = $rows[0].name\n"))
    assert r.code == 3 and r.account["dead"] == 10, r.err
    assert [out["name"] for out in hocket.read_jsonl("out.jsonl")] == [f"user {i}" for i in range(90)]
    letters = dead(hocket)
    assert {c for c, _, _ in letters} == {"not_accepted"} and "the rows are not what accept wants: []" in letters[0][1]
    db.run("INSERT INTO users SELECT i, 'user ' || i FROM generate_series(90, 99) i")
    r = hocket("dead", "replay", "pipe.yaml")
    assert r.code == 0 and "10" in r.err, r.err


# ---- one bad record ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("batch", [1, 200])
def test_a_poisoned_record_is_dead_alone(hocket, db, batch):
    put(hocket, 1000)
    r = hocket.run(f"""from: {{jsonl: in.jsonl}}
steps:
  - sql: SELECT 100 / ($1::int - 137) AS q
    db: $secret.PG_URL
    args: [.id]
    batch: {batch}
    result: .q = $rows[0].q
to: {{jsonl: out.jsonl}}
""")
    assert r.code == 3 and r.account["dead"] == 1 and r.account["delivered"] == 999, r.err
    [(kind, message, record)] = dead(hocket)
    assert kind == "sql(22012)" and "division by zero" in message and json.loads(record) == {"id": 137}


def test_a_value_that_is_none_is_dead_alone(hocket, db):
    users(db, 400)
    hocket.write_jsonl("in.jsonl", [{"id": "many" if i == 77 else i} for i in range(400)])
    r = hocket.run(LOOKUP)
    assert r.code == 3 and r.account["dead"] == 1, r.err
    [(kind, message, record)] = dead(hocket)
    assert kind == "sql(22P02)" and '"many"' in message and json.loads(record) == {"id": "many"}


def test_writers_are_undone_with_who_is_refused_and_done_once(hocket, db):
    """Without a key nothing may be done twice, and a refused call was not done at all."""
    db.run("CREATE TABLE log (id int, at timestamptz DEFAULT clock_timestamp(), CHECK (id % 100 <> 99))")
    put(hocket, 1000)
    r = hocket.run("""from: {jsonl: in.jsonl}
steps:
  - sql: INSERT INTO log (id) VALUES ($1)
    db: $secret.PG_URL
    args: [.id]
    batch: 50
to: {jsonl: out.jsonl}
""")
    assert r.code == 3 and r.account["dead"] == 10, r.err
    assert {c for c, _, _ in dead(hocket)} == {"sql(23514)"}
    assert db.run("SELECT count(*), count(DISTINCT id), max(id) FROM log") == ["990|990|998"]


def test_a_deferred_constraint_is_found_by_halves(hocket, db):
    db.run("""CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent SELECT i FROM generate_series(0, 299) i WHERE i <> 211;
        CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)""")
    put(hocket, 300)
    r = hocket.run("""from: {jsonl: in.jsonl}
steps:
  - sql: INSERT INTO child VALUES ($1)
    db: $secret.PG_URL
    args: [.id]
    batch: 100
to: {jsonl: out.jsonl}
""")
    assert r.code == 3 and r.account["dead"] == 1, r.err
    assert json.loads(dead(hocket)[0][2]) == {"id": 211}
    assert db.run("SELECT count(*), count(DISTINCT id) FROM child") == ["299|299"]


def test_who_hangs_is_timed_out_alone_and_the_server_stops(hocket, db):
    put(hocket, 60)
    r = hocket.run("""from: {jsonl: in.jsonl}
steps:
  - sql: SELECT pg_sleep(CASE WHEN $1::int = 13 THEN 600 ELSE 0 END)::text AS s
    db: $secret.PG_URL
    args: [.id]
    batch: 20
    timeout: 1s
    retry: 1
to: {jsonl: out.jsonl}
""")
    assert r.code == 3 and r.account["dead"] == 1, r.err
    assert dead(hocket)[0][0] == "timeout(total)" and json.loads(dead(hocket)[0][2]) == {"id": 13}
    wait_for(lambda: db.int("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(%' AND pid <> pg_backend_pid()") == 0)


# ---- others in the way --------------------------------------------------------------------------------------------------------

def test_deadlocks_are_made_up_for_and_nothing_counts_twice(hocket, db):
    """Four transactions of 50 updates each, in different orders, on ten rows: the server kills one after the other of them."""
    db.run("CREATE TABLE counter (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO counter SELECT generate_series(0, 9)")
    db.run(f"ALTER DATABASE {db.name} SET deadlock_timeout = '5ms'")
    hocket.write_jsonl("in.jsonl", [{"id": i * 7919 % 1013 % 10} for i in range(1500)])
    r = hocket.run("""from: {jsonl: in.jsonl}
steps:
  - sql: UPDATE counter SET n = n + 1 WHERE id = $1
    db: $secret.PG_URL
    args: [.id]
    batch: 50
    retry: 20
to: {jsonl: out.jsonl}
""")
    assert r.code == 0 and r.account["delivered"] == 1500, r.err
    assert db.int("SELECT sum(n) FROM counter") == 1500


def test_a_restart_in_mid_run_kills_nobody(hocket, db):
    users(db, 4000)
    put(hocket, 4000)
    text = LOOKUP.replace("WHERE id = $1", "WHERE id = $1 AND pg_sleep(0.002)::text = ''").replace("batch: 200", "batch: 50")
    hocket.write("pipe.yaml", text.replace("concurrency: 4", ""))
    process = hocket.start("run", "pipe.yaml")
    for _ in range(2):
        time.sleep(0.5)
        db.server.restart()
    r = hocket.finish(process, 120)
    assert r.code == 0 and r.account["delivered"] == 4000, r.err
    assert [out["rows"][0]["id"] for out in hocket.read_jsonl("out.jsonl")] == list(range(4000))


def test_through_a_pooler_a_thousand_wait_in_turn(hocket, db):
    users(db, 3000)
    put(hocket, 3000)
    hocket.env["PG_URL"] = db.pooled
    r = hocket.run(LOOKUP.replace("batch: 200", "concurrency: 250\n    pooler: true"))
    assert r.code == 0 and r.account["delivered"] == 3000, r.err
    r = hocket.run(LOOKUP.replace("batch: 200", "batch: 250\n    concurrency: 8\n    pooler: true"), "--fresh")
    assert r.code == 0 and r.account["delivered"] == 3000, r.err
    assert [out["rows"][0]["id"] for out in hocket.read_jsonl("out.jsonl")] == list(range(3000))


# ---- crashes ---------------------------------------------------------------------------------------------------------------------

def kill_until_done(hocket, db, text, kills):
    """Killed as soon as ids of the next 400 are on their way: the server holds these, and writes them when it is too late."""
    hocket.write("pipe.yaml", text)
    for part in range(1, kills + 1):
        with db.held(range(part, 30)):
            process = hocket.start("run", "pipe.yaml")
            wait_for(lambda: db.int("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0)
            process.kill()
            process.communicate()
    return hocket("run", "pipe.yaml")


WRITE = """from: {jsonl: in.jsonl}
steps:
  - sql: %s
    db: $secret.PG_URL
    args: [.id]
    batch: 20
    %s
to: {jsonl: out.jsonl}
"""


SLOWLY = "pg_sleep(0.001), pg_advisory_xact_lock_shared($1::int / 400)"


def test_killed_nothing_is_written_twice(hocket, db):
    db.run("CREATE TABLE log (id int)")
    put(hocket, 3000)
    r = kill_until_done(hocket, db, WRITE % (f"INSERT INTO log SELECT $1::int FROM {SLOWLY}", "on_unknown: dead"), 5)
    assert r.code in (0, 3), r.err
    assert db.int("SELECT count(*) - count(DISTINCT id) FROM log") == 0
    unknown = {json.loads(record)["id"] for kind, _, record in dead(hocket)}
    delivered = {out["id"] for out in hocket.read_jsonl("out.jsonl")}
    assert unknown and not unknown & delivered and unknown | delivered == set(range(3000))
    assert {int(i) for i in db.run("SELECT id FROM log")} >= delivered
    assert {kind for kind, _, _ in dead(hocket)} <= {"unknown_outcome"}


def test_killed_an_idempotent_one_is_written_exactly_once(hocket, db):
    db.run("CREATE TABLE seen (id int PRIMARY KEY)")
    put(hocket, 3000)
    r = kill_until_done(hocket, db, WRITE % (f"INSERT INTO seen SELECT $1::int FROM {SLOWLY} ON CONFLICT DO NOTHING", "idempotent: true"), 5)
    assert r.code == 0 and r.account["delivered"] == 3000, r.err
    assert db.run("SELECT count(*), min(id), max(id) FROM seen") == ["3000|0|2999"]
    assert [out["id"] for out in hocket.read_jsonl("out.jsonl")] == list(range(3000))


def test_interrupted_it_goes_on(hocket, db):
    users(db, 2000)
    put(hocket, 2000)
    hocket.write("pipe.yaml", LOOKUP.replace("WHERE id = $1", "WHERE id = $1 AND pg_sleep(0.005)::text = ''").replace("batch: 200", "batch: 20"))
    process = hocket.start("run", "pipe.yaml")
    wait_for(lambda: db.int("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") > 0)
    process.send_signal(signal.SIGINT)
    r = hocket.finish(process)
    assert r.code == 75 and r.balances(), r.err
    r = hocket("run", "pipe.yaml")
    assert r.code == 0 and r.account["delivered"] == 2000, r.err
    assert [out["rows"][0]["id"] for out in hocket.read_jsonl("out.jsonl")] == list(range(2000))


# ---- mistakes ----------------------------------------------------------------------------------------------------------------------

STEP = """from: {jsonl: in.jsonl}
steps:
  - sql: |
      %s
    db: $secret.PG_URL
    args: [%s]
to: {jsonl: out.jsonl}
"""


@pytest.mark.parametrize("statement, args, says", [
    ("SELEC 1 + $1", ".id", ["pipe.yaml:3: sql:", 'syntax error at or near "SELEC"', "line 1: SELEC 1", "^"]),
    ("SELECT id\n      FROM nowhere WHERE id = $1", ".id", ['relation "nowhere" does not exist', "line 2: FROM nowhere", "^"]),
    ("SELECT nam FROM users WHERE id = $1", ".id", ['column "nam" does not exist', "users.name", "^"]),
    ("SELECT id, name AS id FROM users WHERE id = $1", ".id", ["two columns are called", "id", "AS"]),
    ("SELECT 1 FROM users WHERE id = $1; DELETE FROM users", ".id", ["two statements", "pipe.yaml:4"]),
    ("SELECT name FROM users WHERE id = $1 AND name = $2", ".id", ["takes 2 values", "`args` has 1", "pipe.yaml:6"]),
    ("SELECT name FROM users", ".id", ["takes 0 values", "`args` has 1"]),
    ("SELECT name FROM users WHERE id = \\(.id)", "", ["values are never made part of a statement", "$1"]),
])
def test_mistakes_are_told_before_anything_is_read(hocket, db, statement, args, says):
    users(db, 3)
    put(hocket, 3)
    r = hocket.run(STEP % (statement, args))
    assert r.code == 78, r.err
    for word in says:
        assert word in r.err
    assert not (hocket.folder / "out.jsonl").exists() and db.int("SELECT count(*) FROM users") == 3


def test_a_query_that_would_write_is_refused(hocket, db):
    """It is taken for a reader, and asked again where that is harmless: so it must not be able to do harm."""
    db.run("CREATE TABLE log (id int); CREATE FUNCTION note(int) RETURNS int LANGUAGE sql AS 'INSERT INTO log VALUES ($1) RETURNING id'")
    put(hocket, 3)
    text = STEP % ("SELECT note($1)", ".id")
    r = hocket.run(text)
    assert r.code == 3 and r.account["dead"] == 3, r.err
    assert dead(hocket)[0][0] == "sql(25006)" and "writes: true" in dead(hocket)[0][1]
    r = hocket.run(text.replace("    db:", "    writes: true\n    db:"), "--fresh")
    assert r.code == 0 and db.int("SELECT count(*) FROM log") == 3, r.err


def test_check_says_what_a_statement_promises(hocket, db):
    put(hocket, 3)
    for statement, more, says in [("SELECT 1 WHERE 1 = $1", "", "4 at a time\n"),
                                  ("DELETE FROM users WHERE id = $1", "", "A  append-only: what a crash cuts off may have happened or not"),
                                  ("DELETE FROM users WHERE id = $1", "    idempotent: true\n", "I  idempotent: called again, it changes nothing more\n")]:
        hocket.write("pipe.yaml", (STEP % (statement, ".id")).replace("    db:", more + "    db:"))
        r = hocket("check", "-v", "pipe.yaml")
        assert r.code == 0 and says in r.out, r.out + r.err
    hocket.write("pipe.yaml", (hocket.folder / "pipe.yaml").read_text().replace("    idempotent: true\n", "") + "guarantee: exactly_once\n")
    r = hocket("check", "pipe.yaml")
    assert r.code == 78 and "say `idempotent: true` if running it twice changes nothing more" in r.err, r.err


# ---- SQLite ----------------------------------------------------------------------------------------------------------------------------

def test_sqlite_by_the_same_words(hocket):
    with sqlite3.connect(hocket.folder / "users.db") as db:
        db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
        db.executemany("INSERT INTO users VALUES (?, ?)", [(i, f"user {i}") for i in range(5000)])
    put(hocket, 5000)
    r = hocket.run("""from: {jsonl: in.jsonl}
steps:
  - sql: SELECT name FROM users WHERE id = $1
    db: users.db
    args: [.id]
    batch: 100
    result: .name = $rows[0].name
  - sql: INSERT INTO seen (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING
    db: sqlite:seen.db
    args: [.id, .name]
    batch: 100
    idempotent: true
to: {jsonl: out.jsonl}
""")
    assert r.code != 0  # there is no table yet, nor a file
    assert "seen" in r.err
    with sqlite3.connect(hocket.folder / "seen.db") as db:
        db.execute("CREATE TABLE seen (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'user 1234'))")
    r = hocket("run", "pipe.yaml")
    assert r.code == 3 and r.account["dead"] == 1 and r.account["delivered"] == 4999, r.err
    with sqlite3.connect(hocket.folder / "seen.db") as db:
        assert db.execute("SELECT count(*), count(DISTINCT id) FROM seen WHERE name = 'user ' || id").fetchall() == [(4999, 4999)]
    assert all(out["name"] == f"user {out['id']}" for out in hocket.read_jsonl("out.jsonl"))


def test_sqlite_mistakes_are_told_first(hocket):
    sqlite3.connect(hocket.folder / "users.db").execute("CREATE TABLE users (id INTEGER)")
    put(hocket, 3)
    for statement in ("SELEC $1", "SELECT nam FROM users WHERE id = $1", "SELECT 1 FROM nowhere WHERE 1 = $1"):
        r = hocket.run((STEP % (statement, ".id")).replace("$secret.PG_URL", "users.db"))
        assert r.code == 78 and "pipe.yaml:3: sql:" in r.err, r.err
