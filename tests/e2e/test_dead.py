"""hocket dead: what failed is listed, sent again from where it failed, exported and dropped; the far side counts."""
import json
import os
import signal
import sqlite3
import threading
import time

import far
import pytest

from conftest import SLOW

CANARY = "canary-5f1d0c7e9b"

TWO_STEPS = """from: {{jsonl: in.jsonl}}
steps:
  - http: {base}/first/\\(.id)
    into: .first
  - name: second
    http: {base}/second/\\(.id)
    retry: {{times: 0}}
    into: .second
to: {{sqlite: out.db, table: t, key: id}}
dead: dead.jsonl
"""


class Fickle:
    """Answers 422 for /second/N while N is among the broken; counts what it did."""

    def __init__(self, broken):
        self.broken = set(broken)

    def __call__(self, path, attempt):
        step, number = path.strip("/").split("/")
        if step == "second" and int(number) in self.broken:
            return 422, {}, b"it is broken"
        return {"path": path}


def ids(hocket, table="t", file="out.db"):
    return [row[0] for row in sqlite3.connect(hocket.folder / file).execute(f"SELECT id FROM {table} ORDER BY id")]


def letters(hocket, *arguments):
    result = hocket("dead", "export", "pipe.yaml", *arguments)
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def fail_some(hocket, server, n=30, text=TWO_STEPS):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(n)])
    hocket.write("pipe.yaml", text.format(base=server.base))
    result = hocket("run", "pipe.yaml")
    assert result.code == 3, result.err
    return result


def test_replay_goes_on_at_the_failed_step_and_nowhere_else(hocket):
    fickle = Fickle(range(0, 30, 4))
    with far.far(fickle) as server:
        fail_some(hocket, server)
        assert len(letters(hocket)) == 8 and len(hocket.read_jsonl("dead.jsonl")) == 8
        fickle.broken = {0}
        asked = dict(server.asked)
        result = hocket("dead", "replay", "pipe.yaml")
        assert result.code == 3, result.err
        assert result.account == {"in": 8, "delivered": 7, "filtered": 0, "duplicate": 0, "dead": 1}
        again = {path: n - asked.get(path, 0) for path, n in server.asked.items() if n != asked.get(path, 0)}
        assert again == {f"/second/{i}": 1 for i in range(0, 30, 4)}, "only the failed step is called, once"
        assert ids(hocket) == list(range(1, 30))
        [letter] = hocket.read_jsonl("dead.jsonl")  # the copy has what is dead still
        assert letter["record"] == {"id": 0} and letter["at_step"]["first"] and letter["line"] == 1
        assert [a["status"] for a in letter["attempts"]] == [422, 422]
        assert all(a["time"] and a["ms"] >= 0 and a["class"] == "status(422)" and a["message"] for a in letter["attempts"])
        fickle.broken = set()
        result = hocket("dead", "replay", "pipe.yaml")
        assert result.code == 0, result.err
        assert ids(hocket) == list(range(30))
        assert not (hocket.folder / "dead.jsonl").exists()
        assert letters(hocket) == []
        result = hocket("dead", "replay", "pipe.yaml")
        assert (result.code, "no dead letters to send again" in result.err) == (0, True)
        assert hocket("verify", "pipe.yaml").code == 0


def test_a_mended_pipeline_takes_its_letters_up(hocket):
    fickle = Fickle([3, 5])
    with far.far(fickle) as server:
        fail_some(hocket, server)
        mended = TWO_STEPS.format(base=server.base).replace("/second/\\(.id)", "/second/\\(.id + 1000)")
        hocket.write("pipe.yaml", mended)
        result = hocket("dead", "replay", "pipe.yaml")
        assert result.code == 0, result.err
        assert server.asked["/second/1003"] == server.asked["/second/1005"] == 1
        assert server.asked["/first/3"] == 1, "the step before it is not called again"
        assert ids(hocket) == list(range(30))


def test_a_step_that_is_gone_is_begun_from_the_start(hocket):
    fickle = Fickle([3])
    with far.far(fickle) as server:
        fail_some(hocket, server)
        fickle.broken = set()
        hocket.write("pipe.yaml", TWO_STEPS.format(base=server.base).replace("name: second", "name: other"))
        assert "from the start" in hocket("dead", "show", "pipe.yaml").out
        result = hocket("dead", "replay", "pipe.yaml")
        assert result.code == 0, result.err
        assert server.asked["/first/3"] == 2
        assert ids(hocket) == list(range(30))


