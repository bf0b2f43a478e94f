"""hocket state and hocket verify: what they say is held against the state's rows and the outputs, before and after damage."""
import json
import signal
import sqlite3
import struct

import pytest

from far import far

PIPE = """\
from: {jsonl: in.jsonl}
to:
  - {sqlite: out.db, table: rows}
  - {jsonl: out.jsonl}
"""


@pytest.fixture
def ran(hocket):
    """Thirty records that were delivered, and one that is dead."""
    hocket.write("in.jsonl", "".join(json.dumps({"id": i}) + "\n" for i in range(30)) + "[1]\n")
    assert hocket.run(PIPE).code == 3
    return hocket


def rows(hocket):
    return [id for id, in sqlite3.connect(hocket.folder / "out.db").execute("SELECT id FROM rows ORDER BY rowid")]


def damage(hocket, sql):
    with sqlite3.connect(hocket.folder / ".hocket/pipe.db") as state:
        state.execute(sql)


def test_show_says_what_the_state_has(ran):
    said = ran("state", "show", "pipe.yaml")
    assert said.code == 0
    assert "in 31 = delivered 30 + filtered 0 + duplicate 0 + dead 1" in said.out
    assert "in.jsonl: 31 done, goes on behind line 31" in said.out
    assert "1 dead letter, 0 remembered answers" in said.out
    assert '"length":' in said.out  # the receipt of the file


def test_nothing_was_run(hocket):
    hocket.write("pipe.yaml", PIPE)
    for verb in (["state", "show"], ["state", "reset"], ["state", "rewind", "--to", "0"], ["verify"]):
        said = hocket(*verb, "pipe.yaml")
        assert said.code == 1 and "has not been run here" in said.err, verb
    assert not (hocket.folder / ".hocket").exists()
    said = hocket("state", "rewnd", "pipe.yaml")
    assert said.code == 2 and "did you mean 'state rewind'?" in said.err


def test_killed_before_there_were_tables(hocket):
    hocket.write("pipe.yaml", PIPE)
    hocket.write(".hocket/pipe.db", "")
    assert "has not been run here" in hocket("verify", "pipe.yaml").err
    assert hocket("state", "show", "pipe.yaml").code == 1


def half_made(hocket):
    """The file and its journal as a kill leaves them behind the first page and before the journal is removed."""
    with sqlite3.connect(hocket.folder / "first.db") as made:
        made.execute("CREATE TABLE IF NOT EXISTS t(x)")
    first = (hocket.folder / "first.db").read_bytes()[:4096]
    journal = struct.pack(">8s5I", bytes.fromhex("d9d505f920a163d7"), 0, 1, 0, 512, 4096).ljust(512, b"\0")
    state = hocket.folder / ".hocket"
    state.mkdir(exist_ok=True)
    (state / "pipe.db").write_bytes(first)
    (state / "pipe.db-journal").write_bytes(journal)


def test_killed_while_the_file_was_made(hocket):
    hocket.write("pipe.yaml", PIPE)
    hocket.write("in.jsonl", '{"id":1}\n')
    for verb in (["verify"], ["state", "show"], ["dead", "ls"]):
        half_made(hocket)
        said = hocket(*verb, "pipe.yaml")
        assert said.code == 1 and "has not been run here" in said.err, verb
    half_made(hocket)
    assert hocket("run", "pipe.yaml").account["in"] == 1
    assert hocket("verify", "pipe.yaml").out == "all adds up: 1 record in 1 run\n"


def test_nothing_can_be_written_beside_it(ran):
    (ran.folder / ".hocket/pipe.db-wal").mkdir()  # as in a folder that is not ours, to root as well
    for verb in (["verify"], ["state", "show"], ["dead", "ls"]):
        said = ran(*verb, "pipe.yaml")
        assert said.code == 1 and "SQLite has to write beside it" in said.err, verb


def test_reset_begins_anew_and_keeps_the_letters(ran):
    assert "nothing new" in ran("run", "pipe.yaml").err
    assert ran("state", "reset", "pipe.yaml").code == 0
    assert ran("run", "pipe.yaml").account["in"] == 31
    state = sqlite3.connect(ran.folder / ".hocket/pipe.db")
    assert state.execute("SELECT count(*) FROM dead").fetchone() == (2,)
    assert ran("verify", "pipe.yaml").out == "all adds up: 62 records in 2 runs\n"


