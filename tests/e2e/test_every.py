"""`every:`: rounds that never end, killed and stopped; the judges are what the far side gave and what stands in the output."""
import contextlib
import json
import signal
import sqlite3
import time
import urllib.parse

import pytest

import smtp
from conftest import SLOW
from far import far

FILES = "from: {jsonl: in.jsonl, every: 100ms}\nto: {jsonl: out.jsonl}\n"


class Endless:
    """A run in the background, until it is stopped or killed."""

    def __init__(self, hocket, *flags, name="pipe.yaml"):
        self.hocket = hocket
        self.process = hocket.start("run", name, *flags)

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds * SLOW
        while not condition():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.005)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.hocket.finish(self.process)

    def kill(self):
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def endless(hocket, text=None, *flags):
    if text:
        hocket.write("pipe.yaml", text)
    run = Endless(hocket, *flags)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.kill()


def lines(hocket, name="out.jsonl"):
    path = hocket.folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def numbers(hocket, name="out.jsonl"):
    return [line["n"] for line in lines(hocket, name)]


def add(hocket, first, n, name="in.jsonl"):
    with open(hocket.folder / name, "a") as f:
        f.write("".join(json.dumps({"n": i}) + "\n" for i in range(first, first + n)))


# ---- files ----------------------------------------------------------------------------------------------------------


def test_a_file_that_grows_is_replaced_and_vanishes(hocket):
    add(hocket, 0, 3)
    with endless(hocket, FILES) as run:
        run.until(lambda: numbers(hocket) == [0, 1, 2])  # under its own name, while it runs
        assert not (hocket.folder / "out.jsonl.part").exists()
        add(hocket, 3, 2)
        run.until(lambda: len(lines(hocket)) == 5)
        hocket.write_jsonl("new.jsonl", [{"n": 100}])
        (hocket.folder / "new.jsonl").rename(hocket.folder / "in.jsonl")
        run.until(lambda: len(lines(hocket)) == 6)
        (hocket.folder / "in.jsonl").rename(hocket.folder / "away.jsonl")
        time.sleep(0.3)
        (hocket.folder / "away.jsonl").rename(hocket.folder / "in.jsonl")
        add(hocket, 101, 1)
        run.until(lambda: len(lines(hocket)) == 7)
        result = run.stop()
    assert result.code == 0, result.err
    assert numbers(hocket) == [0, 1, 2, 3, 4, 100, 101]
    assert "'in.jsonl' has other content than before: it is read from its beginning" in result.err
    assert result.err.count("no such file") <= 1  # told once, however many rounds
    assert "rounds; the same command goes on" in result.err
    assert hocket("verify", "pipe.yaml").code == 0


def test_files_that_come_to_a_pattern(hocket):
    add(hocket, 0, 1, "a.in")
    with endless(hocket, "from: {jsonl: '*.in', every: 100ms}\nto: {jsonl: out.jsonl}\n") as run:
        run.until(lambda: numbers(hocket) == [0])
        add(hocket, 1, 1, "b.in")
        run.until(lambda: numbers(hocket) == [0, 1])
        (hocket.folder / "a.in").unlink()
        add(hocket, 2, 1, "c.in")
        run.until(lambda: numbers(hocket) == [0, 1, 2])
        add(hocket, 3, 1, "d.in")  # the round behind the one that missed it
        run.until(lambda: numbers(hocket) == [0, 1, 2, 3])
        result = run.stop()
    assert result.code == 0
    assert result.err.count("'a.in' is gone; what was read of it stays") == 1


@pytest.mark.parametrize("to", ["{jsonl: out.jsonl}", "{jsonl: 'out/\\(.n % 2).jsonl'}", "{sqlite: out.db, table: rows}",
                                "{csv: out.csv}", "[{sqlite: out.db, table: rows}, {jsonl: out.jsonl}]"])
def test_killed_in_and_between_rounds(hocket, to):
    def got():
        if "sqlite" in to:
            if not (hocket.folder / "out.db").exists():
                return []
            with contextlib.suppress(sqlite3.OperationalError), sqlite3.connect(hocket.folder / "out.db") as db:
                return sorted(n for n, in db.execute("SELECT n FROM rows"))
            return []
        if "csv" in to:
            path = hocket.folder / "out.csv"
            return [int(n) for n in path.read_text().split()[1:]] if path.exists() else []
        names = ["out.jsonl"] if "\\" not in to else ["out/0.jsonl", "out/1.jsonl"]
        with contextlib.suppress(ValueError):  # read while a line is being written
            return sorted(n for name in names for n in numbers(hocket, name))
        return []

    text = f"from: {{jsonl: in.jsonl, every: 20ms}}\nto: {to}\n"
    add(hocket, 0, 20)
    for kill in range(1, 6):
        with endless(hocket, text) as run:
            run.until(lambda: len(got()) >= 20 * kill - 10)
            add(hocket, 20 * kill, 10)
            run.until(lambda: len(got()) > 20 * kill - 10)
            add(hocket, 20 * kill + 10, 10)
            run.kill()
    with endless(hocket, text) as run:
        run.until(lambda: len(got()) >= 120)
        assert run.stop().code == 0
    assert got() == list(range(120))
    assert to[0] != "[" or numbers(hocket) == list(range(120))
    assert hocket("verify", "pipe.yaml").code == 0


