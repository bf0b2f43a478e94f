"""group: a digest for each key; what closes its window; what a stop, a restart and a replay make of those that are open."""
import datetime
import json
import signal
import sqlite3
import subprocess
import threading
import time

import far
import pytest

from conftest import SLOW


def records(n, keys=5):
    return [{"id": i, "k": f"key {i * 7 % keys}"} for i in range(n)]


def run(hocket, text, rows=None, code=0):
    hocket.write_jsonl("in.jsonl", records(40) if rows is None else rows)
    hocket.write("pipe.yaml", text)
    result = hocket("run", "pipe.yaml")
    assert result.code == code and result.balances(), result.err
    verified = hocket("verify", "pipe.yaml")
    assert verified.code == 0, verified.err
    return result


def digests(hocket):
    if not (hocket.folder / "out.jsonl").exists():
        return []
    return [(d["key"], [r["id"] for r in d["items"]]) for d in hocket.read_jsonl("out.jsonl")]


def held(hocket, what="count(*)"):
    """What windows have, asked beside a run."""
    try:
        with sqlite3.connect(f"file:{hocket.folder}/.hocket/pipe.db?mode=ro", uri=True) as db:
            return db.execute(f"SELECT {what} FROM held").fetchone()[0]
    except sqlite3.OperationalError:  # not there yet
        return 0


def until(wanted, seconds=20):
    end = time.monotonic() + seconds * SLOW
    while not wanted():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def test_a_digest_has_the_records_of_its_key_as_they_came(hocket):
    result = run(hocket, "from: {jsonl: in.jsonl}\nsteps:\n  - group: .k\nto: {jsonl: out.jsonl}\n")
    assert digests(hocket) == [(f"key {k}", [i for i in range(40) if i * 7 % 5 == k]) for k in (0, 2, 4, 1, 3)]
    assert result.account["merged"] == 40 and result.account["spawned"] == 5 and result.account["delivered"] == 5
    for d in hocket.read_jsonl("out.jsonl"):
        assert list(d) == ["key", "items", "first", "last"]
        times = [datetime.datetime.fromisoformat(d[name]) for name in ("first", "last")]
        assert times[0] <= times[1] and all(t.tzinfo == datetime.timezone.utc for t in times), d
        assert abs(times[1].timestamp() - time.time()) < 60 * SLOW


def test_a_full_window_closes_and_the_next_record_opens_another(hocket):
    run(hocket, "from: {jsonl: in.jsonl}\nsteps:\n  - group: .k\n    max: 3\nto: {jsonl: out.jsonl}\n")
    all = digests(hocket)
    assert [len(ids) for _, ids in all] == 10 * [3] + 5 * [2] and all[0] == ("key 0", [0, 5, 10])
    assert sorted(i for _, ids in all for i in ids) == list(range(40))


def test_a_window_closes_before_it_is_too_large(hocket):
    run(hocket, "from: {jsonl: in.jsonl}\nsteps:\n  - group: .k\n    max_bytes: 100\nto: {jsonl: out.jsonl}\n")
    assert all(1 < len(ids) <= 4 for _, ids in digests(hocket)) and sum(len(ids) for _, ids in digests(hocket)) == 40


def test_keys_are_what_jq_takes_for_equal(hocket):
    rows = [{"id": 0, "k": 1}, {"id": 1}, {"id": 2, "k": 1.0}, {"id": 3, "k": {"a": 1, "b": 2}}, {"id": 4, "k": None},
            {"id": 5, "k": {"b": 2, "a": 1}}, {"id": 6, "k": "1"}, {"id": 7, "k": [1]}]
    run(hocket, "from: {jsonl: in.jsonl}\nsteps:\n  - group: .k\nto: {jsonl: out.jsonl}\n", rows)
    assert digests(hocket) == [(1, [0, 2]), (None, [1, 4]), ({"a": 1, "b": 2}, [3, 5]), ("1", [6]), ([1], [7])]


def test_nothing_is_a_key_and_a_failing_key_is_a_dead_letter(hocket):
    run(hocket, "from: {jsonl: in.jsonl}\nsteps:\n  - group: 'if .id % 10 == 7 then error(\"odd\") elif .id % 2 == 0 then empty else 1 end'\n"
                "to: {jsonl: out.jsonl}\n", code=3)
    assert digests(hocket) == [(None, list(range(0, 40, 2))), (1, [i for i in range(1, 40, 2) if i % 10 != 7])]
    dead = [json.loads(line) for line in hocket("dead", "export", "pipe.yaml").out.splitlines()]
    assert [(d["step"], d["class"], d["record"]["id"]) for d in dead] == [("group", "jq", i) for i in (7, 17, 27, 37)]


