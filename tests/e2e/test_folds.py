"""batch, sort, join: records are held, reordered and brought back; what is cut off goes on as it was; the far side counts."""
import json
import signal
import sqlite3
import subprocess
import threading

import far
import pytest

from conftest import SLOW


def numbers(n):
    return [{"id": i, "k": i * 7919 % 101, "parts": [{"x": x} for x in range(i % 4)]} for i in range(n)]


def run(hocket, text, n=250, code=0, **kinds):
    hocket.write_jsonl("in.jsonl", numbers(n))
    hocket.write("pipe.yaml", text)
    result = hocket("run", "pipe.yaml")
    assert result.code == code, result.err
    assert result.balances(), result.err
    verified = hocket("verify", "pipe.yaml")
    assert verified.code == 0, verified.err
    return result


def test_a_batch_has_its_records_as_they_came(hocket):
    result = run(hocket, """from: {jsonl: in.jsonl}
steps:
  - where: .id % 10 != 3
  - batch: 100
to: {jsonl: out.jsonl}
""")
    kept = [r for r in numbers(250) if r["id"] % 10 != 3]
    assert hocket.read_jsonl("out.jsonl") == [{"items": kept[at:at + 100]} for at in range(0, len(kept), 100)]
    assert result.account["merged"] == 225 and result.account["spawned"] == 3 and result.account["delivered"] == 3


def test_a_batch_is_closed_before_it_is_too_large(hocket):
    run(hocket, "from: {jsonl: in.jsonl}\nsteps:\n  - batch: 100\n    max_bytes: 300\nto: {jsonl: out.jsonl}\n", n=40)
    batches = [r["items"] for r in hocket.read_jsonl("out.jsonl")]
    assert [r["id"] for b in batches for r in b] == list(range(40))
    assert all(sum(len(json.dumps(r)) for r in b) <= 300 for b in batches) and all(len(b) > 1 for b in batches[:-1])


@pytest.mark.parametrize("window, desc", [(None, False), (None, True), (64, False), (64, True)])
def test_sorted_records_are_the_same_records(hocket, window, desc):
    options = (f"    window: {window}\n" if window else "") + ("    desc: true\n" if desc else "")
    run(hocket, f"""from: {{jsonl: in.jsonl}}
steps:
  - sort: .k
{options}  - set: {{position: $meta.position, source: $meta.source}}
to: {{jsonl: out.jsonl}}
""")
    wanted, size = [], window or 250
    for at in range(0, 250, size):
        wanted += sorted(numbers(250)[at:at + size], key=lambda r: -r["k"] if desc else r["k"])
    assert hocket.read_jsonl("out.jsonl") == [{**r, "position": r["id"] + 1, "source": "in.jsonl"} for r in wanted]


def test_children_come_back_in_their_order(hocket):
    run(hocket, """from: {jsonl: in.jsonl}
steps:
  - emit: .parts[]
  - where: .x != 1
  - set: {y: .x * 2}
  - join: .parts
to: {jsonl: out.jsonl}
""")
    assert hocket.read_jsonl("out.jsonl") == [
        {**r, "parts": [{**p, "y": p["x"] * 2} for p in r["parts"] if p["x"] != 1]} for r in numbers(250)]


def test_joins_are_brackets(hocket):
    run(hocket, """from: {jsonl: in.jsonl}
steps:
  - emit: '.id as $id | .parts[] | {x, id: $id}'
  - emit: 'range(.x) | {z: .}'
  - join: .inner
  - join: .outer
to: {jsonl: out.jsonl, fields: [id, outer]}
""", n=20)
    assert hocket.read_jsonl("out.jsonl") == [
        {"id": i, "outer": [{"x": x, "id": i, "inner": [{"z": z} for z in range(x)]} for x in range(i % 4)]} for i in range(20)]


class Broken:
    """Answers 422 to what is broken; remembers what it was asked."""

    def __init__(self, *broken):
        self.broken, self.asked = set(broken), []
        self.lock = threading.Lock()

    def __call__(self, path, attempt):
        with self.lock:
            self.asked.append(path)
        return (422, {}, b"it is broken") if path in self.broken else {"path": path}


