"""PostgreSQL as a sink: what is in the table, asked through psql, is what went in, whatever was killed, restarted or cut off."""
import json
import random
import re
import socket
import sqlite3
import threading
import time

import pg
import pytest

LOAD = "from: {jsonl: in.jsonl}\nto: {postgres: $secret.PG_URL, table: t%s}\n"


@pytest.fixture(scope="session")
def server():
    try:
        one = pg.Postgres("fsync=off")
    except pg.Missing as why:
        pytest.skip(str(why))
    yield one
    one.stop()


@pytest.fixture
def db(server, hocket):
    one = server.database()
    hocket.env["PG_URL"] = one.url
    return one


def put(hocket, *range_, name="in.jsonl", mode="w"):
    with open(hocket.folder / name, mode) as f:
        f.writelines(f'{{"n":{n}}}\n' for n in range(*range_))


def dead(hocket, name="pipe"):
    with sqlite3.connect(hocket.folder / f".hocket/{name}.db") as state:
        return state.execute("SELECT class, message, record FROM dead ORDER BY rowid").fetchall()


def exact(db, n, table="t"):
    """Rows 0 to n - 1, each once."""
    assert db.run(f"SELECT count(*), count(DISTINCT n), min(n), max(n) FROM {table}") == [f"{n}|{n}|0|{n - 1}"]


# ---- tables ------------------------------------------------------------------------------------------------------------

def test_a_missing_table_is_made_with_types(hocket, db):
    hocket.write_jsonl("in.jsonl", [
        {"i": 1, "r": 1.5, "b": True, "t": "x", "j": {"a": [1]}, "n": None, "mix": 1, "big": 1, "at": "2026-01-31T12:30:00Z", "p": 1},
        {"i": -2, "r": 2, "b": False, "t": "tab\tline\nback\\slash \u00e9", "j": [], "n": None, "mix": "s",
         "big": 12345678901234567890123, "at": None, "p": 2.25}])
    r = hocket.run(LOAD % ", types: {at: timestamptz, p: 'numeric(12,2)'}")
    assert r.code == 0 and r.account["delivered"] == 2, r.err
    assert db.run("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum") == [
        "i|bigint", "r|double precision", "b|boolean", "t|text", "j|jsonb", "n|text", "mix|text", "big|numeric",
        "at|timestamp with time zone", "p|numeric(12,2)"]
    assert db.run("SELECT i, r, b, t, j, n, mix, big, p FROM t WHERE i = 1") == ['1|1.5|t|x|{"a": [1]}||1|1|1.00']
    assert db.run("SELECT t = E'tab\\tline\\nback\\\\slash \\u00e9', big FROM t WHERE i = -2") == ["t|12345678901234567890123"]


def test_it_grows_by_the_fields_that_come(hocket, db):
    hocket.write_jsonl("in.jsonl", [{"n": 0}, {"n": 1, "later": "x"}, {"n": 2, "more": [1], "later": "y"}])
    assert hocket.run(LOAD % ", commit: {rows: 1}").code == 0
    assert db.run("SELECT n, later, more FROM t ORDER BY n") == ["0||", "1|x|", "2|y|[1]"]


def test_a_table_of_somebody_else_is_not_changed(hocket, db):
    db.run("CREATE TABLE t(n int PRIMARY KEY, made timestamptz NOT NULL DEFAULT now())")
    hocket.write_jsonl("in.jsonl", [{"n": 0}, {"n": 1, "note": "x"}])
    r = hocket.run(LOAD % "")
    assert r.code == 1
    assert "table 't' has no column 'note' (it has n, made)" in r.err and "hocket did not make this table" in r.err
    assert db.int("SELECT count(*) FROM t") == 0
    hocket.write_jsonl("in.jsonl", [{"n": 0}, {"n": 1}])
    assert hocket.run(LOAD % "", "--fresh").code == 0
    assert db.int("SELECT count(made) FROM t") == 2, "defaults are the table's own"


