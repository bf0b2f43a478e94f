"""Every form of `pages:`, against a list that is dealt in pages; the judge is the server's own log of what it was asked."""
import contextlib
import json
import random
import re
import signal
import sqlite3
import urllib.parse
import urllib.request

import pytest

from far import far, raw

ROWS, SIZE = 23, 5  # the last page is short


class Api:
    """One list, in every form at once: /next /link /page /offset /cursor. held: a step's calls wait until it is let go."""

    def __init__(self, rows=ROWS):
        self.rows = rows
        self.gone = []  # pages that were asked for, as (form, first row)

    def slice(self, form, start):
        self.gone.append((form, start))
        return [{"id": n, "asked": len(self.gone)} for n in range(start, min(start + SIZE, self.rows))]

    def __call__(self, path, attempt):
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        form = url.path[1:]
        if form == "job":
            return {}
        if form == "page":
            return {"rows": self.slice(form, (int(query["page"]) - 1) * SIZE)}
        if form == "offset":
            assert query["limit"] == "7"  # more than the server gives
            return {"rows": self.slice(form, int(query["offset"]))}
        start = int(query.get("after", "0"), 36)
        rows, end = self.slice(form, start), start + SIZE >= self.rows
        word = None if end else to36(start + SIZE)
        if form == "cursor":
            return {"rows": rows, "after": word}
        if form == "next":
            return {"rows": rows, "next": word and f"?after={word}"}
        assert form == "link"
        link = '<?after=0>; rel="first"' + ("" if end else f', <?after={word}>; title="a, \\"b\\""; rel="next last"')
        return 200, {"Link": link}, json.dumps({"rows": rows}).encode()


