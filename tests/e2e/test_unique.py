"""unique: each key passes once, whatever happens meanwhile."""
import json
import random
import signal
import sqlite3
import time

import pytest

from far import far

PIPE = """
from: {jsonl: in.jsonl}
steps:
  - unique: .k
to: {sqlite: out.db, table: t}
"""


def rows(hocket, sql="SELECT k, n FROM t ORDER BY n"):
    with sqlite3.connect(hocket.folder / "out.db") as db:
        return db.execute(sql).fetchall()


def test_the_first_passes_and_the_others_are_counted(hocket):
    hocket.write_jsonl("in.jsonl", [{"k": n % 7, "n": n} for n in range(100)])
    r = hocket.run(PIPE)
    assert r.code == 0 and r.account["delivered"] == 7 and r.account["duplicate"] == 93 and r.balances()
    assert rows(hocket) == [(n, n) for n in range(7)]
    assert hocket("verify", "pipe.yaml").code == 0


def test_keys_are_values_of_any_kind(hocket):
    keys = [1, "1", [1], {"a": 1}, True, 1.5, "é", "", 12345678901234567890, 12345678901234567891]
    hocket.write_jsonl("in.jsonl", [{"k": k, "n": n} for n, k in enumerate(keys * 3)])
    r = hocket.run(PIPE.replace("unique: .k", "unique: .k\n  - map: {n}"))
    assert r.account["delivered"] == len(keys), r.err


def test_a_missing_key_is_a_mistake_not_a_duplicate(hocket):
    hocket.write_jsonl("in.jsonl", [{"k": 1, "n": 0}, {"n": 1}, {"k": None, "n": 2}, {"k": 2, "n": 3}])
    r = hocket.run(PIPE)
    assert r.code == 3 and r.account["dead"] == 2 and r.account["delivered"] == 2
    assert "the key is null" in hocket("dead", "ls", "pipe.yaml").out


def test_what_is_added_later_is_compared_with_all_before(hocket):
    hocket.write_jsonl("in.jsonl", [{"k": n % 50, "n": n} for n in range(60)])
    assert hocket.run(PIPE).account["delivered"] == 50
    for again in range(1, 4):
        with open(hocket.folder / "in.jsonl", "a") as f:
            f.writelines(json.dumps({"k": n % 50 + again, "n": 60 * again + n}) + "\n" for n in range(60))
        r = hocket.run(PIPE)
        assert "going on behind" in r.err and r.account["delivered"] == 1, r.err
    assert [k for k, _ in rows(hocket)] == [*range(53)]


def test_starting_over_forgets_keys_unless_they_have_a_time(hocket):
    hocket.write_jsonl("in.jsonl", [{"k": n, "n": n} for n in range(10)])
    to = PIPE.replace("to: {sqlite: out.db, table: t}", "to: {jsonl: out.jsonl}")
    assert hocket.run(to).account["delivered"] == 10
    assert hocket.run(to, "--fresh").account["delivered"] == 10
    kept = to.replace("unique: .k", "unique: .k\n    for: 1h")
    assert hocket.run(kept, "--fresh").account["delivered"] == 10
    r = hocket.run(kept, "--fresh")
    assert r.account["duplicate"] == 10 and r.account["delivered"] == 0
    short = kept.replace("1h", "100ms")
    with sqlite3.connect(hocket.folder / ".hocket/pipe.db") as db:
        db.execute("UPDATE claim SET expires = 1")
    assert hocket.run(short, "--fresh").account["delivered"] == 10


def test_a_dead_record_gives_its_key_back(hocket):
    """The second with the key comes when the first is dead already."""
    with far(lambda path, _: (500, {}, b"") if "n=0" in path else {}) as server:
        hocket.write_jsonl("in.jsonl", [{"k": 1, "n": 0}, {"k": 2, "n": 1}])
        text = PIPE.replace("to:", f"  - http: {server.base}/\\(.k)?n=\\(.n)\n    retry: 0\n    into: .a\nto:")
        assert hocket.run(text + "dead: dead.jsonl\n").code == 3
        with open(hocket.folder / "in.jsonl", "a") as f:
            f.write('{"k": 1, "n": 2}\n{"k": 2, "n": 3}\n')
        r = hocket.run(text + "dead: dead.jsonl\n")
        assert r.account["delivered"] == 1 and r.account["duplicate"] == 1, r.err
    assert rows(hocket, "SELECT k, n FROM t ORDER BY n") == [(2, 1), (1, 2)]


def test_a_row_that_the_sink_refuses_gives_its_key_back_and_is_replayed(hocket):
    with sqlite3.connect(hocket.folder / "out.db") as db:
        db.execute("CREATE TABLE t(k INTEGER, n INTEGER CHECK (n <> 3))")
    hocket.write_jsonl("in.jsonl", [{"k": n, "n": n} for n in range(6)])
    assert hocket.run(PIPE).code == 3
    with sqlite3.connect(hocket.folder / "out.db") as db:
        db.execute("ALTER TABLE t RENAME TO old")
        db.execute("CREATE TABLE t(k INTEGER, n INTEGER)")
        db.execute("INSERT INTO t SELECT * FROM old")
    hocket.write("pipe.yaml", PIPE)
    r = hocket("dead", "replay", "pipe.yaml")
    assert r.code == 0, r.err
    assert rows(hocket) == [(n, n) for n in range(6)]


