"""A query as a source, of PostgreSQL and of SQLite: each row once, behind a cursor or from the state, whatever happens between."""
import json
import random
import sqlite3
import time

import pg
import pytest


@pytest.fixture(scope="session")
def server():
    try:
        one = pg.Postgres("fsync=off")
    except pg.Missing as why:
        pytest.skip(str(why))
    yield one
    one.stop()


class Lite:
    """The same words as pg.Database, for a SQLite file."""

    def __init__(self, path):
        self.path = path

    def run(self, sql):
        with sqlite3.connect(self.path) as db:
            db.executescript(sql)
        db.close()


@pytest.fixture(params=["postgres", "sqlite"])
def db(request, hocket):
    if request.param == "sqlite":
        one = Lite(hocket.folder / "s.db")
        one.source = "sqlite: s.db"
        one.many = "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < %d) SELECT n FROM n"
    else:
        one = request.getfixturevalue("server").database()
        hocket.env["PG_URL"] = one.url
        one.source = "postgres: $secret.PG_URL"
        one.many = "SELECT n FROM generate_series(0, %d) n"
    one.kind = request.param
    return one


@pytest.fixture
def pgdb(server, hocket):
    one = server.database()
    hocket.env["PG_URL"] = one.url
    return one


def pipe(db, query, more="", steps="", to="{jsonl: out.jsonl}"):
    return f"from:\n  {db.source}\n  query: |\n    {query}\n{more}{steps}to: {to}\n"


def ids(hocket, name="out.jsonl"):
    return [r["id"] for r in hocket.read_jsonl(name)]


def fill(db, n):
    db.run(f"CREATE TABLE t(id int PRIMARY KEY, at int, v text); INSERT INTO t(id, at, v) SELECT n, n / 10, 'row ' || n FROM ({db.many % (n - 1)}) x")


AFTER = "  after: [at, id]\n"


# ---- in the order of a cursor ------------------------------------------------------------------------------------------

def test_all_rows_then_what_came_since(hocket, db):
    fill(db, 1000)
    r = hocket.run(pipe(db, "SELECT id, at, v FROM t -- all of them", AFTER))
    assert r.code == 0, r.err
    assert ids(hocket) == list(range(1000))
    assert hocket.read_jsonl("out.jsonl")[7] == {"id": 7, "at": 0, "v": "row 7"}
    assert "nothing new since" in hocket("run", "pipe.yaml").err
    db.run("INSERT INTO t VALUES (2000, 100, 'x'), (1500, 99, 'behind the last'), (1, 0, 'x') ON CONFLICT DO NOTHING")
    r = hocket("run", "pipe.yaml")
    assert "going on behind" in r.err and r.account["in"] == 2
    assert ids(hocket)[1000:] == [1500, 2000]
    db.run("UPDATE t SET at = 101 WHERE id = 5")
    assert hocket("run", "pipe.yaml").account["in"] == 1, "a row that was changed comes again"


def test_killed_in_the_middle(hocket, db):
    fill(db, 60_000)
    hocket.write("pipe.yaml", pipe(db, "SELECT id, at FROM t", AFTER, to="{sqlite: out.db, table: o, commit: {rows: 60}}"))
    chance, kills = random.Random(3), 0
    while True:
        process = hocket.start("run", "pipe.yaml")
        time.sleep(chance.uniform(0.05, 0.3))  # the moment is what is tested
        if kills < 20 and process.poll() is None:
            process.kill()
            process.communicate()
            kills += 1
            continue
        assert hocket.finish(process).code == 0
        break
    assert kills >= 3
    with sqlite3.connect(hocket.folder / "out.db") as out:
        assert out.execute("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM o").fetchone() == (60_000, 60_000, 0, 59_999)


def test_start_and_args(hocket, db):
    fill(db, 1000)
    r = hocket.run(pipe(db, "SELECT id, at FROM t WHERE id < $1 AND v <> $2", AFTER + "  start: 50\n  args: [700, '\"row 600\"']\n"))
    assert r.code == 0, r.err
    assert ids(hocket) == [n for n in range(500, 700) if n != 600]


def test_rows_of_one_place_end_the_run(hocket, db):
    db.run("CREATE TABLE t(id int, at int); INSERT INTO t VALUES (1, 1), (2, 2), (3, 2), (4, 3)")
    r = hocket.run(pipe(db, "SELECT * FROM t", "  after: at\n"))
    assert r.code == 1 and "'at' is not unique" in r.err and "after: [at, id]" in r.err
    assert hocket.run(pipe(db, "SELECT * FROM t", AFTER), "--fresh").code == 0
    assert ids(hocket) == [1, 2, 3, 4]