def test_choosing_by_program_and_by_id(hocket):
    fickle = Fickle([1, 2, 3, 4])
    with far.far(fickle) as server:
        fail_some(hocket, server)
        fickle.broken = set()
        two = letters(hocket, "--where", ".record.id == 2")
        assert [letter["record"]["id"] for letter in two] == [2]
        result = hocket("dead", "replay", "pipe.yaml", two[0]["id"][:8])
        assert result.code == 0 and result.account["in"] == 1, result.err
        result = hocket("dead", "replay", "pipe.yaml", "-w", ".record.id > 2")
        assert result.code == 0 and result.account["in"] == 2, result.err
        assert [letter["record"]["id"] for letter in letters(hocket)] == [1]
        gone = hocket("dead", "show", "pipe.yaml", two[0]["id"])
        assert gone.code == 1 and "there is no dead letter" in gone.err
        assert hocket("dead", "show", "pipe.yaml", "xyz").code == 2
        assert hocket("dead", "ls", "pipe.yaml", "-w", ".class =").code == 2


def test_dropping(hocket):
    fickle = Fickle([1, 2, 3])
    with far.far(fickle) as server:
        fail_some(hocket, server)
        hocket("dead", "replay", "pipe.yaml")  # older letters of the same records
        assert hocket("dead", "drop", "pipe.yaml").code == 2
        assert len(letters(hocket)) == 3
        result = hocket("dead", "drop", "pipe.yaml", "-w", ".record.id == 1")
        assert result.code == 0 and "dropped 1 dead letter" in result.err
        assert [letter["record"]["id"] for letter in hocket.read_jsonl("dead.jsonl")] == [2, 3]
        assert hocket("dead", "drop", "pipe.yaml", "--all").code == 0
        assert letters(hocket) == [] and letters(hocket, "--all") == []
        assert not (hocket.folder / "dead.jsonl").exists()
        assert hocket("verify", "pipe.yaml").code == 0


def test_an_id_that_is_two_letters_drops_neither(hocket):
    """A daily input under the same name: record 1 of Monday and of Tuesday have one id."""
    fickle = Fickle([1])
    with far.far(fickle) as server:
        fail_some(hocket, server, 3)
        hocket.write_jsonl("in.jsonl", [{"id": i, "day": 2} for i in range(3)])
        result = hocket("run", "--fresh", "pipe.yaml")
        assert result.code == 3, result.err
        first, second = letters(hocket)
        assert first["id"] == second["id"] and first["run"] != second["run"]
        result = hocket("dead", "drop", "pipe.yaml", first["id"][:6])
        assert result.code == 1 and "is 2 dead letters" in result.err, result.err
        assert first["run"] in result.err and second["run"] in result.err and "in.jsonl:2" in result.err
        assert len(letters(hocket)) == 2
        result = hocket("dead", "replay", "pipe.yaml", first["id"][:6])
        assert result.account["in"] == 1, result.err
        assert "1 dead letter with the id of another of these waits" in result.err
        runs = [letter["run"] for letter in letters(hocket)]
        assert len(runs) == 2 and second["run"] in runs, "the older one was left alone"
        result = hocket("dead", "drop", "pipe.yaml", first["id"], "-w", f'.run == "{second["run"]}"')
        assert result.code == 0 and "dropped 1 dead letter" in result.err, result.err
        assert [letter["run"] for letter in letters(hocket)] == [run for run in runs if run != second["run"]]


CHARGE = """  - http: {base}/second/\\(.id)
    retry: {{times: 0}}
    into: .charged
"""
CHECK_FIRST = """  - http: {base}/first/\\(.id)
    into: .checked
"""


def test_a_letter_does_not_enter_at_another_step_of_its_verb(hocket):
    """It failed at its check, and the pipeline lost the check: what is 'http' now would charge."""

    def answer(path, attempt):
        return (422, {}, b"no") if path.startswith("/first/") else {"path": path}

    def write(steps):
        text = "from: {{jsonl: in.jsonl}}\nsteps:\n" + steps + "to: {{sqlite: out.db, table: t, key: id}}\n"
        hocket.write("pipe.yaml", text.format(base=server.base))

    with far.far(answer) as server:
        hocket.write_jsonl("in.jsonl", [{"id": 1}, {"id": 2}])
        write(CHECK_FIRST + CHARGE)
        assert hocket("run", "pipe.yaml").code == 3
        asked = dict(server.asked)
        write(CHARGE)
        result = hocket("dead", "replay", "pipe.yaml")
        assert result.code == 1 and "2 of these failed at 'http'" in result.err and "name: http" in result.err, result.err
        assert server.asked == asked, "nothing was charged"
        result = hocket("dead", "replay", "pipe.yaml", "-w", '.step != "http"')
        assert result.code == 0, result.err
        write(CHARGE + "    name: http\n")
        result = hocket("dead", "replay", "pipe.yaml")
        assert result.code == 0 and result.account["delivered"] == 2, result.err
        assert server.asked["/second/1"] == server.asked["/second/2"] == 1