def test_time_closes_a_window_while_more_may_come(hocket):
    hocket.write("pipe.yaml", "from: stdin\nsteps:\n  - group: .k\n    every: 150ms\nto: stdout\n")
    process = hocket.start("run", "pipe.yaml", "-q", stdin=subprocess.PIPE)
    process.stdin.write('{"k":1,"n":1}\n{"k":2,"n":2}\n{"k":1,"n":3}\n')
    process.stdin.flush()
    first = [json.loads(process.stdout.readline()) for _ in range(2)]  # the input has not ended
    process.stdin.write('{"k":1,"n":4}\n')
    rest = hocket.finish(process)
    seen = [(d["key"], [r["n"] for r in d["items"]]) for d in [*first, *map(json.loads, rest.out.splitlines())]]
    assert rest.code == 0 and seen == [(1, [1, 3]), (2, [2]), (1, [4])], rest.err


ENDLESS = """from: {jsonl: in.jsonl, every: 1h}
steps:
  - group: .k
    every: 24h
to: {jsonl: out.jsonl}
"""


def test_a_stop_leaves_windows_open_and_a_restart_goes_on_with_them(hocket):
    hocket.write_jsonl("in.jsonl", records(10))
    hocket.write("pipe.yaml", ENDLESS)
    process = hocket.start("run", "pipe.yaml")
    until(lambda: held(hocket) == 10)
    process.send_signal(signal.SIGTERM)
    stopped = hocket.finish(process)
    assert stopped.code == 0 and digests(hocket) == [], stopped.err
    assert "10 records that steps hold" in hocket("state", "show", "pipe.yaml").out
    assert hocket("verify", "pipe.yaml").code == 0
    # A day later: what is due closes at once, and only that.
    opened = held(hocket, "min(time)")
    with sqlite3.connect(hocket.folder / ".hocket/pipe.db") as db:
        db.execute("UPDATE held SET time = time - 86400000000000 WHERE first = 0")
    process = hocket.start("run", "pipe.yaml")
    until(lambda: digests(hocket))
    process.send_signal(signal.SIGTERM)
    assert hocket.finish(process).code == 0
    assert digests(hocket) == [("key 0", [0, 5])] and held(hocket) == 8 and held(hocket, "min(time)") >= opened
    # Once more, as if there were no schedule: then this is the end.
    once = hocket("run", "pipe.yaml", "--once")
    assert once.code == 0, once.err
    assert digests(hocket) == [(f"key {k}", [i for i in range(10) if i * 7 % 5 == k]) for k in (0, 2, 4, 1, 3)]
    assert held(hocket) == 0 and hocket("verify", "pipe.yaml").code == 0


def test_what_a_deadline_leaves_open_goes_to_the_run_behind_it(hocket):
    hocket.write_jsonl("in.jsonl", records(10))
    hocket.write("pipe.yaml", ENDLESS)
    first = hocket("run", "pipe.yaml", "--until", f"{1500 * SLOW:.0f}ms")
    assert first.code == 0 and digests(hocket) == [] and held(hocket) == 10, first.err
    hocket.write_jsonl("in.jsonl", records(20))
    once = hocket("run", "pipe.yaml", "--once")
    assert once.code == 0, once.err
    assert digests(hocket) == [(f"key {k}", [i for i in range(20) if i * 7 % 5 == k]) for k in (0, 2, 4, 1, 3)]
    assert hocket("verify", "pipe.yaml").code == 0


def test_verify_misses_records_of_a_closed_window(hocket):
    hocket.write_jsonl("in.jsonl", records(10))
    hocket.write("pipe.yaml", ENDLESS)
    assert hocket("run", "pipe.yaml", "--until", f"{1500 * SLOW:.0f}ms").code == 0
    assert held(hocket) == 10 and hocket("verify", "pipe.yaml").code == 0
    with sqlite3.connect(hocket.folder / ".hocket/pipe.db") as db:
        db.execute("INSERT INTO held_window SELECT run, fold, 0, 1, 3, 90, 0 FROM held LIMIT 1")
    verified = hocket("verify", "pipe.yaml")
    assert verified.code == 4 and "1 closed window has not the records that it should have" in verified.err + verified.out, verified.err


def test_check_says_when_windows_close(hocket):
    hocket.write("pipe.yaml", ENDLESS.replace("24h", "{cron: '0 6 * * *', zone: Europe/Berlin}"))
    said = hocket("check", "pipe.yaml")
    assert said.code == 0 and "windows close cron '0 6 * * *' in Europe/Berlin: " in said.out and said.out.count(" 06:00 +0") == 3, said.out
    assert "windows close cron '0 6 * * *' in Europe/Berlin" in hocket("graph", "pipe.yaml").out


SENT = """from: {{jsonl: in.jsonl}}
steps:
  - http: {base}/one/\\(.id)
    result: .got = $res.body.path
  - group: .k
  - map: {{key: .key, ids: '[.items[].id]', id: $meta.id}}
  - http: {base}/digest/\\(.key)
    result: .got = $res.body.path
to: {{sqlite: out.db, table: t}}
"""