@pytest.mark.parametrize("case", ["nothing below", "some below", "grown"])
def test_replaced_while_lines_behind_the_mark_are_done(hocket, case):
    """Killed with one record on its way and all behind it done: of another file of that name these are not done."""
    held = 0 if case == "nothing below" else 3

    def answer(path, attempt):
        while path == f"/{held}" and not let_go:
            time.sleep(0.005)
        return {}

    let_go = []
    add(hocket, 0, 20)
    with far(answer) as server:
        text = (f"from: {{jsonl: in.jsonl, every: 50ms}}\nsteps:\n  - http: {server.base}/\\(.n)\n    timeout: 20s\n"
                "    into: .got\nto: {jsonl: out.jsonl}\n")
        with endless(hocket, text) as run:
            mark = f"in.jsonl: {held} done and {19 - held} above that"
            run.until(lambda: mark in hocket("state", "show", "pipe.yaml").out)  # the lines in the output come before their mark
            run.kill()
        let_go.append(True)
        if case == "grown":
            add(hocket, 20, 5)
        else:
            (hocket.folder / "in.jsonl").unlink()
            if held:  # as it was up to the mark
                add(hocket, 0, held)
            add(hocket, 100, 30)
        with endless(hocket) as run:
            run.until(lambda: len(lines(hocket)) >= {0: 49, 3: 25 if case == "grown" else 52}[held])
            result = run.stop()
        assert result.code == 0, result.err
        told = "'in.jsonl' has other content than before: it is read from its beginning" in result.err
        got = sorted(numbers(hocket))
        if case == "grown":
            assert not told and got == list(range(25))
        else:
            assert told
            assert got == sorted([n for n in range(20) if n != held] + list(range(held)) + list(range(100, 130)))
    assert hocket("verify", "pipe.yaml").code == 0


# ---- lists that are asked for ---------------------------------------------------------------------------------------


class Growing:
    """/items?from=N: those from N on, two a page; each time that somebody asks for a first page there are three more."""

    def __init__(self):
        self.size, self.given = 0, 0

    def __call__(self, path, attempt):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        first, page = int(query.get("from", 0)), int(query.get("page", 0))
        if page == 0:
            self.size += 3
        at = first + 2 * page
        items = [{"id": i} for i in range(at, min(at + 2, self.size))]
        self.given = max(self.given, at + len(items))
        time.sleep(0.005)
        more = f"/items?from={first}&page={page + 1}" if at + 2 < self.size else None
        return {"items": items, "next": more}


def test_what_came_since_is_asked_for_and_arrives_once(hocket):
    def rows():
        with contextlib.suppress(sqlite3.OperationalError), sqlite3.connect(hocket.folder / "out.db") as db:
            return [i for i, in db.execute("SELECT id FROM rows ORDER BY rowid")]
        return []

    api = Growing()
    with far(api) as server:
        text = (f"from:\n  http: {server.base}/items\n  each: .items[]\n  pages: {{next: .next}}\n"
                "  since: {query: from, from: .id}\n  every: 30ms\nto: {sqlite: out.db, table: rows}\n")
        for kill in range(1, 6):  # by what the far side was asked
            with endless(hocket, text) as run:
                before = sum(server.asked.values())
                run.until(lambda: sum(server.asked.values()) >= before + 4 + kill)
                run.kill()
        with endless(hocket) as run:
            before = sum(server.asked.values())
            run.until(lambda: sum(server.asked.values()) >= before + 6)
            assert run.stop().code == 0
        once = hocket("run", "pipe.yaml", "--once")
        assert once.code == 0, once.err
    assert rows() == list(range(len(rows())))
    assert len(rows()) == api.given