def to36(n):
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return digits[n] if n < 36 else to36(n // 36) + digits[n % 36]


FORMS = {
    "next": "{next: .next}",
    "link": "{link: next}",
    "page": "{page: page, start: 1}",
    "offset": "{offset: offset, size: 7}",
    "cursor": "{cursor: after, from: .after}",
}
PAGES = {"next": 5, "link": 5, "page": 6, "offset": 6, "cursor": 5}  # counted ones end with a page that is empty


def pipe(server, form, steps=""):
    return f"from:\n  http: {server.base}/{form}\n  pages: {FORMS[form]}\n  each: .rows[]\n{steps}to: {{sqlite: out.db, table: t, commit: {{every: 20ms}}}}\n"


def rows(hocket, what="id"):
    with contextlib.closing(sqlite3.connect(hocket.folder / "out.db")) as db:
        return [n for n, in db.execute(f"SELECT {what} FROM t ORDER BY rowid")]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_reads_the_whole_list_once(hocket, form):
    api = Api()
    with far(api) as server:
        assert hocket.run(pipe(server, form)).code == 0
    assert rows(hocket) == list(range(ROWS))
    starts = [start for _, start in api.gone]
    assert starts[:5] == [0, 5, 10, 15, 20] and len(starts) == PAGES[form]


@pytest.mark.parametrize("rows_there", [0, 1, 5, 10])
@pytest.mark.parametrize("form", FORMS)
def test_lists_that_end_with_a_full_page_or_at_once(hocket, form, rows_there):
    api = Api(rows_there)
    with far(api) as server:
        r = hocket.run(pipe(server, form))
    assert r.code == 0 and r.account["delivered"] == rows_there
    if rows_there:
        assert rows(hocket) == list(range(rows_there))


@pytest.mark.parametrize("form", FORMS)
def test_killed_in_mid_page_no_page_is_asked_for_twice(hocket, form):
    """Killed again and again; each page's rows are those of its one answer, in order, none twice."""
    api = Api()
    with far(api) as server:
        steps = f"steps:\n  - http: {server.base}/job?n=\\(.id)\n    concurrency: 1\n    queue: 2\n    rate: 100/s\n    into: .done\n"
        hocket.write("pipe.yaml", pipe(server, form, steps))
        asked = 0
        for more in (3, 4, 5, 6, 7):
            process = hocket.start("run", "pipe.yaml", "-q")
            server.wait_for(asked + more)
            process.send_signal(signal.SIGKILL)
            process.wait()
            asked = sum(server.asked.values())
        r = hocket("run", "pipe.yaml")
        assert r.code == 0, r.err
    again = len(api.gone) - len(set(api.gone))
    assert again <= 5, api.gone  # the last of each part may have been on its way
    assert rows(hocket) == list(range(ROWS))
    answers = dict(zip(rows(hocket), rows(hocket, "asked")))
    for start in range(0, ROWS, SIZE):
        assert len({answers[n] for n in range(start, min(start + SIZE, ROWS))}) == 1, "a page is of one answer"


def test_a_page_that_is_kept_is_not_asked_for_again(hocket):
    """The kill comes when page 2 is long kept: nothing of it may be asked for again."""
    api = Api()
    with far(api) as server:
        steps = f"steps:\n  - http: {server.base}/job?n=\\(.id)\n    concurrency: 1\n    queue: 1\n    rate: 100/s\n    into: .done\n"
        hocket.write("pipe.yaml", pipe(server, "page", steps))
        process = hocket.start("run", "pipe.yaml", "-q")
        server.wait_for(10)  # eight jobs: the second page is being worked on
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert hocket("run", "pipe.yaml").code == 0
    assert [api.gone.count(("page", start)) for start in (0, 5)] == [1, 1]
    assert rows(hocket) == list(range(ROWS))


# ---- where a list ends ----

def answer_list(body_of):
    def answer(path, attempt):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        return body_of(int(query.get("page", query.get("offset", 0))))
    return answer


def run_pages(hocket, body_of, pages, *flags, each=".rows[]"):
    with far(answer_list(body_of)) as server:
        r = hocket.run(f"from:\n  http: {server.base}/list\n  pages: {pages}\n  each: {each}\nto: {{jsonl: out.jsonl}}\n", *flags)
        return r, sum(server.asked.values())


def ids(hocket):
    return [r["id"] for r in hocket.read_jsonl("out.jsonl")]


def test_more_saves_the_last_request(hocket):
    r, asked = run_pages(hocket, lambda n: {"rows": [{"id": n}], "last": 3, "page": n}, "{page: page, more: .page < .last}")
    assert r.code == 0 and asked == 3 and ids(hocket) == [1, 2, 3]


def test_more_goes_on_behind_an_empty_page(hocket):
    r, asked = run_pages(hocket, lambda n: {"rows": [] if n == 2 else [{"id": n}], "more": n < 3}, "{page: page, more: .more}")
    assert r.code == 0 and asked == 3 and ids(hocket) == [1, 3]


def test_more_must_be_true_or_false(hocket):
    """A field that is not there must not look like the end of the list."""
    r, asked = run_pages(hocket, lambda n: {"rows": [{"id": n}]}, "{page: page, more: .has_mroe}")
    assert r.code == 1 and asked == 1 and "pages.more gave null, not true or false" in r.err


def test_a_status_can_be_the_end(hocket):
    def body(n):
        return {"rows": [{"id": n}]} if n < 3 else (404, {}, b"no such page")

    r, asked = run_pages(hocket, body, "{page: page, end_status: 404}")
    assert r.code == 0 and asked == 3 and ids(hocket) == [1, 2]
    r, asked = run_pages(hocket, body, "{page: page}", "--fresh")
    assert r.code == 1 and "page=3 answered 404: no such page" in r.err


def test_a_list_that_is_not_there_at_all_is_no_end(hocket):
    r, _ = run_pages(hocket, lambda n: (404, {}, b"gone"), "{page: page, end_status: 404}")
    assert r.code == 1 and "answered 404" in r.err


def test_a_page_that_comes_again_is_told(hocket):
    r, asked = run_pages(hocket, lambda n: {"rows": [{"id": 1}, {"id": 2}]}, "{page: page}")
    assert r.code == 1 and asked == 2
    assert "page=2 is the same as the page before it: the API does not heed 'page'" in r.err and "`repeat: end`" in r.err


def test_a_server_that_gives_its_last_page_again(hocket):
    r, asked = run_pages(hocket, lambda n: {"rows": [{"id": min(n, 3)}]}, "{page: page, repeat: end}")
    assert r.code == 0 and asked == 4 and ids(hocket) == [1, 2, 3]


def test_pages_that_are_rightly_the_same(hocket):
    r, asked = run_pages(hocket, lambda n: {"rows": [{"id": 7}] if n < 4 else []}, "{page: page, repeat: page}")
    assert r.code == 0 and asked == 4 and ids(hocket) == [7, 7, 7]


def test_each_that_leaves_out_needs_count(hocket):
    """Of the second page nothing is wanted; `count` says that it is not the end."""
    def body(n):
        return {"rows": [{"id": n + i, "good": n != 2} for i in range(2)] if n < 6 else []}

    r, asked = run_pages(hocket, body, "{offset: offset, count: '.rows | length'}", each="'.rows[] | select(.good)'")
    assert r.code == 0 and asked == 4 and ids(hocket) == [0, 1, 4, 5]


def test_an_endless_list_is_stopped_by_max(hocket):
    r, asked = run_pages(hocket, lambda n: {"rows": [{"id": n}]}, "{page: page, max: 3}")
    assert r.code == 1 and asked == 3 and "3 pages were read, and there are more, at " in r.err and "raise pages.max" in r.err
    r, asked = run_pages(hocket, lambda n: {"rows": [{"id": n}]}, "{page: page, max: 5}")
    assert r.code == 1, "another server, so another URL: but for that it would go on"


def test_max_can_be_raised_and_the_run_goes_on(hocket):
    with far(answer_list(lambda n: {"rows": [{"id": n}] if n < 6 else []})) as server:
        text = f"from:\n  http: {server.base}/list\n  pages: {{page: page, max: %d}}\n  each: .rows[]\nto: {{jsonl: out.jsonl}}\n"
        assert hocket.run(text % 3).code == 1
        r = hocket.run(text % 10)
        assert r.code == 0 and ids(hocket) == [1, 2, 3, 4, 5] and max(server.asked.values()) == 1


@pytest.mark.parametrize("pages,base,want", [
    ("{page: page}", "/list?page=4", ["/list?page=4", "/list?page=5"]),
    ("{page: p, start: 0}", "/list", ["/list?p=0", "/list?p=1"]),
    ("{page: 'page[number]', size: 2, limit: 'page[size]'}", "/list?x=1#y", ["/list?x=1&page%5Bnumber%5D=1&page%5Bsize%5D=2", "/list?x=1&page%5Bnumber%5D=2&page%5Bsize%5D=2"]),
    ("{offset: skip, start: 10}", "/list", ["/list?skip=10", "/list?skip=11"]),
    ("{cursor: c, from: .c, start: '*', size: 9}", "/list", ["/list?c=%2A&limit=9", "/list?c=a%26b&limit=9"]),
])
def test_what_is_asked(hocket, pages, base, want):
    def answer(path, attempt):
        last = sum(server.asked.values()) >= 2
        return {"rows": [] if last else [{"id": 1}], "c": None if last else "a&b"}

    with far(answer) as server:
        r = hocket.run(f"from:\n  http: '{server.base}{base}'\n  pages: {pages}\n  each: .rows[]\nto: {{jsonl: out.jsonl}}\n")
        assert r.code == 0, r.err
        assert list(server.asked) == want


# ---- what goes wrong ----

@pytest.mark.parametrize("pages,caret", [
    ("{next: .next, link: next}", "pages go on in one way, and these have two: 'next' and 'link'"),
    ("{page: p, offset: o}", "these have two: 'page' and 'offset'"),
    ("{start: 1}", "'pages' wants one of next, link, page, offset, cursor"),
    ("{cursor: after}", "where is the next cursor? from: .next_cursor"),
    ("{page: p, from: .x}", "'from' goes with cursor only"),
    ("{next: .n, size: 5}", "'size' goes with page, offset and cursor only"),
    ("{page: p, start: one}", "'start' is a whole number here, not 'one'"),
    ("{link: next, repeat: end}", "'repeat' goes with page and offset only"),
    ("{page: p, limit: per_page}", "'limit' names the parameter that takes 'size'"),
    ("{page: ''}", "the name of the parameter is empty"),
])
def test_mistakes_in_the_file(hocket, pages, caret):
    hocket.write("pipe.yaml", f"from:\n  http: https://api.example.com/list\n  pages: {pages}\nto: stdout\n")
    r = hocket("check", "pipe.yaml")
    assert r.code == 78 and caret in r.err and "pipe.yaml:3:" in r.err


@pytest.mark.parametrize("link,why", [
    ("https://x/y; rel=next", "expected '<' at byte 0"),
    ('<x>; rel="next', "a quotation mark is never closed at byte"),
    ("<x; rel=next", "'<' is never closed at byte 0"),
])
def test_a_link_header_that_is_garbage_is_told(hocket, link, why):
    with far(lambda path, attempt: (200, {"Link": link}, b'[{"id": 1}]')) as server:
        r = hocket.run(f"from: {{http: {server.base}/, pages: {{link: next}}}}\nto: {{jsonl: out.jsonl}}\n")
        assert r.code == 1 and "the Link header cannot be read: " + why in r.err
        assert sum(server.asked.values()) == 1


def test_several_link_headers_are_one_list(hocket):
    bodies = [b'[{"id": 1}]', b'[{"id": 2}]']

    def talk(connection):
        body = bodies.pop(0)
        connection.recv(65536)
        links = b'Link: <?first>; rel=first,\r\nlink: <?two>; rel="next"\r\n' if bodies else b"Link: <?first>; rel=first\r\nLink: \r\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n" + links + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with raw(talk) as port:
        r = hocket.run(f"from: {{http: 'http://127.0.0.1:{port}/', pages: {{link: next}}}}\nto: {{jsonl: out.jsonl}}\n")
        assert r.code == 0 and ids(hocket) == [1, 2], r.err


def test_a_page_that_is_html_shows_itself(hocket):
    with far(lambda path, attempt: (200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Log in</title>")) as server:
        r = hocket.run(f"from: {{http: {server.base}/, pages: {{page: page}}}}\nto: {{jsonl: out.jsonl}}\n")
        assert r.code == 1 and "is not JSON" in r.err and "it is text/html: <!DOCTYPE html><title>Log in" in r.err


@pytest.mark.parametrize("form,body", [("{next: .n}", {"n": "/a"}), ("{cursor: c, from: .n}", {"n": "x"}), ("{cursor: c, from: .n}", {"n": 7})])
def test_a_circle_ends(hocket, form, body):
    with far(lambda path, attempt: body) as server:
        r = hocket.run(f"from: {{http: {server.base}/a, pages: {form}}}\nto: {{jsonl: out.jsonl}}\n")
        assert r.code == 1 and "the pages go in a circle" in r.err and sum(server.asked.values()) <= 2


@pytest.mark.parametrize("form", ["{next: .next}", "{link: next}"])
def test_a_link_to_another_origin_gets_no_credentials(hocket, form):
    def answer(path, attempt):
        there = f"{other.base}/two" if path == "/one" else None
        headers = {"Link": f"<{there}>; rel=next"} if there else {}
        return 200, headers, json.dumps({"id": path, "next": there}).encode()

    with far(answer) as server, far(answer) as other:
        hocket.env["KEY"] = "s3cret-s3cret"
        r = hocket.run(f"from:\n  http: {server.base}/one\n  pages: {form}\n  auth: {{bearer: $secret.KEY}}\nallow: [loopback]\nto: {{jsonl: out.jsonl}}\n")
        assert r.code == 0 and [r["id"] for r in hocket.read_jsonl("out.jsonl")] == ["/one", "/two"]
        assert server.heads[0]["Authorization"] and not other.heads[0]["Authorization"]


# ---- against a plain loop ----

class Odd:
    """A list as APIs have it: pages of any size, odd cursors, links to anywhere on the host, in every form at once."""

    def __init__(self, rnd):
        self.pages = [[{"id": f"{n}.{i}"} for i in range(rnd.choice([1, 1, 2, 5, 17]))] for n in range(rnd.choice([1, 2, 3, 9]))]
        self.words = ["", *(rnd.choice(["a&b=%", "é ü", "+/==", "next", "0"]) + str(n) for n in range(1, len(self.pages)))]
        self.empty = set(rnd.sample(range(len(self.pages)), len(self.pages) // 3))  # with `more`, a page may be empty
        self.style = rnd.choice(["?c={}", "/link?c={}", "{base}/link?x=1&c={}", "./link?c={}#top"])
        self.asked = []

    def page(self, form, query):
        if form == "page":
            return int(query["n"]) - 1
        if form == "offset":
            n, left = 0, int(query["o"])
            while n < len(self.pages) and left > 0:
                left -= len(self.pages[n])
                n += 1
            return n
        return self.words.index(query.get("c", ""))

    def __call__(self, path, attempt):
        self.asked.append(path)
        url = urllib.parse.urlsplit(path)
        form, n = url.path[1:], self.page(url.path[1:], dict(urllib.parse.parse_qsl(url.query)))
        rows = self.pages[n] if n < len(self.pages) else []
        rows = [] if n in self.empty and form in ("cursor", "page") else rows
        last = n + 1 >= len(self.pages)
        word = None if last else self.words[n + 1]
        to = None if last else self.style.format(urllib.parse.quote(word, safe=""), base=self.base)
        link = '<https://x.test/,;>; rel="up"; title="<a>, b"' + (f", <{to}>; rel=next" if to else "")
        return 200, {"Link": link}, json.dumps({"rows": rows, "word": word, "more": not last, "to": to}).encode()


def fetch(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer), answer.headers["Link"]


def plain_loop(form, base):
    """What somebody would write by hand."""
    rows, url = [], f"{base}/{form}"
    n, params = 1, {"page": {"n": 1}, "offset": {"o": 0}}.get(form, {})
    while True:
        body, link = fetch(url + ("?" + urllib.parse.urlencode(params, quote_via=urllib.parse.quote) if params else ""))
        rows += body["rows"]
        if form == "link":
            found = re.search(r"<([^<>]*)>; rel=next", link)
            if not found:
                return rows
            url = urllib.parse.urljoin(url, found[1])
        elif form == "offset":
            if not body["rows"]:
                return rows
            params = {"o": len(rows)}
        elif not body["more"]:
            return rows
        elif form == "page":
            n += 1
            params = {"n": n}
        else:
            params = {"c": body["word"]}


ODD_FORMS = {"link": "{link: next}", "page": "{page: n, more: .more}", "offset": "{offset: o}", "cursor": "{cursor: c, from: .word, more: .more}"}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("form", ODD_FORMS)
def test_it_asks_and_gets_what_a_plain_loop_does(hocket, form, seed):
    odd = Odd(random.Random(f"{form}{seed}"))
    with far(odd) as server:
        odd.base = server.base
        want = plain_loop(form, server.base)
        asked = [urllib.parse.urldefrag(path)[0] for path in odd.asked]
        odd.asked.clear()
        r = hocket.run(f"from:\n  http: {server.base}/{form}\n  pages: {ODD_FORMS[form]}\n  each: .rows[]\nto: {{jsonl: out.jsonl}}\n")
        assert r.code == 0, r.err
        assert hocket.read_jsonl("out.jsonl") == want and odd.asked == asked