def test_values_are_not_changed_on_their_way(hocket, db):
    db.run("CREATE TABLE t(n int, zip int, f float8, tags text[], j json, raw jsonb)")
    hocket.write_jsonl("in.jsonl", [
        {"n": 0, "zip": "00501"}, {"n": 1, "zip": 501}, {"n": 2, "f": 12345678901234567890}, {"n": 3, "tags": ["a,b", None, "\"c\""]},
        {"n": 4, "j": "text", "raw": "text"}, {"n": 5, "j": {"b": 1, "a": 2}, "raw": 5}])
    r = hocket.run(LOAD % "")
    assert r.code == 3 and r.account["dead"] == 2
    letters = [message for _, message, _ in dead(hocket)]
    assert "column 'zip' (integer)" in letters[0] and "without its leading zeros" in letters[0]
    assert "column 'f' (double precision)" in letters[1] and "more digits" in letters[1]
    assert db.run("SELECT n, tags[1], tags[2] IS NULL, tags[3], j, raw FROM t WHERE n > 2 ORDER BY n") == [
        '3|a,b|t|"c"||', '4||t||"text"|"text"', '5||t||{"b": 1, "a": 2}|5']


# ---- keys --------------------------------------------------------------------------------------------------------------

def test_a_key_updates_what_the_record_names(hocket, db):
    hocket.write_jsonl("in.jsonl", [
        {"id": 1, "a": "x", "b": 1}, {"id": 2, "a": "y", "b": 2}, {"id": 1, "a": "z"}, {"id": 1, "b": 3}, {"id": 1, "a": "last"},
        {"b": 9, "id": 2}, {"id": 3}, {"id": 3}])
    assert hocket.run(LOAD % ", key: id").code == 0
    assert db.run("SELECT id, a, b FROM t ORDER BY id") == ["1|last|3", "2|y|9", "3||"]
    hocket.write_jsonl("in.jsonl", [{"id": 3, "a": "again"}])
    assert hocket.run(LOAD % ", key: id").code == 0
    assert db.run("SELECT id, a, b FROM t ORDER BY id") == ["1|last|3", "2|y|9", "3|again|"]


def test_the_order_of_a_key_does_not_hang_on_the_batch(hocket, db):
    """Random records with random fields: as one after the other, whatever falls into one batch."""
    chance, rows = random.Random(7), []
    for _ in range(1000):
        rows.append({"id": chance.randrange(50), **{f: chance.randrange(1000) for f in "abcd" if chance.random() < 0.5}})
    hocket.write_jsonl("in.jsonl", rows)
    want = {}
    for row in rows:
        want.setdefault(row["id"], dict.fromkeys("abcd")).update(row)
    for commit in ("", ", commit: {rows: 7}"):
        db.run("DROP TABLE IF EXISTS t; DELETE FROM hocket_made" if commit else "")
        assert hocket.run(LOAD % f", key: id{commit}", "--fresh").code == 0
        got = json.loads("".join(db.run("SELECT json_agg(row_to_json(t)) FROM t")))
        assert {row["id"]: row for row in got} == want


def test_a_key_of_a_table_without_an_index_is_refused(hocket, db):
    db.run("CREATE TABLE t(id int, n int)")
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    r = hocket.run(LOAD % ", key: id")
    assert r.code == 1 and 'no unique index over its key: CREATE UNIQUE INDEX ON "t" ("id")' in r.err
    r = hocket.run(LOAD % ", key: [id, m]")
    assert r.code == 1 and "no column 'm'" in r.err


def test_a_record_without_its_key_is_dead(hocket, db):
    hocket.write_jsonl("in.jsonl", [{"id": 1}, {"a": 2}, {"id": None, "a": 3}])
    r = hocket.run(LOAD % ", key: id")
    assert r.code == 3 and r.account["dead"] == 2 and r.account["delivered"] == 1
    assert "no field 'id'" in dead(hocket)[0][1] and "'id' is null" in dead(hocket)[1][1]