def test_of_several_rows_of_one_record_only_the_refused_one_is_dead(hocket):
    """And when the table is mended, it alone is sent again."""
    table = sqlite3.connect(hocket.folder / "out.db")
    table.execute("CREATE TABLE t(n INTEGER, c INTEGER CHECK (c <> 3))")
    table.commit()
    hocket.write_jsonl("in.jsonl", [{"n": n} for n in range(20)])
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nsteps:\n  - emit: '{n, c: (1, 2, 3, 4)}'\n"
                 "to: {sqlite: out.db, table: t}\n")
    result = hocket("run", "pipe.yaml")
    assert result.code == 3, result.err
    assert result.account["delivered"] == 60 and result.account["dead"] == 20 and result.balances()
    assert {letter["at_step"]["c"] for letter in letters(hocket)} == {3}
    table.executescript("CREATE TABLE u(n INTEGER, c INTEGER); INSERT INTO u SELECT * FROM t; DROP TABLE t; ALTER TABLE u RENAME TO t")
    result = hocket("dead", "replay", "pipe.yaml")
    assert result.code == 0 and result.account["in"] == 20, result.err
    rows = table.execute("SELECT n, c FROM t ORDER BY n, c").fetchall()
    assert rows == [(n, c) for n in range(20) for c in (1, 2, 3, 4)]


def test_looking_beside_a_run(hocket):
    def answer(path, attempt):
        if path == "/9":
            time.sleep(3)
        return (404, {}, b"none") if path in ("/1", "/2") else {"path": path}

    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(10)])
    with far.far(answer) as server:
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    into: .a\n"
                     "to: {jsonl: out.jsonl}\n")
        process = hocket.start("run", "pipe.yaml")
        server.wait_for(10)
        deadline = time.monotonic() + 20 * SLOW
        found = 0
        while found < 2 and time.monotonic() < deadline and process.poll() is None:
            result = hocket("dead", "ls", "pipe.yaml", "--json")
            found = len(result.out.splitlines())
        locked = hocket("dead", "drop", "pipe.yaml", "--all")
        assert found == 2
        assert locked.code == 1 and "another hocket is running this pipeline" in locked.err
        assert hocket.finish(process).code == 3


def test_outputs_are_added_to(hocket):
    """Files that are whole get more lines; and the next run of the pipeline goes on behind them."""
    fickle = Fickle([1, 2])
    with far.far(fickle) as server:
        text = TWO_STEPS.replace("{{sqlite: out.db, table: t, key: id}}", "{{jsonl: out.jsonl}}")
        fail_some(hocket, server, text=text)
        fickle.broken = set()
        assert hocket("dead", "replay", "pipe.yaml").code == 0
        got = [r["id"] for r in hocket.read_jsonl("out.jsonl")]
        assert got[:28] == [0, *range(3, 30)] and sorted(got[28:]) == [1, 2]
        result = hocket("run", "pipe.yaml")
        assert result.code == 0 and "nothing new" in result.err, result.err
        with open(hocket.folder / "in.jsonl", "a", encoding="utf-8") as f:
            f.write('{"id": 30}\n')
        result = hocket("run", "pipe.yaml")
        assert result.code == 0, result.err
        assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == [*got, 30]