def test_verify_knows_of_replays_and_of_letters_that_were_dropped(ran):
    assert ran("dead", "replay", "pipe.yaml").code == 3
    assert ran("verify", "pipe.yaml").out == "all adds up: 32 records in 2 runs\n"
    shown = ran("state", "show", "pipe.yaml").out
    assert "replay " in shown and shown.count("goes on behind") == 1
    assert ran("dead", "drop", "pipe.yaml", "--all").code == 0
    state = sqlite3.connect(ran.folder / ".hocket/pipe.db")
    assert state.execute("SELECT count(*) FROM dead").fetchone() == (0,)
    assert ran("verify", "pipe.yaml").code == 0


def test_rewind_does_again_what_lies_behind_the_number(ran):
    said = ran("state", "rewind", "pipe.yaml", "--to", 25)
    assert said.code == 0 and "again from number 26 on: 6 that were done" in said.out
    assert "to sqlite: rows that are there stay, and come once more" in said.out
    assert ran("verify", "pipe.yaml").code == 0
    ran.write_jsonl("more.jsonl", [{"id": 99}])
    result = ran("run", "pipe.yaml")
    assert result.account["in"] == 6
    again = list(range(30)) + list(range(25, 30))
    assert rows(ran) == again and [r["id"] for r in ran.read_jsonl("out.jsonl")] == again
    assert ran("verify", "pipe.yaml").code == 0


def test_rewind_wants_a_number_below_and_a_source(ran):
    assert "--to is missing" in ran("state", "rewind", "pipe.yaml").err
    assert "31 records are done: --to is less" in ran("state", "rewind", "pipe.yaml", "--to", 31).err
    said = ran("state", "rewind", "pipe.yaml", "--to", 3, "--source", "other.jsonl")
    assert said.code == 1 and "--source is one of 'in.jsonl'" in said.err


def test_rewind_of_one_source_of_two(hocket):
    hocket.write_jsonl("a.jsonl", [{"id": i} for i in range(5)])
    hocket.write_jsonl("b.jsonl", [{"id": i} for i in range(10, 15)])
    assert hocket.run("from: [{jsonl: a.jsonl}, {jsonl: b.jsonl}]\nto: {sqlite: out.db, table: rows}\n").code == 0
    assert "--source is one of 'a.jsonl', 'b.jsonl'" in hocket("state", "rewind", "pipe.yaml", "--to", 1).err
    assert hocket("state", "rewind", "pipe.yaml", "--to", 3, "--source", "a.jsonl").code == 0
    assert hocket("run", "pipe.yaml").account["in"] == 2
    assert rows(hocket) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 3, 4]
    assert hocket("verify", "pipe.yaml").code == 0


def test_beside_a_run(hocket):
    """show and verify look on; reset and rewind are refused, and after a kill -9 the accounts add up."""
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(400)])
    with far(lambda path, attempt: {"ok": True}) as server:
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    rate: 100/s\n"
                                  "to: {sqlite: out.db, table: rows, commit: {every: 20ms}}\n")
        process = hocket.start("run", "pipe.yaml", "-q")
        server.wait_for(30)
        assert hocket("verify", "pipe.yaml").code == 0
        shown = hocket("state", "show", "pipe.yaml")
        assert "running" in shown.out
        for verb in (["reset"], ["rewind", "--to", "1"]):
            said = hocket("state", *verb, "pipe.yaml")
            assert said.code == 1 and "another hocket is running" in said.err
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert hocket("verify", "pipe.yaml").code == 0
        assert hocket("state", "rewind", "pipe.yaml", "--to", 3).code == 0
        hocket.write("pipe.yaml", (hocket.folder / "pipe.yaml").read_text().replace("    rate: 100/s\n", ""))
        assert hocket("run", "pipe.yaml").account["in"] == 397


DAMAGES = {
    "DELETE FROM dead": "1 of its records are dead, and there are letters of 0",
    "UPDATE run SET mark = replace(mark, '\"delivered\":30', '\"delivered\":29')": "makes no sense",
    "UPDATE run SET mark = replace(mark, '\"low\":31', '\"low\":30')": "30 records are done, and it admitted 31",
    "UPDATE run SET mark = '{'": "makes no sense",
    "UPDATE run SET mark = replace(mark, '\"run\":\"2', '\"run\":\"1')": "its mark is of another run",
    "INSERT INTO note SELECT id, 'in.jsonl', 3, '', 'http', 'intent', NULL, NULL FROM run": "1 notes of records that are done were left behind",
    "INSERT INTO receipt VALUES('nobody', 'jsonl', '{}')": "1 rows are of runs that are not there",
    "INSERT INTO batch SELECT id, 0, 'in.jsonl', 3, 0, '', 0, '{}', '{}' FROM run": "1 parts of a batch of records that are done",
}