def test_a_row_that_came_later_to_the_place_of_the_last_ends_the_run(hocket, db):
    db.run("CREATE TABLE t(id int, at int); INSERT INTO t VALUES (1, 1), (2, 2)")
    assert hocket.run(pipe(db, "SELECT * FROM t", "  after: at\n")).code == 0
    db.run("INSERT INTO t VALUES (3, 2), (4, 3)")
    r = hocket("run", "pipe.yaml")
    assert r.code == 1 and "'at' is not unique" in r.err, "it would never be read"
    assert ids(hocket) == [1, 2]


def test_null_in_a_cursor_column_is_refused(hocket, db):
    db.run("CREATE TABLE t(id int, at int); INSERT INTO t VALUES (1, 1), (2, NULL)")
    r = hocket.run(pipe(db, "SELECT * FROM t", AFTER))
    assert r.code == 1 and '"id":2' in r.err and "no place in the order" in r.err and "coalesce" in r.err
    assert r.account["in"] == 0
    db.run("UPDATE t SET at = 2 WHERE id = 2")
    assert hocket("run", "pipe.yaml").code == 0
    assert ids(hocket) == [1, 2]
    db.run("INSERT INTO t VALUES (3, NULL)")
    assert hocket("run", "pipe.yaml").code == 1, "not passed over silently behind a finished run either"


@pytest.mark.parametrize("query, more, words", [
    ("SELECT id FROM t; SELECT 1", "", "statement"),
    ("SELEC id FROM t", "", "SELEC"),
    ("SELECT id FROM nowhere", "", "nowhere"),
    ("SELECT idd FROM t", "", "idd"),
    ("SELECT id, v FROM t", "  after: [idx, id]\n", "no column 'idx', did you mean 'id'?; it has id, v"),
    ("SELECT id, at AS id FROM t", "", '"id"'),
    ("SELECT id FROM t WHERE id > $1", "", "1 parameters"),
    ("SELECT id FROM t", "  args: [5]\n", "`args` has 1 values"),
    ("DELETE FROM t", "", "no rows"),
])
def test_mistakes_are_told_before_anything_is_touched(hocket, db, query, more, words):
    fill(db, 3)
    r = hocket.run(pipe(db, query, more))
    assert r.code == 78 and words in r.err and "pipe.yaml:2: " in r.err, r.err
    assert not (hocket.folder / "out.jsonl.part").exists() and not (hocket.folder / "out.jsonl").exists()


def test_a_source_changes_nothing(hocket, db):
    fill(db, 3)
    r = hocket.run(pipe(db, "DELETE FROM t RETURNING id"))
    assert r.code == 1 and ("read-only" in r.err or "readonly" in r.err), r.err
    assert hocket.run(pipe(db, "SELECT id FROM t"), "--fresh").code == 0 and len(ids(hocket)) == 3


@pytest.mark.parametrize("option, words", [("  start: 5\n", "`after` is missing"), ("  lag: 5m\n", "`after` is missing"), ("  after: [a, a]\n", "named twice")])
def test_options_that_want_a_cursor(hocket, db, option, words):
    r = hocket("check", hocket.write("c.yaml", pipe(db, "SELECT 1 AS a", option)))
    assert r.code == 78 and words in r.err


# ---- as they come ----------------------------------------------------------------------------------------------------------

def test_without_a_cursor_the_whole_result_is_kept_first(hocket, db):
    """The table changes while the run is stopped: the resumed run has the rows of its beginning."""
    fill(db, 30_000)
    hocket.write("pipe.yaml", pipe(db, "SELECT id, v FROM t", to="{sqlite: out.db, table: o, commit: {rows: 30}}"))
    path, chance = hocket.folder / "out.db", random.Random(5)
    process = hocket.start("run", "pipe.yaml")
    deadline = time.monotonic() + 20
    while not begun(path) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    db.run("DELETE FROM t WHERE id % 2 = 0; UPDATE t SET v = 'changed'; INSERT INTO t VALUES (100000, 1, 'new')")
    code = -9
    while code == -9:
        process = hocket.start("run", "pipe.yaml")
        time.sleep(chance.uniform(0.1, 0.3))  # the moment is what is tested
        if process.poll() is None and chance.random() < 0.7:
            process.kill()
        process.communicate()
        code = process.returncode
    assert code == 0
    with sqlite3.connect(path) as out:
        assert sorted(out.execute("SELECT id, v FROM o")) == [(n, f"row {n}") for n in range(30_000)]


def begun(path):
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as out:
            return out.execute("SELECT count(*) FROM o").fetchone()[0] > 0
    except sqlite3.OperationalError:
        return False


