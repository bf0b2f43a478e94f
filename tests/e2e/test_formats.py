"""I12: a state that an older version wrote is read by this one: brought up to date, shown, verified, and its run gone on with.

states/format_N.sql is the dump of a state that was written by the program of then, killed in mid-run; format_N_out.sql is its
output's. A format that was released is never taken out here.
"""
import json
import os
import sqlite3

import pytest
from far import far

PIPE = """\
from: {jsonl: in.jsonl}
steps:
  - emit: '.parts[] as $part | {id, part: $part}'
  - http: http://api.example.com/\\(.id)/\\(.part)
    retry: {times: 0}
    rate: 40/s
    into: .got
to:
  - {sqlite: out.db, table: rows, commit: {rows: 4, every: 50ms}}
  - {jsonl: out.jsonl}
"""
INPUT = [{"id": i, "parts": ["a", "b", "c"][:1 + i % 3]} for i in range(20)]
DEAD = {"/1/b", "/4/a", "/9/a"}
WANTED = [(r["id"], part) for r in INPUT for part in r["parts"] if f"/{r['id']}/{part}" not in DEAD]


def load(hocket, dump, to):
    """A dump as the database that it was; then its rows are as they were."""
    to.parent.mkdir(exist_ok=True)
    sql = (os.path.join(os.path.dirname(__file__), "states", dump))
    with open(sql) as text, sqlite3.connect(to) as db:
        db.executescript(text.read().replace("@FOLDER@", str(hocket.folder)))
    return db


RUNS = {1: "20261123T001656-5a3f6c9b", 2: "20261123T025317-5bc78ab1", 3: "20261123T091334-f28bb9cd"}


@pytest.mark.parametrize("format", RUNS)
def test_a_state_of_an_older_format_is_gone_on_with(hocket, format):
    hocket.write("pipe.yaml", PIPE)
    hocket.write_jsonl("in.jsonl", INPUT)
    state = load(hocket, f"format_{format}.sql", hocket.folder / ".hocket/pipe.db")
    rows = load(hocket, f"format_{format}_out.sql", hocket.folder / "out.db").execute("SELECT id, part, got FROM rows ORDER BY rowid")
    lines = ["{" + f'"id":{id},"part":"{part}","got":{got}' + "}\n" for id, part, got in rows]
    part = hocket.write("out.jsonl.part", "".join(lines))
    state.execute("UPDATE receipt SET receipt = json_set(receipt, '$.inode', ?) WHERE sink = 'jsonl'", (part.stat().st_ino,))
    state.commit()
    state.close()

    said = hocket("state", "show", "pipe.yaml")
    assert said.code == 1 and "older hocket; the next run brings it up to date" in said.err

    with far(lambda path, attempt: (404, {}, b"none") if path in DEAD else {"path": path}) as server:
        hocket.env["HOCKET_TEST_HOSTS"] = f"api.example.com:80=127.0.0.1:{server.port}"
        result = hocket("run", "pipe.yaml")
        assert result.code == 3 and f"going on with run {RUNS[format]}" in result.err, result.err
        # What was done then is not asked for again: it was the first 11 records.
        assert {int(path.split("/")[1]) for path in server.asked} == set(range(11, 20))

    out = sqlite3.connect(hocket.folder / "out.db").execute("SELECT id, part FROM rows ORDER BY rowid").fetchall()
    assert out == WANTED and [(r["id"], r["part"]) for r in hocket.read_jsonl("out.jsonl")] == WANTED

    state = sqlite3.connect(hocket.folder / ".hocket/pipe.db")
    assert state.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() == ("4",)
    letters = state.execute("SELECT ordinal, path, record, class FROM dead ORDER BY ordinal").fetchall()
    assert [(n, path, json.loads(record)["id"]) for n, path, record, _ in letters] == [(1, "1", 1), (4, "0", 4), (9, "0", 9)]
    said = hocket("verify", "pipe.yaml")
    assert said.code == 0 and "20 records in 1 run" in said.out, said.err


HOLDS = """\
from: {jsonl: in.jsonl}
steps:
  - http: http://api.example.com/one/\\(.id)
    concurrency: 1
  - batch: 3
  - map: {first: '.items[0].id', ids: '[.items[].id] | tostring'}
  - http: http://api.example.com/batch/\\(.first)
    concurrency: 1
    into: .got
to: {sqlite: out.db, table: rows, commit: {rows: 1, every: 1ms}}
"""


def test_windows_of_an_older_format_are_gone_on_with(hocket):
    """Two of them were closed then and one was open."""
    hocket.write("pipe.yaml", HOLDS)
    hocket.write_jsonl("in.jsonl", INPUT)
    load(hocket, "format_3_held.sql", hocket.folder / ".hocket/pipe.db").close()
    load(hocket, "format_3_held_out.sql", hocket.folder / "out.db").close()
    with far(lambda path, attempt: {"path": path}) as server:
        hocket.env["HOCKET_TEST_HOSTS"] = f"api.example.com:80=127.0.0.1:{server.port}"
        result = hocket("run", "pipe.yaml")
        assert result.code == 0 and "going on with run" in result.err, result.err
        assert set(server.asked) == {f"/one/{i}" for i in range(13, 20)} | {f"/batch/{i}" for i in (6, 9, 12, 15, 18)}
    rows = sqlite3.connect(hocket.folder / "out.db").execute("SELECT ids FROM rows ORDER BY rowid")
    assert [json.loads(ids) for ids, in rows] == [list(range(at, min(at + 3, 20))) for at in range(0, 20, 3)]
    said = hocket("verify", "pipe.yaml")
    assert said.code == 0, said.err


def test_a_state_of_a_newer_format_is_left_as_it_is(hocket):
    hocket.write("pipe.yaml", PIPE)
    hocket.write_jsonl("in.jsonl", INPUT)
    path = hocket.folder / ".hocket/pipe.db"
    state = load(hocket, "format_3.sql", path)
    state.execute("UPDATE meta SET value = '1000' WHERE key = 'format'")
    state.commit()
    before = list(state.iterdump())
    state.close()
    for words in (["run", "pipe.yaml"], ["run", "pipe.yaml", "--fresh"], ["dead", "ls", "pipe.yaml"], ["state", "reset", "pipe.yaml"]):
        said = hocket(*words)
        assert said.code != 0 and "was written by a newer hocket (format 1000" in said.err, (words, said.err)
    assert list(sqlite3.connect(path).iterdump()) == before and not (hocket.folder / "out.jsonl.part").exists()