@pytest.mark.parametrize("before", ["", "sort: .n\n  - "])
@pytest.mark.parametrize("time", ["", "\n    for: 1h"])
def test_what_is_rewound_passes_with_its_own_keys(hocket, time, before):
    """The third has the key of the first, which stays done; the fourth comes once more."""
    hocket.write_jsonl("in.jsonl", [{"k": k, "n": n} for n, k in enumerate([1, 2, 1, 3])])
    text = PIPE.replace("unique: .k", f"{before}unique: .k{time}")
    assert hocket.run(text).account["delivered"] == 3
    for again in range(2, 4):
        assert hocket("state", "rewind", "pipe.yaml", "--to", 2).code == 0
        r = hocket("run", "pipe.yaml")
        assert r.account["delivered"] == 1 and r.account["duplicate"] == 1, r.err
        assert rows(hocket) == [(1, 0), (2, 1)] + [(3, 3)] * again
    with open(hocket.folder / "in.jsonl", "a") as f:
        f.write('{"k": 3, "n": 4}\n{"k": 4, "n": 5}\n')
    r = hocket("run", "pipe.yaml")
    assert r.account["delivered"] == 1 and r.account["duplicate"] == 1, r.err
    assert hocket("verify", "pipe.yaml").code == 0


def refuse_all(hocket):
    with sqlite3.connect(hocket.folder / "out.db") as db:
        db.execute("CREATE TABLE t(x INTEGER NOT NULL)")


def accept_all(hocket):
    with sqlite3.connect(hocket.folder / "out.db") as db:
        db.execute("DROP TABLE t")
        db.execute("CREATE TABLE t(k INTEGER, n INTEGER)")


@pytest.mark.parametrize("runs", [1, 2])
def test_keys_of_a_run_that_delivered_nothing_do_not_outlive_it(hocket, runs):
    """They are put down before the sink is asked; it refuses, the file is mended, the run starts over."""
    hocket.write_jsonl("in.jsonl", [{"k": n % 3, "n": n} for n in range(4)])
    kept = PIPE.replace("unique: .k", "unique: .k\n    for: 1h")
    refuse_all(hocket)
    for _ in range(runs):
        assert hocket.run(kept).code == 1
    accept_all(hocket)
    r = hocket.run(kept.replace("1h", "2h"))
    assert r.code == 0 and r.account["delivered"] == 3 and r.account["duplicate"] == 1, r.err
    assert rows(hocket) == [(0, 0), (1, 1), (2, 2)]


def test_keys_of_what_was_piped_in_and_not_delivered_are_free(hocket):
    kept = PIPE.replace("jsonl: in.jsonl", "stdin: jsonl").replace("unique: .k", "unique: .k\n    for: 1h")
    hocket.write("pipe.yaml", kept)
    refuse_all(hocket)
    lines = '{"k": 1, "n": 0}\n{"k": 2, "n": 1}\n'
    assert hocket("run", "pipe.yaml", stdin=lines).code == 1
    accept_all(hocket)
    assert hocket("run", "pipe.yaml", stdin=lines).account["delivered"] == 2
    assert hocket("run", "pipe.yaml", stdin=lines).account["duplicate"] == 2


def test_starting_over_says_that_keys_stay(hocket):
    hocket.write_jsonl("in.jsonl", [{"k": 1, "n": 0}])
    kept = PIPE.replace("unique: .k", "unique: .k\n    for: 1h")
    assert hocket.run(kept).code == 0
    r = hocket.run(kept.replace("1h", "2h"))
    assert "starting over; keys that 'unique' let through are kept for their time" in r.err
    assert r.account["duplicate"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_at_any_moment(hocket, seed):
    """30,000 records, 10,000 keys in another order each time, killed until it ends: each key once, in both sinks."""
    chance = random.Random(seed)
    records = [{"k": n % 10000, "n": n} for n in range(30000)]
    chance.shuffle(records)
    hocket.write_jsonl("in.jsonl", records)
    hocket.write("pipe.yaml", PIPE.replace("to: {sqlite: out.db, table: t}",
                                           "to: [{sqlite: out.db, table: t, commit: {rows: 500}}, {jsonl: out.jsonl}]"))
    kills = 0
    for _ in range(40):
        process = hocket.start("run", "pipe.yaml", "--progress", "none")
        time.sleep(chance.uniform(0.01, 0.15))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
    r = hocket("run", "pipe.yaml")
    assert r.code == 0, r.err
    assert kills > 0
    assert rows(hocket, "SELECT count(*), count(DISTINCT k) FROM t") == [(10000, 10000)]
    keys = [r["k"] for r in hocket.read_jsonl("out.jsonl")]
    assert len(keys) == len(set(keys)) == 10000
    assert hocket("verify", "pipe.yaml").code == 0