def test_without_a_cursor_a_later_run_begins_anew(hocket, db):
    fill(db, 10)
    text = pipe(db, "SELECT id FROM t ORDER BY id DESC")
    assert "J  journaled" in hocket("check", hocket.write("pipe.yaml", text)).out
    assert hocket("run", "pipe.yaml").code == 0
    assert ids(hocket) == list(range(9, -1, -1))
    db.run("INSERT INTO t VALUES (10, 1, 'x')")
    r = hocket("run", "pipe.yaml")
    assert "starting over" in r.err and ids(hocket) == list(range(10, -1, -1))


def test_without_a_cursor_a_limited_run_goes_on(hocket, db):
    fill(db, 5000)
    text = pipe(db, "SELECT id FROM t ORDER BY id")
    assert hocket.run(text, "--limit", "1234").code == 0
    db.run("DELETE FROM t")
    assert hocket("run", "pipe.yaml").code == 0
    assert ids(hocket) == list(range(5000)), "the rows of its beginning"


def test_an_empty_result(hocket, db):
    fill(db, 3)
    for more in ("", AFTER):
        assert hocket.run(pipe(db, "SELECT * FROM t WHERE id > 100", more), "--fresh").code == 0
        assert hocket.read_jsonl("out.jsonl") == []


# ---- PostgreSQL's own ----------------------------------------------------------------------------------------------------------

def pg_pipe(query, more):
    return f"from:\n  postgres: $secret.PG_URL\n  query: |\n    {query}\n{more}to: {{jsonl: out.jsonl}}\n"


def test_times_keep_their_microseconds(hocket, pgdb):
    pgdb.run("CREATE TABLE t(id int PRIMARY KEY, at timestamptz); INSERT INTO t SELECT n, timestamptz '2026-01-31 12:00:00Z' + n * interval '1 microsecond'"
             " FROM generate_series(0, 999) n")
    text = pg_pipe("SELECT id, at FROM t", "  after: at\n")
    assert hocket.run(text, "--limit", "500").code == 0
    assert hocket("run", "pipe.yaml").code == 0
    assert ids(hocket) == list(range(1000))


def test_numbers_and_times_are_told_apart_from_text(hocket, pgdb):
    pgdb.run("CREATE TABLE t(id bigint PRIMARY KEY, num numeric, at timestamptz, j jsonb, tags text[], b bytea, f float8);"
             "INSERT INTO t VALUES (9007199254740993, 1.10, '2026-01-31 12:00:00.5Z', '{\"a\": [1]}', '{x,NULL}', '\\x00ff', 0.1)")
    assert hocket.run(pg_pipe("SELECT * FROM t", "  after: id\n")).code == 0
    line = (hocket.folder / "out.jsonl").read_text()
    assert '"id":9007199254740993,"num":1.10,' in line and '"j":{"a":[1]}' in line and '"tags":["x",null]' in line and '"f":0.1' in line
    assert json.loads(line)["at"].startswith("2026-01-31T12:00:00.5")


# Of each type four values in their order. What is text to JSON, or another text, has to be the same value again as a cursor.
CURSORS = {
    "char(5)": ["'aaa1'", "'aaa2'", "'aaa3'", "'b'"],
    "bit(4)": ["B'1000'", "B'1001'", "B'1010'", "B'1100'"],
    "bit varying": ["B'1'", "B'10'", "B'100'", "B'101'"],
    "bytea": ["'\\x00'", "'\\x5c00'", "'\\x80ff'", "'\\xff'"],
    "numeric": ["-0.10", "1", "1.000000000000000000000000000001", "'NaN'"],
    "real": ["-0.1", "0.1", "16777216", "'Infinity'"],
    "double precision": ["-0.1", "0.1", "0.30000000000000004", "'NaN'"],
    "timestamp": ["'2026-01-31 12:00:00'", "'2026-01-31 12:00:00.000001'", "'2026-01-31 12:00:00.00001'", "'infinity'"],
    "timestamptz": ["'2026-01-31 12:00:00+02'", "'2026-01-31 12:00:00.000001+02'", "'2026-01-31 12:00:00+01'", "'infinity'"],
    "timetz": ["'12:00:00+02'", "'12:00:00.5+02'", "'12:00:00+01'", "'12:00:00-03'"],
    "interval": ["'-1 day'", "'1 hour 0.000001 s'", "'1 day 2 hours'", "'1 year'"],
    "date": ["'0044-03-15 BC'", "'2026-01-01'", "'2026-01-02'", "'12026-01-01'"],
    "int[]": ["'{1}'", "'{1,NULL}'", "'{2}'", "'{2,3}'"],
    "jsonb": ["'\"a\"'", "'\"b\"'", "'1'", "'2'"],
    "inet": ["'10.0.0.1'", "'10.0.0.1/32'::inet + 1", "'10.0.1.0/24'", "'::1'"],
    "name": ["'a'", "'a\"b'", "'b'", "'c'"],
    '"char"': ["'a'", "'b'", "'c'", "'d'"],
}