def test_killed_in_mid_replay(hocket):
    """kill -9 again and again: each letter is delivered once, and the calls that were answered for are not made again."""
    n = 60
    fickle = Fickle(i for i in range(n) if i % 3)
    with far.far(fickle) as server:
        text = TWO_STEPS.replace("dead: dead.jsonl\n", "").replace(
            "to: {{sqlite: out.db, table: t, key: id}}",
            "to:\n  - {{sqlite: out.db, table: t, commit: {{every: 1ms}}}}\n  - {{jsonl: out.jsonl}}")
        fail_some(hocket, server, n, text)

        def slow(path, attempt):
            time.sleep(0.02)
            return {"path": path}

        server.answer = slow
        kills = 0
        for part in range(30):
            before = sum(server.asked.values())
            process = hocket.start("dead", "replay", "pipe.yaml")
            if part >= 6:
                result = hocket.finish(process)
                break
            deadline = time.monotonic() + 5 * SLOW
            while sum(server.asked.values()) < before + 12 and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.002)
            time.sleep(0.05 * part)
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
            process.communicate()
        assert result.code == 0, result.err
        assert kills >= 1
        assert ids(hocket) == list(range(n)), "in the table: once each"
        assert sorted(r["id"] for r in hocket.read_jsonl("out.jsonl")) == list(range(n)), "in the file: once each"
        assert all(count == 1 for path, count in server.asked.items() if path.startswith("/first/"))
        assert letters(hocket) == []
        assert hocket("verify", "pipe.yaml").code == 0


def test_a_run_waits_for_a_replay_that_was_cut_off(hocket):
    fickle = Fickle(range(1, 20))
    with far.far(fickle) as server:
        fail_some(hocket, server, text=TWO_STEPS.replace("{{sqlite: out.db, table: t, key: id}}", "{{jsonl: out.jsonl}}"))
        server.answer = lambda path, attempt: time.sleep(0.3) or {"path": path}
        before = sum(server.asked.values())
        process = hocket.start("dead", "replay", "pipe.yaml")
        server.wait_for(before + 5)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        result = hocket("run", "pipe.yaml", "--fresh")
        assert result.code == 1 and "hocket dead replay pipe.yaml" in result.err, result.err
        assert "was cut off" in hocket("dead", "ls", "pipe.yaml").out
        assert hocket("dead", "replay", "pipe.yaml").code == 0
        assert sorted(r["id"] for r in hocket.read_jsonl("out.jsonl")) == list(range(30))


def test_a_replay_that_cannot_go_on_is_given_up(hocket):
    fickle = Fickle(range(1, 20))
    with far.far(fickle) as server:
        fail_some(hocket, server, text=TWO_STEPS.replace("{{sqlite: out.db, table: t, key: id}}", "{{jsonl: out.jsonl}}"))
        server.answer = lambda path, attempt: time.sleep(2 if path.endswith("19") else 0.05) or {"path": path}
        before = sum(server.asked.values())
        process = hocket.start("dead", "replay", "pipe.yaml")
        server.wait_for(before + 5)
        part, whole = hocket.folder / "out.jsonl.part", (hocket.folder / "out.jsonl").stat().st_size
        deadline = time.monotonic() + 20 * SLOW
        while part.stat().st_size <= whole and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        part.unlink()  # with what the replay has put into it
        result = hocket("dead", "replay", "pipe.yaml", "--fresh")
        assert result.code == 0 and result.account["in"] == 19, result.err
        assert sorted(r["id"] for r in hocket.read_jsonl("out.jsonl")) == list(range(30))
        assert hocket("verify", "pipe.yaml").code == 0


def test_interrupted_it_leaves_the_rest_dead(hocket):
    fickle = Fickle(i for i in range(30) if i % 3)
    with far.far(fickle) as server:
        fail_some(hocket, server, text=TWO_STEPS.replace("retry:", "concurrency: 2\n    retry:"))
        server.answer = lambda path, attempt: time.sleep(0.2) or {"path": path}
        before = sum(server.asked.values())
        process = hocket.start("dead", "replay", "pipe.yaml")
        server.wait_for(before + 4)
        process.send_signal(signal.SIGINT)
        result = hocket.finish(process)
        assert result.code == 75, result.err
        assert "dead as before" in result.err
        assert len(letters(hocket)) == 30 - len(ids(hocket)) > 0
        assert hocket("dead", "replay", "pipe.yaml").code == 0
        assert ids(hocket) == list(range(30))
        assert hocket("verify", "pipe.yaml").code == 0