def test_a_whole_list_comes_in_each_round(hocket):
    def answer(path, attempt):
        time.sleep(0.01)
        page = int(path[-1])
        return {"items": [{"id": 2 * page}, {"id": 2 * page + 1}], "next": f"/{page + 1}" if page < 2 else None}

    with far(answer) as server:
        text = (f"from:\n  http: {server.base}/0\n  each: .items[]\n  pages: {{next: .next}}\n  every: 50ms\n"
                "to: {jsonl: out.jsonl}\n")
        for kill in range(1, 5):
            with endless(hocket, text) as run:
                before = sum(server.asked.values())
                run.until(lambda: sum(server.asked.values()) >= before + 3 + kill)
                run.kill()
        assert hocket("run", "pipe.yaml", "--once").code == 0  # goes on in the round it was in, and ends with it
        ids = [line["id"] for line in lines(hocket)]
        assert ids == list(range(6)) * (len(ids) // 6)
        assert len(ids) // 6 <= server.asked["/0"]


def test_a_far_side_that_is_away_does_not_end_it(hocket):
    state = {"away": False}

    def answer(path, attempt):
        return (503, {}, b"") if state["away"] else [{"n": attempt}]

    with far(answer) as server:
        text = f"from: {{http: {server.base}/, retry: 0, every: 50ms}}\nto: {{jsonl: out.jsonl}}\n"
        with endless(hocket, text) as run:
            run.until(lambda: len(lines(hocket)) >= 2)
            state["away"] = True
            before = sum(server.asked.values())
            run.until(lambda: sum(server.asked.values()) >= before + 3)
            state["away"] = False
            seen = len(lines(hocket))
            run.until(lambda: len(lines(hocket)) >= seen + 2)
            result = run.stop()
        assert result.code == 0
        assert result.err.count("503; the next round tries again") == 1


# ---- how it ends ----------------------------------------------------------------------------------------------------


def test_exit_codes_and_summary(hocket):
    hocket.write("in.jsonl", '{"n": 1}\n[2]\n')
    for how in (signal.SIGTERM, signal.SIGINT):
        with endless(hocket, FILES, "--summary", "json") as run:
            run.until(lambda: len(lines(hocket)) == 1)
            time.sleep(0.2)
            result = run.stop(how)
        assert result.code == (3 if how == signal.SIGTERM else 0)  # the letter is of the first part
        assert result.summary["rounds"] >= 1 and result.summary["end"] == "stopped_early"
        assert result.summary["left"] == 0


def test_the_first_moment_of_cron_and_once(hocket):
    add(hocket, 0, 2)
    text = 'from: {jsonl: in.jsonl, every: {cron: "0 6 29 2 *", zone: Europe/Berlin}}\nto: {jsonl: out.jsonl}\n'
    with endless(hocket, text) as run:
        time.sleep(0.5)
        assert run.stop().code == 0
    assert lines(hocket) == []
    assert hocket("run", "pipe.yaml", "--once").code == 0
    assert numbers(hocket) == [0, 1]
    assert "nothing new" in hocket("run", "pipe.yaml", "--once").err
    said = hocket("check", "pipe.yaml")
    assert said.code == 0 and "read cron '0 6 29 2 *' in Europe/Berlin: " in said.out
    assert said.out.count("-02-29 06:00 +01:00") == 3


def test_behind_a_finished_run_and_back(hocket):
    add(hocket, 0, 2)
    hocket.write("pipe.yaml", FILES)
    assert hocket("run", "pipe.yaml", "--once").code == 0
    add(hocket, 2, 1)
    with endless(hocket) as run:
        run.until(lambda: numbers(hocket) == [0, 1, 2])
        run.kill()
    add(hocket, 3, 1)
    assert hocket("run", "pipe.yaml", "--once").code == 0
    assert numbers(hocket) == [0, 1, 2, 3]
    add(hocket, 4, 1)
    until = hocket("run", "pipe.yaml", "--until", "500ms")
    assert until.code == 0, until.err
    assert numbers(hocket) == [0, 1, 2, 3, 4]


def test_what_cannot_be(hocket):
    add(hocket, 0, 1)
    said = hocket.run("from: {jsonl: in.jsonl, every: 1h}\nto: {parquet: out.parquet}\n")
    assert said.code == 78 and ("can be read only when the run has ended" in said.err or "libduckdb" in said.err)
    said = hocket.run("from: {webhook: '127.0.0.1:0/x'}\nto: stdout\n", "--once")
    assert said.code == 2 and "--until" in said.err
    said = hocket.run("from: {jsonl: in.jsonl, every: 30x}\nto: {jsonl: out.jsonl}\n")
    assert said.code == 78 and "'30x' is no duration: one number and one of s, m, h, d" in said.err and "five" not in said.err


# ---- changed while it stood still -----------------------------------------------------------------------------------


def test_other_steps_go_on_behind_what_was_read(hocket):
    add(hocket, 0, 2)
    with endless(hocket, FILES) as run:
        run.until(lambda: len(lines(hocket)) == 2)
        assert run.stop().code == 0
    changed = FILES.replace("to:", "steps:\n  - set: {new: true}\nto:")
    add(hocket, 2, 1)
    with endless(hocket, changed) as run:
        run.until(lambda: len(lines(hocket)) == 3)
        run.kill()
    assert lines(hocket) == [{"n": 0}, {"n": 1}, {"n": 2, "new": True}]
    refused = hocket.run(FILES)
    assert refused.code == 1 and "stop it in order" in refused.err
    with endless(hocket, changed) as run:
        time.sleep(0.3)
        assert run.stop().code == 0
    refused = hocket.run(FILES.replace("in.jsonl", "other.jsonl"))
    assert refused.code == 1


def test_other_steps_between_runs_of_one_round(hocket):
    """With --once, a step that was mended does not call for all records again."""
    text = "from: {jsonl: in.jsonl, every: 1h}\nsteps:\n  - http: POST %s/\\(.n)\n    into: .got\n%sto: {jsonl: out.jsonl}\n"
    with far(lambda path, attempt: {}) as server:
        add(hocket, 0, 3)
        assert hocket.run(text % (server.base, ""), "--once").code == 0
        add(hocket, 3, 2)
        r = hocket.run(text % (server.base, "  - set: {new: 'true'}\n"), "--once")
        assert r.code == 0 and "was changed since its last run (step 'set' is new): going on behind what it has read" in r.err
        assert numbers(hocket) == [0, 1, 2, 3, 4] and len(server.asked) == sum(server.asked.values()) == 5
        refused = hocket.run(text.replace("out.jsonl", "other.jsonl") % (server.base, ""), "--once")
        assert refused.code == 1 and "'http' is paid for again" in refused.err and sum(server.asked.values()) == 5


def test_another_subject_does_not_send_all_mails_again(hocket):
    text = "from: {jsonl: in.jsonl, every: 1h}\nto: {smtp: $secret.SMTP_URL, from: a@example.org, to: b@example.org, subject: %s, text: '.n | tostring'}\n"
    with smtp.server() as server:
        hocket.env["SMTP_URL"] = server.url
        add(hocket, 0, 3)
        assert hocket.run(text % "Nwes", "--once").code == 0
        add(hocket, 3, 2)
        r = hocket.run(text % "News", "--once")
        assert r.code == 0 and "(to 'smtp'): going on behind what it has read" in r.err, r.err
        assert sorted((m.message["subject"], m.message.get_content().strip()) for m in server.mails) == [
            *(("News", str(n)) for n in (3, 4)), *(("Nwes", str(n)) for n in (0, 1, 2))]
        refused = hocket.run((text % "News").replace("to: {smtp", "to:\n  - {jsonl: new.jsonl}\n  - {smtp"), "--once")
        assert refused.code == 1 and "'smtp' is paid for again" in refused.err and len(server.mails) == 5


def test_dead_letters_are_copied_and_sent_again_while_it_stands_still(hocket):
    hocket.write("in.jsonl", '{"n": "1"}\n{"n": "x"}\n')
    text = ("from: {jsonl: in.jsonl, every: 100ms}\nsteps:\n  - map: '{n: (.n | tonumber)}'\ndead: dead.jsonl\n"
            "to: {jsonl: out.jsonl}\n")
    with endless(hocket, text) as run:
        run.until(lambda: (hocket.folder / "dead.jsonl").exists())  # while it runs
        assert run.stop().code == 3
    hocket.write("pipe.yaml", text.replace("(.n | tonumber)", "(.n | length)"))
    assert hocket("dead", "replay", "pipe.yaml").code == 0
    assert numbers(hocket) == [1, 1]
    with open(hocket.folder / "in.jsonl", "a") as f:
        f.write('{"n": "abc"}\n')
    with endless(hocket) as run:
        run.until(lambda: len(lines(hocket)) == 3)
        assert run.stop().code == 0
    assert numbers(hocket) == [1, 1, 3]


def test_a_folder_that_is_empty_yet(hocket):
    (hocket.folder / "in").mkdir()
    with endless(hocket, "from: {jsonl: 'in/*.jsonl', every: 50ms}\nto: {jsonl: out.jsonl}\n") as run:
        run.until(lambda: (hocket.folder / ".hocket/pipe.db").exists())
        add(hocket, 0, 2, "in/a.jsonl")
        run.until(lambda: numbers(hocket) == [0, 1])
        result = run.stop()
    assert result.code == 0
    assert result.err.count("is empty; they may come") == 1
    assert hocket("run", "pipe.yaml", "--once").code == 0
    hocket.write("other.yaml", "from: {jsonl: 'nowhere/*.jsonl'}\nto: {jsonl: out2.jsonl}\n")
    assert hocket("run", "other.yaml").code == 1