# ---- bad rows ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("key", ["", ", key: n"])
def test_a_bad_row_dies_alone(hocket, db, key):
    db.run("CREATE TABLE t(n int PRIMARY KEY, at timestamptz, small smallint CHECK (small <> 13), note varchar(5))")
    rows = [{"n": n} for n in range(2000)]
    rows[100]["n"] = "x"
    rows[700]["at"] = "2026-02-30"
    rows[900]["note"] = "zero \u0000"
    rows[1300]["small"] = 70000
    rows[1500]["small"] = 13
    rows[1900]["note"] = "too long"
    hocket.write_jsonl("in.jsonl", rows)
    r = hocket.run(LOAD % key)
    assert r.code == 3 and r.account["dead"] == 6 and r.account["delivered"] == 1994 and r.balances(), r.err
    assert db.int("SELECT count(*) FROM t") == 1994
    letters = sorted((json.loads(record)["n"] if isinstance(json.loads(record)["n"], int) else 100, c, message) for c, message, record in dead(hocket))
    assert [(n, c) for n, c, _ in letters] == [(100, "sql(22P02)"), (700, "sql(22008)"), (900, "bad_value"), (1300, "sql(22003)"),
                                               (1500, "sql(23514)"), (1900, "sql(22001)")]
    assert all("table 't'" in message for _, _, message in letters)
    assert "at" in letters[1][2] and "2026-02-30" in letters[1][2]


def test_a_dead_row_comes_back(hocket, db):
    db.run("CREATE TABLE t(n int PRIMARY KEY, v smallint)")
    hocket.write_jsonl("in.jsonl", [{"n": n, "v": 70000 if n == 3 else n} for n in range(9)])
    assert hocket.run(LOAD % "").code == 3
    db.run("ALTER TABLE t ALTER v TYPE int")
    assert hocket("dead", "replay", "pipe.yaml").code == 0
    assert db.run("SELECT count(*), max(v) FROM t") == ["9|70000"]
    assert hocket("run", "pipe.yaml").err.startswith("nothing new")


# ---- what goes wrong before anything is touched ---------------------------------------------------------------------------

def test_who_may_not_come_in(hocket, db):
    put(hocket, 3)
    url = db.url
    for wrong, words in ((url.replace("orange-tree", "pear-tree"), "28P01"), (url + "x", "3D000"), (re.sub(r":\d+/", ":1/", url), "refused")):
        hocket.env["PG_URL"] = wrong
        r = hocket.run(LOAD % "")
        assert r.code == 1 and words in r.err, r.err
        assert "pear-tree" not in r.err and "orange-tree" not in r.err


def test_rights_that_are_missing_are_named_with_the_way_out(hocket, db):
    role = f"loader_{db.name}"
    db.run(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; CREATE TABLE t(n int PRIMARY KEY, v text); REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
           f"GRANT SELECT, INSERT, UPDATE ON t TO {role}")
    hocket.env["PG_URL"] = db.url.replace("hocket:orange-tree", f"{role}:x")
    put(hocket, 5)
    r = hocket.run(LOAD % "")
    assert r.code == 1 and "checkpoint: state" in r.err and "42501" in r.err
    for key, letter in (("", "A"), (", key: n", "I")):
        assert re.search(rf"to +postgres.* {letter}  ", hocket("check", hocket.write("c.yaml", LOAD % f"{key}, checkpoint: state")).out)
    r = hocket.run(LOAD % ", key: n, checkpoint: state")
    assert r.code == 0, r.err
    exact(db, 5)
    assert db.int("SELECT count(*) FROM pg_class WHERE relname LIKE 'hocket%' AND relkind = 'r'") == 0
    db.run(f"REVOKE INSERT ON t FROM {role}")
    put(hocket, 5, 9, mode="a")
    r = hocket.run(LOAD % ", key: n, checkpoint: state")
    assert r.code == 1 and "42501" in r.err and "table 't'" in r.err and r.account["dead"] == 0, "no record is to blame"