@pytest.mark.parametrize("type", CURSORS)
def test_a_cursor_of_any_type_is_the_same_value_again(hocket, pgdb, type):
    values = CURSORS[type]
    pgdb.run(f"CREATE TABLE t(id int, c {type}); INSERT INTO t VALUES (0, {values[0]}), (1, {values[1]})")
    pipe = pg_pipe("SELECT id, c FROM t", "  after: c\n")
    for known, value in enumerate(values[2:], 2):
        r = hocket.run(pipe)
        assert r.code == 0, r.err
        assert ids(hocket) == list(range(known))
        pgdb.run(f"INSERT INTO t VALUES ({known}, {value})")
    assert hocket("run", "pipe.yaml").code == 0
    assert ids(hocket) == [0, 1, 2, 3]


def test_a_blob_as_a_cursor_is_refused(hocket):
    """Text is less than any blob in SQLite: each run would read all of them again."""
    with sqlite3.connect(hocket.folder / "s.db") as db:
        db.executescript("CREATE TABLE t(id int, c); INSERT INTO t VALUES (0, 1), (1, 'x'), (2, x'00')")
    pipe = "from: {sqlite: s.db, query: '%s', after: c}\nto: {jsonl: out.jsonl}\n"
    r = hocket.run(pipe % "SELECT id, c FROM t")
    assert r.code == 1 and 'has no place in the order of `after`: {"id":2' in r.err
    assert hocket.run(pipe % "SELECT id, hex(c) AS c FROM t").code == 0


def test_a_late_commit_is_not_passed_over(hocket, pgdb):
    """Two writers: the one that began first commits last. With a lag the cursor waits for it; the test makes rows old, not the clock slow."""
    pgdb.run("CREATE TABLE t(id int PRIMARY KEY, at timestamptz)")
    pgdb.run("INSERT INTO t VALUES (1, now() - interval '1 hour'), (3, now() - interval '1 minute')")
    text = pg_pipe("SELECT id, at FROM t", "  after: [at, id]\n  lag: 5m\n")
    assert hocket.run(text).code == 0
    assert ids(hocket) == [1], "the young row waits"
    pgdb.run("INSERT INTO t VALUES (2, now() - interval '2 minutes')")  # committed behind 3, older than 3
    assert "nothing new" in hocket("run", "pipe.yaml").err
    pgdb.run("UPDATE t SET at = at - interval '30 minutes' WHERE id > 1")
    assert hocket("run", "pipe.yaml").code == 0
    assert ids(hocket) == [1, 2, 3]
    r = hocket.run(pg_pipe("SELECT id, at FROM t", "  after: id\n  lag: 5m\n"), "--fresh")
    assert r.code == 78 and "'id', the first cursor column, is integer and not a time" in r.err


def test_the_server_crashes_while_rows_come(hocket, server, pgdb):
    pgdb.run("CREATE TABLE t(id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('x', 200) FROM generate_series(0, 199999) n")
    process = hocket.start("run", hocket.write("pipe.yaml", pg_pipe("SELECT id, v FROM t", "  after: id\n")))
    path, crashes = hocket.folder / "out.jsonl.part", 0
    while process.poll() is None and crashes < 5:
        if path.exists() and path.stat().st_size > crashes * 8_000_000:
            server.restart()
            crashes += 1
        time.sleep(0.01)
    r = hocket.finish(process)
    assert r.code == 0 and crashes >= 2, r.err
    assert ids(hocket) == list(range(200_000))


def test_through_pgbouncer(hocket, pgdb):
    pgdb.run("CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t SELECT n FROM generate_series(0, 4999) n")
    hocket.env["PG_URL"] = pgdb.pooled
    for more in ("  after: id\n", ""):
        r = hocket.run(pg_pipe("SELECT id FROM t", more), "--fresh")
        assert r.code == 0, r.err
        assert sorted(ids(hocket)) == list(range(5000))


def test_from_table_to_table(hocket, pgdb):
    pgdb.run("CREATE TABLE t(id int PRIMARY KEY, at timestamptz DEFAULT now(), v numeric(8,2)); INSERT INTO t(id, v) SELECT n, n / 4.0 FROM generate_series(0, 4999) n")
    r = hocket.run("from: {postgres: $secret.PG_URL, query: SELECT * FROM t, after: id}\n"
                   "to: {postgres: $secret.PG_URL, table: u, key: id, types: {at: timestamptz, v: 'numeric(8,2)'}}\n")
    assert r.code == 0, r.err
    assert pgdb.int("SELECT count(*) FROM t JOIN u USING (id, at, v)") == 5000