JOINED = """from: {{jsonl: in.jsonl}}
steps:
  - emit: '.id as $id | .parts[] | {{x, id: $id}}'
  - http: {base}/part/\\(.id)/\\(.x)
    result: .got = $res.body.path
  - join: .parts
    missing: {missing}
to: {{sqlite: out.db, table: t, key: id}}
"""


@pytest.mark.parametrize("missing", ["dead", "skip", "null"])
def test_a_dead_child(hocket, missing):
    text = JOINED
    broken = Broken("/part/3/1", "/part/7/0", "/part/7/2")
    with far.far(broken) as server:
        result = run(hocket, text.format(base=server.base, missing=missing), n=9, code=3)
        rows = dict(sqlite3.connect(hocket.folder / "out.db").execute("SELECT id, parts FROM t"))
        dead = [json.loads(line) for line in hocket("dead", "export", "pipe.yaml").out.splitlines()]
        if missing == "dead":
            assert sorted(rows) == [0, 1, 2, 4, 5, 6, 8]
            assert [(d["step"], d["class"], d["record"]["id"], d["at_step"] == d["record"]) for d in dead] == [
                ("emit", "status(422)", 3, True), ("emit", "status(422)", 7, True)]
            assert "2 of the 3 that it was made into failed at 'http'" in dead[0]["message"]
        else:
            hole = [None] if missing == "null" else []
            assert [p and p["x"] for p in json.loads(rows[3])] == [0] + hole + [2]
            assert [p and p["x"] for p in json.loads(rows[7])] == hole + [1] + hole
            assert len(dead) == 3 and all(d["step"] == "http" for d in dead)
        assert result.account["dead"] == len(dead)
        broken.broken.clear()
        again = hocket("dead", "replay", "pipe.yaml")
        rows = dict(sqlite3.connect(hocket.folder / "out.db").execute("SELECT id, parts FROM t"))
    if missing == "dead":
        assert again.code == 0, again.err
        assert [len(json.loads(rows[i])) for i in range(9)] == [i % 4 for i in range(9)]
    else:  # their records went on without them
        assert again.code == 3 and "went on without it" in again.err, again.err
        assert len(rows) == 9


BATCHED = """from: {{jsonl: in.jsonl}}
steps:
  - http: {base}/one/\\(.id)
    result: .got = $res.body.path
  - batch: 10
  - map: {{first: '.items[0].id', ids: '[.items[].id]', id: $meta.id}}
  - http: {base}/batch/\\(.first)
    result: .got = $res.body.path
to: {{sqlite: out.db, table: t}}
"""


def batches(hocket):
    rows = sqlite3.connect(hocket.folder / "out.db").execute("SELECT first, ids FROM t ORDER BY rowid")
    return [(first, json.loads(ids)) for first, ids in rows]


def test_what_dies_behind_a_batch_is_the_batch_and_goes_on_there(hocket):
    broken = Broken("/batch/20", "/one/33")
    with far.far(broken) as server:
        run(hocket, BATCHED.format(base=server.base), n=50, code=3)
        dead = [json.loads(line) for line in hocket("dead", "export", "pipe.yaml").out.splitlines()]
        assert [(d["step"], d["source"]) for d in dead] == [("http", "in.jsonl"), ("http 2", "step batch")]
        assert [r["id"] for r in dead[1]["record"]["items"]] == list(range(20, 30))
        assert dead[1]["at_step"]["ids"] == list(range(20, 30))
        broken.broken.clear()
        broken.asked.clear()
        replay = hocket("dead", "replay", "pipe.yaml")
        assert replay.code == 0, replay.err
    kept = [i for i in range(50) if i != 33]
    first = [kept[at:at + 10] for at in range(0, 49, 10)]
    assert sorted(batches(hocket)) == sorted([(b[0], b) for b in first] + [(33, [33])])
    assert sorted(broken.asked) == ["/batch/20", "/batch/33", "/one/33"]
    assert hocket("verify", "pipe.yaml").code == 0