def test_tables_of_the_checkpoint_that_another_user_made(hocket, db):
    put(hocket, 5)
    assert hocket.run(LOAD % "").code == 0
    role = f"second_{db.name}"
    db.run(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; CREATE TABLE u(n int, v text); GRANT INSERT, SELECT ON u TO {role}")
    hocket.env["PG_URL"] = db.url.replace("hocket:orange-tree", f"{role}:x")
    text = (LOAD % "").replace("table: t", "table: u")
    r = hocket.run(text, name="second.yaml")
    assert r.code == 1 and "GRANT SELECT, INSERT, UPDATE ON hocket_mark, hocket_made" in r.err, r.err
    db.run(f"GRANT SELECT, INSERT, UPDATE ON hocket_mark, hocket_made TO {role}")
    r = hocket.run(text, name="second.yaml")
    assert r.code == 0 and db.int("SELECT count(*) FROM u") == 5, r.err


def test_mistakes_in_the_file(hocket):
    for option, words in ((", table: a.b.c", "more than one dot"), (", table: hocket_mark", "hocket needs itself"), (", table: t, key: [a, a]", "named twice"),
                          (", table: t, types: {a: 'int; DROP TABLE x'}", "is no type")):
        r = hocket("check", hocket.write("c.yaml", f"from: stdin\nto: {{postgres: 'postgres://x@localhost/y'{option}}}\n"))
        assert r.code == 78 and words in r.err
    r = hocket("check", hocket.write("c.yaml", "from: stdin\nto: {postgres: shop.db, table: t}\n"))
    assert r.code == 78 and "no PostgreSQL URL" in r.err


# ---- killed, restarted, cut off -------------------------------------------------------------------------------------------

def kill_until_done(hocket, chance, kills, seconds):
    """Runs pipe.yaml, kills it at random moments, until it ends by itself behind the last kill."""
    done = 0
    while True:
        process = hocket.start("run", "pipe.yaml")
        if done < kills:
            time.sleep(chance.uniform(0.02, seconds))  # the moment is what is tested
            if process.poll() is None:
                process.kill()
                done += 1
                process.communicate()
                continue
        r = hocket.finish(process)
        assert r.code == 0, r.err
        if done >= kills or "nothing new" in r.err:
            return done


@pytest.mark.parametrize("key", ["", ", key: n"])
def test_killed_at_random_moments(hocket, db, key):
    put(hocket, 100_000)
    hocket.write("pipe.yaml", LOAD % f"{key}, commit: {{rows: 200}}")
    assert kill_until_done(hocket, random.Random(4), 20, 0.07) >= 8
    exact(db, 100_000)


def test_the_server_crashes_again_and_again(hocket, server, db):
    """Rows go in while the server is killed and started; hocket stays and waits."""
    process = hocket.start("run", hocket.write("pipe.yaml", (LOAD % ", commit: {rows: 500}").replace("{jsonl: in.jsonl}", "stdin")), stdin=-1)
    deadline = time.monotonic() + 20
    while db.value("SELECT to_regclass('hocket_made') IS NULL") == "t" and time.monotonic() < deadline:
        time.sleep(0.02)
    for crash in range(20):
        restart = threading.Thread(target=server.restart)
        restart.start()
        for n in range(crash * 5000, crash * 5000 + 5000):
            process.stdin.write(f'{{"n":{n}}}\n')
        process.stdin.flush()
        restart.join()
    r = hocket.finish(process)
    assert r.code == 0, r.err
    exact(db, 100_000)


class Scissors:
    """A proxy before the server that cuts the connection at its n-th COMMIT, before or after the server got it."""

    def __init__(self, url):
        self.far = re.search(r"@([\d.]+):(\d+)/", url).groups()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = re.sub(r"@[\d.]+:\d+/", f"@127.0.0.1:{self.listener.getsockname()[1]}/", url) + "?sslmode=disable"
        self.commits = self.cuts = 0
        self.plan = {}
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            near, _ = self.listener.accept()
            try:
                far = socket.create_connection((self.far[0], int(self.far[1])))
            except OSError:
                near.close()
                continue
            pair = {"cut": False}
            threading.Thread(target=self.up, args=(near, far, pair), daemon=True).start()
            threading.Thread(target=self.down, args=(near, far, pair), daemon=True).start()

    def up(self, near, far, pair):
        while data := self.read(near):
            if b"COMMIT\0" in data:
                self.commits += 1
                how = self.plan.get(self.commits)
                if how:
                    self.cuts += 1
                    pair["cut"] = True
                if how == "after":
                    far.sendall(data)  # the answer is what is cut off
                if how:
                    break
            try:
                far.sendall(data)
            except OSError:
                break
        if not pair["cut"]:
            self.end(near, far)
        elif self.plan[self.commits] == "before":
            self.end(near, far)

    def down(self, near, far, pair):
        while data := self.read(far):
            if pair["cut"]:
                break
            try:
                near.sendall(data)
            except OSError:
                break
        self.end(near, far)

    @staticmethod
    def read(s):
        try:
            return s.recv(65536)
        except OSError:
            return b""

    @staticmethod
    def end(*sockets):
        for s in sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()


@pytest.mark.parametrize("more", ["", ", checkpoint: state"])
def test_a_lost_commit_is_decided(hocket, db, more):
    """Nothing but the checkpoint can tell: there is no key that would hide a double row."""
    if more:
        db.run("CREATE TABLE t(n int)")
    put(hocket, 2000)
    scissors = Scissors(db.url)
    scissors.plan = {4: "before", 7: "after", 9: "after", 10: "after", 14: "before"}
    hocket.env["PG_URL"] = scissors.url
    r = hocket.run(LOAD % f", commit: {{rows: 100}}{more}")
    assert r.code == 0, r.err
    assert scissors.cuts == 5
    exact(db, 2000)


def test_a_server_that_stays_away_stops_the_run(hocket, db):
    """... within the time given, resumable, and no record is dead."""
    put(hocket, 3000)
    scissors = Scissors(db.url)
    scissors.plan = {n: "before" for n in range(6, 10_000)}
    hocket.env["PG_URL"] = scissors.url
    r = hocket.run(LOAD % ", commit: {rows: 100}, retry: {within: 2s}")
    assert r.code == 1 and "it was waited for for" in r.err and r.account["dead"] == 0, r.err
    assert r.err.count("postgres: tries again, 2s at most: ") == 1 and "goes on after" not in r.err, r.err
    hocket.env["PG_URL"] = db.url
    assert hocket("run", "pipe.yaml").code == 0
    exact(db, 3000)


def test_a_server_that_is_away_for_seconds_is_told_of_and_so_is_its_return(hocket, db):
    put(hocket, 1000)
    scissors = Scissors(db.url)
    scissors.plan = {n: "before" for n in (6, 7, 8, 10)}  # thrice is long; the fourth time it is back at once
    hocket.env["PG_URL"] = scissors.url
    r = hocket.run(LOAD % ", commit: {rows: 100}")
    assert r.code == 0 and scissors.cuts == 4, r.err
    assert r.err.count("postgres: tries again, 1h at most: ") == 1, r.err
    assert re.search(r"postgres: goes on after \d+ s", r.err), r.err
    exact(db, 1000)


def test_a_stop_does_not_wait_for_a_server_that_is_away(hocket, db):
    put(hocket, 3000)
    scissors = Scissors(db.url)
    scissors.plan = {n: "before" for n in range(6, 10_000)}
    hocket.env["PG_URL"] = scissors.url
    process = hocket.start("run", hocket.write("pipe.yaml", LOAD % ", commit: {rows: 100}"), "--grace", "1s")
    deadline = time.monotonic() + 20
    while scissors.cuts == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.terminate()
    r = hocket.finish(process, timeout=20)
    assert r.code in (1, 75), r.err
    hocket.env["PG_URL"] = db.url
    assert hocket("run", "pipe.yaml").code == 0
    exact(db, 3000)


def test_two_tables_of_one_database(hocket, db):
    """Two sinks, one checkpoint each: killed between them, neither lacks a row nor has it twice."""
    put(hocket, 20_000)
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nto:\n  - {postgres: $secret.PG_URL, table: t, commit: {rows: 300}}\n"
                              "  - {postgres: $secret.PG_URL, table: u, if: .n % 2 == 0}\n  - {jsonl: out.jsonl}\n")
    kill_until_done(hocket, random.Random(9), 10, 0.3)
    exact(db, 20_000)
    assert db.run("SELECT count(*), count(DISTINCT n), max(n) FROM u") == ["10000|10000|19998"]
    assert len(hocket.read_jsonl("out.jsonl")) == 20_000