def test_interrupted_it_pays_for_nothing_twice(hocket):
    """Ctrl-C while calls without a key are under way: their answers, and what is unknown of them, outlive the replay."""
    gate, mended = threading.Event(), threading.Event()

    def answer(path, attempt):
        if not mended.is_set():
            return (400, {}, b"{}") if path >= "/3" else {}
        if path == "/3":
            gate.wait(20)
        return {"path": path}

    with far.far(answer) as server:
        hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(6)])
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: POST {server.base}/\\(.id)\n    body: {{}}\n"
                     "    into: .a\nto: {jsonl: out.jsonl}\n")
        assert hocket("run", "pipe.yaml").account["dead"] == 3
        mended.set()
        server.asked.clear()
        process = hocket.start("dead", "replay", "pipe.yaml", "--grace", "500ms")
        server.wait_for(3)
        process.send_signal(signal.SIGINT)
        assert hocket.finish(process).code == 75
        gate.set()
        assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == [0, 1, 2], "as before, until it is whole"
        assert "finishes it first" in hocket("run", "pipe.yaml").err
        result = hocket("dead", "replay", "pipe.yaml")
        assert server.asked == {"/3": 1, "/4": 1, "/5": 1}, "paid again"
        assert result.account == {"in": 3, "delivered": 2, "filtered": 0, "duplicate": 0, "dead": 1}, result.err
        assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == [0, 1, 2, 4, 5]
        [letter] = letters(hocket)
        assert letter["class"] == "unknown_outcome" and letter["record"] == {"id": 3}
        assert "nothing new" in hocket("run", "pipe.yaml").err
        assert hocket("verify", "pipe.yaml").code == 0
        result = hocket("dead", "replay", "pipe.yaml")
        assert result.code == 0 and "1 of these may have been done already" in result.err, result.err


def test_no_secret_is_told_and_the_record_is_untouched(hocket):
    """Servers echo what they were sent."""
    def echo(path, attempt):
        return 403, {}, f"not allowed: {CANARY}".encode()

    hocket.write_jsonl("in.jsonl", [{"id": 1, "note": f"mine: {CANARY}"}])
    hocket.env["TOKEN"] = CANARY
    with far.far(echo) as server:
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n"
                     "    auth: {bearer: $secret.TOKEN}\n    into: .a\nto: {jsonl: out.jsonl}\n")
        assert hocket("run", "pipe.yaml").code == 3
        hocket("dead", "replay", "pipe.yaml")
        [letter] = letters(hocket)
        assert CANARY in letter.pop("record")["note"] and CANARY in letter.pop("at_step")["note"]
        assert CANARY not in json.dumps(letter) and "not allowed: ***" in letter["message"]
        assert CANARY not in hocket("dead", "ls", "pipe.yaml").out


def test_control_characters_do_not_reach_the_terminal(hocket):
    with far.far(lambda path, attempt: (404, {}, b"\x1b[31mred\x07")) as server:
        hocket.write_jsonl("in.jsonl", [{"id": 1}])
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    into: .a\n"
                     "to: {jsonl: out.jsonl}\n")
        hocket("run", "pipe.yaml")
        for verb in ("ls", "show"):
            assert not any(c < " " and c != "\n" for c in hocket("dead", verb, "pipe.yaml").out)


def test_the_folder_was_never_run(hocket):
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nto: {jsonl: out.jsonl}\n")
    result = hocket("dead", "ls", "pipe.yaml")
    assert result.code == 1 and "has not been run here" in result.err
    assert not os.path.exists(hocket.folder / ".hocket")


def test_a_replay_says_that_text_is_no_record(hocket):
    hocket.write("in.csv", "id,name\n1,a\n2,b,c\n3,d\n")
    assert hocket.run("from: {csv: in.csv}\nto: {jsonl: out.jsonl}\n").code == 3
    r = hocket("dead", "replay", "pipe.yaml")
    assert '1 of these is no record but text that could not be read' in r.err, r.err


@pytest.mark.skipif(SLOW > 1, reason="moves 40 MB many times")
def test_a_letter_of_a_large_record_is_copied_and_shown(hocket):
    """It stands in its letter twice: as it came, and as it reached the step."""
    hocket.write_jsonl("in.jsonl", [{"id": 1, "text": "x" * (40 << 20)}])
    result = hocket.run("from: {jsonl: in.jsonl}\nsteps:\n  - set: {more: 1}\n  - run: [sh, -c, 'exit 3']\n    protocol: once\n    retry: {times: 0}\n"
                        "to: {jsonl: out.jsonl}\ndead: dead.jsonl\n")
    assert result.code == 3, result.err
    letter, = hocket.read_jsonl("dead.jsonl")
    assert len(letter["record"]["text"]) == len(letter["at_step"]["text"]) == 40 << 20
    exported = hocket("dead", "export", "pipe.yaml")
    assert exported.code == 0 and json.loads(exported.out) == letter
    assert hocket("dead", "export", "--where", ".at_step.more == 1", "pipe.yaml").code == 0