def test_what_dies_behind_a_group_is_the_digest_and_goes_on_there(hocket):
    broken = {"/one/12", "/digest/key%201"}
    with far.far(lambda path, attempt: (422, {}, b"broken") if path in broken else {"path": path}) as server:
        run(hocket, SENT.format(base=server.base), code=3)
        dead = [json.loads(line) for line in hocket("dead", "export", "pipe.yaml").out.splitlines()]
        assert [(d["step"], d["source"]) for d in dead] == [("http", "in.jsonl"), ("http 2", "step group")]
        ids = [i for i in range(40) if i * 7 % 5 == 1]
        assert dead[1]["at_step"]["ids"] == ids and dead[1]["record"]["key"] == "key 1"
        broken.clear()
        replay = hocket("dead", "replay", "pipe.yaml")
        assert replay.code == 0, replay.err
    rows = sqlite3.connect(hocket.folder / "out.db").execute("SELECT key, ids, id FROM t").fetchall()
    found = sorted((key, json.loads(ids)) for key, ids, _ in rows)
    kept = [(f"key {k}", [i for i in range(40) if i * 7 % 5 == k and i != 12]) for k in range(5)]
    assert found == sorted([*kept, ("key 4", [12])])
    assert len({id for _, _, id in rows}) == 6 and hocket("verify", "pipe.yaml").code == 0


def test_a_stopped_run_makes_the_same_digests(hocket):
    began = threading.Event()

    def slow(path, attempt):
        if path == "/one/25" and attempt == 1:
            began.set()
            threading.Event().wait(1.5 * SLOW)
        return {"path": path}

    with far.far(slow) as server:
        hocket.write_jsonl("in.jsonl", records(40))
        hocket.write("pipe.yaml", SENT.format(base=server.base).replace("/one/\\(.id)", "/one/\\(.id)\n    concurrency: 1"))
        process = hocket.start("run", "pipe.yaml", "--grace", "0s")
        assert began.wait(20 * SLOW)
        process.send_signal(signal.SIGTERM)
        stopped = hocket.finish(process)
        assert stopped.code == 75, stopped.err
        assert held(hocket) == 25 and hocket("verify", "pipe.yaml").code == 0
        assert hocket("run", "pipe.yaml").code == 0
    rows = sqlite3.connect(hocket.folder / "out.db").execute("SELECT key, ids FROM t ORDER BY rowid").fetchall()
    assert [(key, json.loads(ids)) for key, ids in rows] == [
        (f"key {k}", [i for i in range(40) if i * 7 % 5 == k]) for k in (0, 2, 4, 1, 3)]


def test_groups_stand_behind_and_before_other_steps_that_hold(hocket):
    run(hocket, """from: {jsonl: in.jsonl}
steps:
  - sort: -.id
  - group: .k
    max: 4
  - group: .items | length
  - emit: .items[]
  - set: {n: .items | length}
  - join: .all
  - map: {key: .key, all: '[.all[] | [.key, .n]]'}
to: {jsonl: out.jsonl}
""")
    assert hocket.read_jsonl("out.jsonl") == [{"key": 4, "all": [[f"key {k}", 4] for k in (3, 1, 4, 2, 0, 3, 1, 4, 2, 0)]}]


def test_blobs_stay_with_their_records(hocket):
    with far.far(lambda path, attempt: (200, {"Content-Type": "image/png"}, path.encode())) as server:
        run(hocket, f"""from: {{jsonl: in.jsonl}}
steps:
  - http: {server.base}/image/\\(.id)
    as: blob
    into: .image
  - group: .k
to: {{jsonl: out.jsonl}}
""", records(10))
    for d in hocket.read_jsonl("out.jsonl"):
        assert [r["image"]["$blob"] for r in d["items"]] == ["0.image", "1.image"], d


@pytest.mark.parametrize("source, step, said", [
    ("{jsonl: in.jsonl, every: 1h}", "group: .k", "give it `every` or `max`"),
    ("{jsonl: in.jsonl}", "group: .k\n    max: 0", "'max'"),
    ("{jsonl: in.jsonl}", "group: .k\n    every: sometimes", "'every'"),
    ("{jsonl: in.jsonl}", "group: .k\n    every: 0 6 30 2 *", "'every'"),
    ("{jsonl: in.jsonl}", "group: .k |", "a value is missing"),
])
def test_mistakes_are_told_before_anything_runs(hocket, source, step, said):
    hocket.write("pipe.yaml", f"from: {source}\nsteps:\n  - {step}\nto: {{jsonl: out.jsonl}}\n")
    result = hocket("check", "pipe.yaml")
    assert result.code == 78 and said in result.err, result.err