@pytest.mark.parametrize("more", ["", ", checkpoint: state"])
def test_delivered_is_on_disk_whatever_the_server_would_do(hocket, db, more):
    db.run(f"ALTER DATABASE {db.name} SET synchronous_commit = off")
    db.run("CREATE TABLE t(n int, sync text DEFAULT current_setting('synchronous_commit'))")
    put(hocket, 3)
    r = hocket.run(LOAD % more)
    assert r.code == 0, r.err
    assert db.run("SELECT DISTINCT sync FROM t") == ["on"]


def test_one_table_of_two_sinks(hocket, db):
    """Each has a mark of its own: what one of them has committed is not taken for the other's."""
    put(hocket, 1000)
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nto:\n  - {postgres: $secret.PG_URL, table: t, if: .n % 2 == 0}\n"
                              "  - {postgres: $secret.PG_URL, table: t, if: .n % 2 == 1}\n")
    r = hocket("run", "pipe.yaml")
    assert r.code == 0, r.err
    exact(db, 1000)


def test_somebody_else_in_the_same_row_is_noticed(hocket, db):
    process = hocket.start("run", hocket.write("pipe.yaml", (LOAD % "").replace("{jsonl: in.jsonl}", "stdin")), stdin=-1)
    process.stdin.write('{"n":0}\n')
    process.stdin.flush()
    deadline = time.monotonic() + 20
    while db.value("SELECT to_regclass('t') IS NULL") == "t" and time.monotonic() < deadline:
        time.sleep(0.02)
    db.run("UPDATE hocket_mark SET mark = 'other'")
    process.stdin.write('{"n":1}\n')
    r = hocket.finish(process)
    assert r.code == 1 and "somebody else has changed this pipeline's row 't' in hocket_mark" in r.err
    exact(db, 1)