@pytest.mark.parametrize("sql", DAMAGES)
def test_verify_finds_it(ran, sql):
    assert ran("verify", "pipe.yaml").code == 0
    damage(ran, sql)
    said = ran("verify", "pipe.yaml")
    assert said.code == 4 and DAMAGES[sql] in said.err, said.err


def test_letters_of_a_replay_that_was_killed_before_it_began(ran):
    damage(ran, "UPDATE dead SET replayed_by = 'nobody'")
    said = ran("verify", "pipe.yaml")
    assert said.code == 0, said.err
    assert len(ran("dead", "export", "pipe.yaml").out.splitlines()) == 1


def test_verify_finds_a_damaged_file(ran):
    state = ran.folder / ".hocket/pipe.db"
    sqlite3.connect(state).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(state.read_bytes())
    data[len(data) // 2:len(data) // 2 + 2000] = b"\xff" * 2000
    state.write_bytes(data)
    assert ran("verify", "pipe.yaml").code == 4


def test_state_elsewhere_and_off(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(3)])
    assert hocket.run(PIPE + "state: kept/here.db\n").code == 0
    assert (hocket.folder / "kept/here.db").exists() and hocket("verify", "pipe.yaml").code == 0
    assert hocket("run", "pipe.yaml", "--state", "there.db", "--fresh").code == 0
    assert hocket("verify", "pipe.yaml", "--state", "there.db").code == 0
    before = sorted(p.name for p in hocket.folder.rglob("*"))
    assert hocket("run", "pipe.yaml", "--state", "off").account["delivered"] == 3
    assert sorted(p.name for p in hocket.folder.rglob("*")) == before
    assert "V  volatile" in hocket.run(PIPE + "state: off\n").err + hocket("check", "pipe.yaml").out
    said = hocket("state", "show", "pipe.yaml")
    assert said.code == 1 and "state: off" in said.err


def test_stopped_without_a_state(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(400)])
    with far(lambda path, attempt: {"ok": True}) as server:
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    rate: 50/s\n"
                                  "to: {sqlite: out.db, table: rows}\nstate: off\n")
        process = hocket.start("run", "pipe.yaml", "--grace", "0s")
        server.wait_for(5)
        process.send_signal(signal.SIGINT)
        result = hocket.finish(process)
        assert result.code == 1 and "the state is off" in result.err, result.err


SECRETIVE = """\
from: {jsonl: in.jsonl}
steps:
  - http: %s/\\(.id)
    auth: {bearer: $secret.TOKEN}
    into: .a
to: {jsonl: out.jsonl}
"""


def test_who_only_looks_needs_no_secrets(hocket):
    def one_is_missing(path, attempt):
        return (404 if path == "/2" else 200), {}, b"{}"

    hocket.write_jsonl("in.jsonl", [{"id": 1}, {"id": 2}])
    hocket.env["TOKEN"] = "canary-of-a-token"
    with far(one_is_missing) as server:
        assert hocket.run(SECRETIVE % server.base).code == 3
        del hocket.env["TOKEN"]
        server.asked.clear()
        for verb in ("run", "check", "try", "dead replay", "run --fresh"):
            said = hocket(*verb.split(), "pipe.yaml")
            assert said.code == 78 and "secret 'TOKEN' is missing: set it in" in said.err, verb
        for verb, shows in (("state show", "in 2 = delivered 1"), ("verify", "all adds up"), ("graph", "http"),
                            ("dead ls", "status(404)"), ("dead show", "status(404)"), ("dead export", '{"id": 2}'),
                            ("state rewind --to 1", "from number 2 on"), ("dead drop --all", "")):
            said = hocket(*verb.split(), "pipe.yaml")
            assert said.code == 0 and shows in said.out and "secret" not in said.err, (verb, said)
        assert not server.asked
        hocket.env["TOKEN"] = "another-token-of-it"
        again = hocket("run", "pipe.yaml")
        assert server.asked == {"/2": 1} and "changed" not in again.err, "the same pipeline, and the same steps"


def test_where_a_placeholder_does_not_fit_the_secret_is_named(hocket):
    hocket.write("pipe.yaml", "from: {websocket: $secret.FEED}\nto: {jsonl: out.jsonl}\n")
    said = hocket("graph", "pipe.yaml")
    assert said.code == 78 and "secrets that are not set: 'FEED'" in said.err
