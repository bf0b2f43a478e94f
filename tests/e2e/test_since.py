"""`since:`: a run behind a finished one asks for what came since; the judge is the server, which knows what it has and what it gave."""
import contextlib
import datetime
import json
import random
import signal
import sqlite3
import urllib.parse

import pytest

from far import far

EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)


def at(seconds):
    return (EPOCH + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Table:
    """Rows that change; GET /FORM?since=T gives those that changed at or after T, two a page, in the order of change."""

    def __init__(self, exclusive=False, newest_first=False):
        self.rows, self.asked, self.exclusive, self.newest_first = {}, [], exclusive, newest_first

    def put(self, id, seconds, **more):
        self.rows[id] = {"id": id, "t": at(seconds), **more}

    def found(self, since):
        rows = [r for r in self.rows.values() if since is None or r["t"] > since or (r["t"] == since and not self.exclusive)]
        return sorted(rows, key=lambda r: (r["t"], r["id"]), reverse=self.newest_first)

    def __call__(self, path, attempt):
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        form = url.path[1:]
        if form == "job":
            return {}
        self.asked.append(query.get("since"))
        start = int(query.get("from", 0)) if form != "page" else (int(query["from"]) - 1) * 2
        rows = self.found(query.get("since"))
        more = start + 2 if start + 2 < len(rows) else None
        link = urllib.parse.urlencode({**({"since": query["since"]} if "since" in query else {}), "from": more or 0})
        headers = {"Link": f"<?{link}>; rel=next"} if more else {}
        body = {"rows": rows[start:start + 2], "cursor": more, "next": more and f"?{link}"}
        return 200, headers, json.dumps(body).encode()


FORMS = {
    "all": None,
    "next": "{next: .next}",
    "link": "{link: next}",
    "page": "{page: from}",
    "offset": "{offset: from, size: 2}",
    "cursor": "{cursor: from, from: .cursor}",
}


def pipe(server, form="cursor", since="", steps="", sink="{sqlite: out.db, table: t}"):
    return (f"from:\n  http: {server.base}/{form}\n  pages: {FORMS[form]}\n  each: .rows[]\n"
            f"  since: {{query: since, from: .t{since}}}\n{steps}to: {sink}\n")


def rows(hocket, what="id"):
    with contextlib.closing(sqlite3.connect(hocket.folder / "out.db")) as db:
        return [n for n, in db.execute(f"SELECT {what} FROM t ORDER BY rowid")]


@pytest.mark.parametrize("form", [f for f in FORMS if f != "all"])
def test_a_later_run_takes_what_came_since(hocket, form):
    table = Table()
    with far(table) as server:
        for n in range(5):
            table.put(n, n)
        r = hocket.run(pipe(server, form))
        assert r.code == 0 and rows(hocket) == [0, 1, 2, 3, 4] and set(table.asked) == {None}
        table.asked.clear()
        r = hocket.run(pipe(server, form))
        assert r.code == 0 and "nothing new since 20" in r.err and rows(hocket) == [0, 1, 2, 3, 4]
        assert set(table.asked) == {at(4)} and len(table.asked) <= 2
        table.asked.clear()
        table.put(5, 4)  # the same second as the last one
        table.put(6, 9)
        table.put(1, 10)  # changed
        r = hocket.run(pipe(server, form))
        assert r.code == 0 and "going on behind the run of 20" in r.err
        assert rows(hocket) == [0, 1, 2, 3, 4, 5, 6, 1]
        assert r.account["delivered"] == 3 and r.account["duplicate"] == 1 and r.balances()
        assert set(table.asked) == {at(4)} and len(table.asked) == (3 if form in ("page", "offset") else 2)
        r = hocket.run(pipe(server, form))
        assert "nothing new" in r.err and table.asked[-1] == at(10)
        assert "to its end; the next run asks for what came since" in hocket("state", "show", "pipe.yaml").out
        assert hocket("verify", "pipe.yaml").code == 0


def test_the_first_page_of_a_later_run_is_asked_for_once(hocket):
    """It is looked at to see whether there is something new, and then it is the run's first page."""
    table = Table()
    with far(table) as server:
        table.put(1, 1)
        assert hocket.run(pipe(server)).code == 0
        table.put(2, 2)
        assert hocket.run(pipe(server)).code == 0
        assert table.asked == [None, at(1)] and rows(hocket) == [1, 2]


def test_what_shows_up_late_is_found_within_the_lag(hocket):
    table = Table()
    with far(table) as server:
        table.put(1, 100)
        table.put(2, 400)
        assert hocket.run(pipe(server, since=", lag: 5m")).code == 0
        table.put(3, 150)  # committed late
        table.put(4, 99)  # too late: before the lag
        r = hocket.run(pipe(server, since=", lag: 5m"))
        assert r.code == 0 and table.asked[-1] == at(100) and rows(hocket) == [1, 2, 3]
        assert r.account["duplicate"] == 2
        assert "nothing new" in hocket.run(pipe(server, since=", lag: 5m")).err
        assert "nothing new" in hocket.run(pipe(server, since=", lag: 1m")).err, "the lag is tuning"
        assert table.asked[-1] == at(340)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("newest_first", [False, True])
def test_many_days_with_and_without_changes(hocket, exclusive, newest_first):
    """What has arrived is each version of each row that was there when somebody asked, once."""
    table, rnd, want, now = Table(exclusive, newest_first), random.Random(7), [], 0
    with far(table) as server:
        for day in range(8):
            for n in range(rnd.choice([0, 0, 1, 3, 6])):
                now += rnd.choice([1, 1, 30])
                table.put(rnd.randrange(12), now, day=day, n=n)
            want += [r for r in table.rows.values() if r["day"] == day]
            r = hocket.run(pipe(server, "next", since=", lag: 20s"))
            assert r.code == 0, r.err
            got = list(zip(rows(hocket), rows(hocket, "t"), rows(hocket, "day"))) if want else []
            assert sorted(got) == sorted((r["id"], r["t"], r["day"]) for r in want)


@pytest.mark.parametrize("form", ["next", "page", "offset", "cursor", "link"])
def test_killed_while_it_takes_what_came_since(hocket, form):
    table = Table()
    with far(table) as server:
        steps = f"steps:\n  - http: {server.base}/job?n=\\(.id)\n    concurrency: 1\n    queue: 1\n    rate: 100/s\n    into: .done\n"
        sink = "{sqlite: out.db, table: t, commit: {every: 20ms}}"
        text = pipe(server, form, ", lag: 10s", steps, sink)
        count = 0
        for day in range(2):
            for n in range(9):
                table.put(day * 9 + n, day * 9 + n)
            hocket.write("pipe.yaml", text)
            for more in (2, 3, 4):
                process = hocket.start("run", "pipe.yaml", "-q")
                server.wait_for(count + more)
                process.send_signal(signal.SIGKILL)
                process.wait()
                count = sum(server.asked.values())
            r = hocket("run", "pipe.yaml")
            assert r.code == 0, r.err
            count = sum(server.asked.values())
            assert rows(hocket) == list(range((day + 1) * 9))
        assert "nothing new" in hocket("run", "pipe.yaml").err
        assert hocket("verify", "pipe.yaml").code == 0


def test_killed_with_two_sinks(hocket):
    """What is known has rows in neither of them, and nobody gets one twice."""
    table = Table()
    with far(table) as server:
        text = pipe(server, "next", ", lag: 10s", f"steps:\n  - http: {server.base}/job?n=\\(.id)\n    concurrency: 1\n    queue: 1\n    rate: 100/s\n    into: .done\n",
                    "[{sqlite: out.db, table: t, commit: {every: 20ms}}, {jsonl: out.jsonl}]")
        hocket.write("pipe.yaml", text)
        for day in range(2):
            for n in range(8):
                table.put(day * 8 + n, day * 8 + n)
            for more in (3, 4):
                process = hocket.start("run", "pipe.yaml", "-q")
                server.wait_for(sum(server.asked.values()) + more)
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert hocket("run", "pipe.yaml").code == 0
            assert rows(hocket) == [r["id"] for r in hocket.read_jsonl("out.jsonl")] == list(range((day + 1) * 8))
        assert hocket("verify", "pipe.yaml").code == 0


def test_killed_at_the_first_look(hocket):
    """What was asked for when somebody looked is of then: the next run asks anew."""
    table, holds = Table(), []

    def answer(path, attempt):
        body = table(path, attempt)
        if holds and len(table.asked) == holds[0]:
            process.send_signal(signal.SIGKILL)
            process.wait()
        return body

    with far(answer) as server:
        for n in range(4):
            table.put(n, n)
        text = pipe(server, "next", ", lag: 60s")
        assert hocket.run(text).code == 0
        holds.append(len(table.asked) + 2)  # at its second page of the look
        process = hocket.start("run", "pipe.yaml", "-q")
        process.wait()
        holds.clear()
        assert hocket("verify", "pipe.yaml").code == 0, "the pages of that look are nobody's fault"
        table.put(9, 2)  # on the first page, which was looked at
        r = hocket.run(text)
        assert r.code == 0 and rows(hocket) == [0, 1, 2, 3, 9] and r.account["duplicate"] == 4


def test_an_api_that_fails_while_it_is_looked_at_is_asked_again(hocket):
    table, down = Table(), []

    def answer(path, attempt):
        return (503, {}, b"busy") if down and down.pop() else table(path, attempt)

    with far(answer) as server:
        table.put(1, 1)
        text = pipe(server, "next")
        assert hocket.run(text).code == 0
        down[:] = [True]
        r = hocket.run(text)
        assert r.code == 0 and rows(hocket) == [1]
        table.put(2, 2)
        down[:] = [True]
        assert hocket.run(text).code == 0 and rows(hocket) == [1, 2]


def test_an_api_that_refuses_fails_the_run_and_changes_nothing(hocket):
    table, down = Table(), []
    with far(lambda path, attempt: (403, {}, b"no") if down else table(path, attempt)) as server:
        table.put(1, 1)
        text = pipe(server, "next")
        assert hocket.run(text).code == 0
        down.append(1)
        r = hocket.run(text)
        assert r.code == 1 and "answered 403: no" in r.err and rows(hocket) == [1]
        down.clear()
        table.put(2, 2)
        assert hocket.run(text).code == 0 and rows(hocket) == [1, 2]


def test_one_record_of_the_future_hides_nothing(hocket):
    table = Table()
    with far(table) as server:
        table.put(1, 1)
        table.put(2, 10**10 // 2)  # the year 2178
        assert hocket.run(pipe(server, "next")).code == 0
        assert "nothing new" in hocket.run(pipe(server, "next")).err
        table.put(3, 10**10 // 3)  # later than now, too, but before that one
        r = hocket.run(pipe(server, "next"))
        assert r.code == 0 and rows(hocket) == [1, 2, 3] and r.account["duplicate"] == 1


def test_an_api_that_does_not_heed_the_parameter(hocket):
    """It gives everything each time: told, or left out, or taken again, as the file says."""
    text = "from: {http: '%s/', since: {query: sicne, from: .t%s}}\nto: {sqlite: out.db, table: t}\n"
    with far(lambda path, attempt: [{"id": n, "t": n} for n in range(4)]) as server:
        assert hocket.run(text % (server.base, "")).code == 0
        r = hocket.run(text % (server.base, ""))
        assert r.code == 1 and "asked for what came since 3, the API gave a record of 0: does it heed 'sicne'?" in r.err
        assert "nothing new" in hocket.run(text % (server.base, ", older: drop")).err and rows(hocket) == [0, 1, 2, 3]
        assert hocket.run(text % (server.base, ", older: take")).code == 0 and rows(hocket) == [0, 1, 2, 3, 0, 1, 2]


def test_start_and_value(hocket):
    table = Table()
    with far(table) as server:
        table.put(1, 86400 * 3)
        text = pipe(server, "next", ", start: 2020-01-02T00:00:00Z, value: '.[:10]'")
        assert hocket.run(text).code == 0 and table.asked == ["2020-01-02"]
        r = hocket.run(text)
        assert "nothing new" in r.err and table.asked[-1] == "2020-01-04"


def test_a_list_that_was_empty_at_first(hocket):
    table = Table()
    with far(table) as server:
        text = pipe(server, "next", ", start: 2020-01-01T00:00:00Z")
        assert hocket.run(text).code == 0
        assert "nothing new" in hocket.run(text).err
        table.put(1, 1)
        assert hocket.run(text).code == 0 and rows(hocket) == [1]
        assert set(table.asked) == {at(0)}


def test_a_record_without_its_cursor_is_dead_and_named(hocket):
    with far(lambda path, attempt: {"rows": [{"id": 1, "t": 5}, {"id": 2}, {"id": 3, "t": 6}]}) as server:
        text = f"from:\n  http: {server.base}/\n  each: .rows[]\n  since: {{query: since, from: .t}}\nto: {{sqlite: out.db, table: t}}\n"
        r = hocket.run(text)
        assert r.code == 3 and rows(hocket) == [1, 3]
        said = hocket("dead", "ls", "pipe.yaml").out
        assert "record 2 of page 1: since.from gave null" in said


def test_a_cursor_that_no_record_has_stops_the_run(hocket):
    with far(lambda path, attempt: [{"id": n, "updated": 1} for n in range(50)]) as server:
        text = f"from: {{http: '{server.base}/', since: {{query: since, from: .updatet}}}}\nto: {{sqlite: out.db, table: t}}\n"
        r = hocket.run(text)
        assert r.code == 5 and "since.from gave null" in r.err


def test_fresh_asks_from_the_start(hocket):
    table = Table()
    with far(table) as server:
        table.put(1, 1)
        text = pipe(server, "next", sink="{jsonl: out.jsonl}")
        assert hocket.run(text).code == 0
        assert hocket.run(text, "--fresh").code == 0
        assert table.asked == [None, None] and [r["id"] for r in hocket.read_jsonl("out.jsonl")] == [1]


def test_a_file_grows_by_what_came_since(hocket):
    table = Table()
    with far(table) as server:
        text = pipe(server, "next", sink="{jsonl: out.jsonl}")
        for n in range(4):
            table.put(n, n)
            assert hocket.run(text).code == 0
            assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == list(range(n + 1))


def test_a_limited_run_is_finished_first(hocket):
    table = Table()
    with far(table) as server:
        for n in range(6):
            table.put(n, n)
        text = pipe(server, "next")
        assert hocket.run(text, "--limit", 3).code == 0 and rows(hocket) == [0, 1, 2]
        table.put(9, 9)
        r = hocket.run(text)
        assert r.code == 0 and "going on behind" in r.err
        assert hocket.run(text).code == 0
        assert rows(hocket) == [0, 1, 2, 3, 4, 5, 9]


def test_beside_a_source_that_seeks(hocket):
    table = Table()
    with far(table) as server:
        table.put(1, 1)
        hocket.write("in.jsonl", '{"id":"a"}\n')
        text = (f"from:\n  - http: {server.base}/next\n    pages: {{next: .next}}\n    each: .rows[]\n    since: {{query: since, from: .t}}\n"
                "  - jsonl: in.jsonl\nto: {jsonl: out.jsonl}\n")
        assert hocket.run(text).code == 0
        assert "nothing new" in hocket.run(text).err
        hocket.write("in.jsonl", '{"id":"a"}\n{"id":"b"}\n')
        assert hocket.run(text).code == 0
        table.put(2, 2)
        assert hocket.run(text).code == 0
        assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == [1, "a", "b", 2]