# ---- what stands ------------------------------------------------------------------------------------------------------------

def test_run_again(hocket, db):
    put(hocket, 10)
    assert hocket.run(LOAD % "").code == 0
    assert "nothing new" in hocket("run", "pipe.yaml").err
    put(hocket, 10, 15, mode="a")
    assert hocket("run", "pipe.yaml").account["in"] == 5
    exact(db, 15)
    db.run("DROP TABLE t")
    r = hocket("run", "pipe.yaml")
    assert "table 't' is gone: starting over" in r.err
    exact(db, 15)


def test_locks_and_deadlocks_are_waited_for(hocket, db):
    db.run("CREATE TABLE t(n int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(0, 99) n")
    hocket.write_jsonl("in.jsonl", [{"n": n, "v": 1} for n in range(100)])
    other = threading.Thread(target=db.run, args=("BEGIN; UPDATE t SET v = 5 WHERE n = 99; SELECT pg_sleep(1); UPDATE t SET v = 5 WHERE n = 0; COMMIT",))
    other.start()
    deadline = time.monotonic() + 20
    while db.int("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    r = hocket.run(LOAD % ", key: n")
    try:
        other.join()
    except AssertionError:
        pass
    assert r.code == 0 and r.account["dead"] == 0, r.err
    assert db.int("SELECT count(*) FROM t WHERE v IN (1, 5)") == 100


# ---- through a pooler --------------------------------------------------------------------------------------------------------

def test_through_pgbouncer(hocket, db):
    hocket.env["PG_URL"] = db.pooled
    put(hocket, 5000)
    for key in ("", ", key: n"):
        r = hocket.run(LOAD % f"{key}, commit: {{rows: 100}}", "--fresh") if key == "" else hocket.run(
            (LOAD % f"{key}, commit: {{rows: 100}}").replace("table: t", "table: keyed"), name="keyed.yaml")
        assert r.code == 0, r.err
    exact(db, 5000)
    exact(db, 5000, "keyed")