def test_a_run_that_is_stopped_keeps_what_it_holds(hocket):
    began = threading.Event()

    def slow(path, attempt):
        if path == "/one/45":
            began.set()
            threading.Event().wait(1.5 * SLOW)
        return {"path": path}

    with far.far(slow) as server:
        hocket.write_jsonl("in.jsonl", numbers(100))
        hocket.write("pipe.yaml", BATCHED.format(base=server.base).replace("/one/\\(.id)", "/one/\\(.id)\n    concurrency: 1"))
        process = hocket.start("run", "pipe.yaml", "--grace", "0s")
        assert began.wait(20 * SLOW)
        process.send_signal(signal.SIGTERM)
        stopped = hocket.finish(process)
        assert stopped.code == 75, stopped.err
        shown = hocket("state", "show", "pipe.yaml").out
        assert "5 records that steps hold" in shown and "step batch: " in shown, shown
        assert hocket("verify", "pipe.yaml").code == 0
        assert hocket("run", "pipe.yaml").code == 0
    assert batches(hocket) == [(at, list(range(at, at + 10))) for at in range(0, 100, 10)]


def test_a_limit_closes_the_last_window(hocket):
    hocket.write_jsonl("in.jsonl", numbers(30))
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nsteps:\n  - batch: 10\nto: {sqlite: out.db, table: t}\n")
    assert hocket("run", "pipe.yaml", "--limit", "13").code == 0
    assert hocket("run", "pipe.yaml").code == 0
    rows = sqlite3.connect(hocket.folder / "out.db").execute("SELECT items FROM t ORDER BY rowid")
    assert [[r["id"] for r in json.loads(items)] for items, in rows] == [
        list(range(10)), [10, 11, 12], list(range(13, 23)), list(range(23, 30))]


def test_linger_closes_a_batch_while_more_may_come(hocket):
    hocket.write("pipe.yaml", "from: stdin\nsteps:\n  - batch: 100\n    linger: 100ms\nto: stdout\n")
    process = hocket.start("run", "pipe.yaml", "-q", stdin=subprocess.PIPE)
    process.stdin.write('{"a":1}\n{"a":2}\n')
    process.stdin.flush()
    first = json.loads(process.stdout.readline())  # the input has not ended
    process.stdin.write('{"a":3}\n')
    rest = hocket.finish(process)
    seen = first["items"] + [r for line in rest.out.splitlines() for r in json.loads(line)["items"]]
    assert rest.code == 0 and seen == [{"a": 1}, {"a": 2}, {"a": 3}], rest.err


def test_blobs_stay_with_their_records(hocket):
    with far.far(lambda path, attempt: (200, {"Content-Type": "image/png"}, path.encode())) as server:
        run(hocket, f"""from: {{jsonl: in.jsonl}}
steps:
  - http: {server.base}/image/\\(.id)
    as: blob
    into: .image
  - batch: 3
  - emit: .items[]
  - http: POST {server.base}/put/\\(.id)
    body: \\(.image)
to: {{jsonl: out.jsonl}}
""", n=7)
    names = [r["image"]["$blob"] for r in hocket.read_jsonl("out.jsonl")]
    assert len(set(names[:3])) == 3


@pytest.mark.parametrize("steps, said", [
    ("  - join: .a\n", "'join' has no 'emit' before it"),
    ("  - emit: .a[]\n  - batch: 2\n  - join: .a\n", "'join' has no 'emit' between 'batch' and itself"),
    ("  - emit: .a[]\n  - join: .a\n  - join: .b\n", "'join' has no 'emit' before it"),
    ("  - batch: many\n", "'batch'"),
    ("  - sort: .a\n    window: 0\n", "'window'"),
])
def test_mistakes_are_told_before_anything_runs(hocket, steps, said):
    hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n{steps}to: {{jsonl: out.jsonl}}\n")
    result = hocket("check", "pipe.yaml")
    assert result.code == 78 and said in result.err, result.err


def test_a_rewound_run_makes_its_batches_anew(hocket):
    run(hocket, "from: {jsonl: in.jsonl}\nsteps:\n  - batch: 10\nto: {sqlite: out.db, table: t}\n", n=25)
    rewound = hocket("state", "rewind", "pipe.yaml", "--to", "12")
    assert rewound.code == 0, rewound.err
    again = hocket("run", "pipe.yaml")
    assert again.code == 0, again.err
    rows = sqlite3.connect(hocket.folder / "out.db").execute("SELECT items FROM t ORDER BY rowid")
    assert [[r["id"] for r in json.loads(items)] for items, in rows] == [
        list(range(10)), list(range(10, 20)), list(range(20, 25)), list(range(12, 22)), [22, 23, 24]]
    assert hocket("verify", "pipe.yaml").code == 0
