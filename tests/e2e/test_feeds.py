"""rss: many feeds, asked again and again; the judge is the server, which knows what each feed had and what it answered"""
import collections
import contextlib
import email.utils
import gzip
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

import test_memory
from conftest import SLOW
from feeds import KINDS, feeds, rss

MB = 1 << 20


def pipe(more="", sink="{sqlite: out.db, table: t}"):
    return f"from: {{rss: feeds.txt{more}}}\nto: {sink}\n"


def rows(hocket, what="guid"):
    with contextlib.closing(sqlite3.connect(hocket.folder / "out.db")) as db:
        return [n for n, in db.execute(f"SELECT {what} FROM t")]


def guids(server, but=()):
    return sorted(g for f in server.feeds.values() if f.kind not in but for g, _ in f.entries)


def write_list(hocket, urls):
    hocket.write("feeds.txt", "# all of them\n\n" + "".join(f"{u}   # one\n" for u in urls))


def many(server, hocket, n=120):
    urls = [server.add(KINDS[i % len(KINDS)], 3 + i % 5) for i in range(n)]
    write_list(hocket, urls)
    return urls


def test_a_hundred_and_twenty_feeds_give_what_is_new(hocket):
    with feeds() as server:
        many(server, hocket, 110)
        bad = [server.add("broken", 4), server.add("html", 0), f"{server.base}/missing"] + [server.add("broken", 2) for _ in range(7)]
        write_list(hocket, [f"{server.base}/{f}" for f in server.feeds] + [bad[2]])
        r = hocket.run(pipe())
        assert r.code == 3 and r.balances(), r.err
        assert sorted(rows(hocket)) == guids(server)
        assert r.account["dead"] == 10 and r.account["delivered"] == len(guids(server))
        assert "10 of 120 feeds failed, the others were read" in r.err
        assert "has moved for good, to" in r.err

        server.answers.clear()
        r = hocket.run(pipe())
        assert r.code == 0 and "nothing new since" in r.err and "has moved" not in r.err
        finals = [status for path, status in server.answers if status not in (301, 302)]
        assert len(finals) == 120 and finals.count(304) == 110

        for name in ("f3", "f6", "f9"):
            server.feeds[name].entries.insert(0, (f"{name}-new", "fresh"))
        r = hocket.run(pipe())
        assert r.code == 0 and r.account["delivered"] == 3 and r.account["dead"] == 0
        assert sorted(rows(hocket)) == guids(server)


def test_a_record_has_all_its_fields(hocket):
    with feeds() as server:
        url = server.add("rss", 1)
        write_list(hocket, [url])
        assert hocket.run(pipe(sink="{jsonl: out.jsonl}")).code == 0
        assert hocket.read_jsonl("out.jsonl") == [{
            "guid": "f0-0", "link": f"{server.base}/f0/f0-0", "title": "entry 0 of f0", "summary": None, "content": None, "author": None,
            "published": "2021-09-06T00:01:00Z", "updated": None, "categories": [], "enclosures": [],
            "feed": {"url": url, "title": "f0", "link": f"{server.base}/"}}]


def test_killed_again_and_again_each_entry_comes_once(hocket):
    with feeds() as server:
        many(server, hocket)
        hocket.write("pipe.yaml", pipe(", concurrency: 4"))
        for requests in (15, 30, 60, 90):
            server.slow_s = 0.3
            process = hocket.start("run", "pipe.yaml")
            server.asked.clear()
            server.wait_for(requests)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        server.slow_s = 0
        r = hocket("run", "pipe.yaml")
        assert r.code == 0 and sorted(rows(hocket)) == guids(server), r.err
        assert hocket("verify", "pipe.yaml").code == 0
        r = hocket("run", "pipe.yaml")
        assert "nothing new since" in r.err and sorted(rows(hocket)) == guids(server)


def test_a_million_entries_cost_no_memory(hocket):
    def many_entries(handler, attempt):
        handler.say(200, {"Content-Encoding": "gzip"}, body)

    head, item = b"<rss><channel><title>many</title>", b"<item><guid>%d</guid><title>a title of %d, and so on and on</title></item>"
    body = gzip.compress(head + b"".join(item % (n, n) for n in range(1000000)) + b"</channel></rss>", 1)
    with feeds() as server:
        server.special["/many"] = many_entries
        server.special["/flood"] = lambda handler, attempt: handler.say(200, {}, b"<rss><channel>" + b" " * (40 * MB))
        write_list(hocket, [f"{server.base}/many", f"{server.base}/flood", server.add("rss", 3)])
        r, most = test_memory.run_watched(hocket, pipe())
        assert r.code == 3 and r.summary["delivered"] == 10003 and r.summary["dead"] == 1, r.err
        assert "/many has more than 10000 entries: 990,000 were left out (max_entries)" in r.err
        assert "/flood: too_large" in r.err
        if not test_memory.holds_freed_memory():
            assert most < 120 * MB


def test_many_large_feeds_wait_for_each_other_and_all_come(hocket):
    with feeds() as server:
        urls = []
        for n in range(12):  # 3 MB each; all of them may have 4 MB
            body = rss(f"large{n}", [(f"large{n}-{i}", os.urandom(750).hex()) for i in range(2000)])
            server.special[f"/large{n}"] = lambda handler, attempt, body=body: handler.say(200, {}, body)
            urls.append(f"{server.base}/large{n}")
        write_list(hocket, urls)
        r, most = test_memory.run_watched(hocket, "memory: 64MB\n" + pipe())
        assert r.code == 0 and r.summary["delivered"] == 24000, r.err
        if not test_memory.holds_freed_memory():
            assert most < 110 * MB


@pytest.mark.parametrize("age, asks", [(0, False), (1, True)])
def test_a_date_is_no_validator_in_its_own_second(hocket, age, asks):
    """What is changed in the second in which it was read keeps its date: who asks by that date never hears of it."""
    heads, day = [], 1630886460

    def feed(handler, attempt):
        heads.append(handler.headers.get("If-Modified-Since"))
        entries = [(f"e{n}", "title") for n in range(min(attempt, 2))]
        handler.date_time_string = lambda: email.utils.formatdate(day + age, usegmt=True)
        handler.say(200, {"Last-Modified": email.utils.formatdate(day, usegmt=True)}, rss("now", entries))

    with feeds() as server:
        server.special["/now"] = feed
        write_list(hocket, [f"{server.base}/now"])
        assert hocket.run(pipe()).code == 0
        assert hocket("run", "pipe.yaml").account["in"] == 1
        assert heads[0] is None and (heads[1] is not None) == asks


def test_entities_are_not_expanded(hocket):
    secret = hocket.write("secret.txt", "the-canary")
    laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    documents = {
        "/xxe": f"<!DOCTYPE rss [<!ENTITY x SYSTEM 'file://{secret}'>]><rss><channel><item><title>&x;</title></item></channel></rss>",
        "/laughs": f"<!DOCTYPE rss [<!ENTITY l0 'ha'>{laughs}]><rss><channel><item><title>&l9;</title></item></channel></rss>",
        "/dtd": f"<!DOCTYPE rss SYSTEM 'file://{secret}'><rss><channel><item><guid>d</guid><title>a&nbsp;b</title></item></channel></rss>",
        "/parameter": f"<!DOCTYPE rss [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/x'> %p;]><rss><channel><item><guid>p</guid></item></channel></rss>",
    }
    with feeds() as server:
        for path, text in documents.items():
            server.special[path] = lambda handler, attempt, body=text.encode(): handler.say(200, {}, body)
        write_list(hocket, [server.base + path for path in documents])
        r = hocket.run(pipe(sink="{jsonl: out.jsonl}"))
        out = hocket.read_jsonl("out.jsonl")
        assert r.code == 3 and [(e["guid"], e["title"]) for e in out] == [("d", "a\u00a0b")], r.err
        assert "the-canary" not in r.err + r.out + (hocket.folder / "out.jsonl").read_text()
        assert r.account["dead"] == 3 and "which is not expanded" in r.err


def test_a_slow_feed_holds_up_nobody(hocket):
    with feeds() as server:
        server.special["/slow"] = lambda handler, attempt: time.sleep(20 * SLOW)
        many(server, hocket, 12)
        write_list(hocket, [f"{server.base}/slow"] + [f"{server.base}/{f}" for f in server.feeds])
        began = time.monotonic()
        r = hocket.run(pipe(f", within: {2 * SLOW}s, concurrency: 2"))
        assert time.monotonic() - began < 12 * SLOW
        assert r.code == 3 and sorted(rows(hocket)) == guids(server), r.err
        assert "/slow: did not answer within" in r.err


def test_what_passes_is_asked_for_again(hocket):
    def busy(handler, attempt):
        handler.say(429, {"Retry-After": "1"}) if attempt == 1 else handler.give(server.feeds["f0"])

    def broken(handler, attempt):
        handler.connection.shutdown(socket.SHUT_RDWR) if attempt == 1 else handler.give(server.feeds["f1"])

    def down(handler, attempt):
        handler.say(503, {"Retry-After": "3600"})

    with feeds() as server:
        server.add("rss", 2), server.add("atom", 2)
        server.special = {"/f0": busy, "/f1": broken}
        write_list(hocket, [f"{server.base}/f0", f"{server.base}/f1"])
        assert hocket.run(pipe()).code == 0 and sorted(rows(hocket)) == guids(server)
        assert server.asked == {"/f0": 2, "/f1": 2}
        server.special["/down"] = down
        write_list(hocket, [f"{server.base}/f0", f"{server.base}/f1", f"{server.base}/down"])
        r = hocket.run(pipe())
        assert "/down: status(503)" in r.err, r.err


def test_a_streak_of_failures_is_one_letter(hocket):
    with feeds() as server:
        url = server.add("rss", 2)
        write_list(hocket, [url, server.add("rss", 1)])
        sick = lambda handler, attempt: handler.say(404)
        deaths = []
        for state in ("well", "sick", "sick", "sick", "well", "sick", "sick"):
            server.special = {"/f0": sick} if state == "sick" else {}
            r = hocket.run(pipe())
            deaths.append(r.account["dead"] if "nothing new" not in r.err else 0)
            assert ("1 of 2 feeds failed" in r.err) == (state == "sick"), r.err
        assert deaths == [0, 1, 0, 0, 0, 1, 0]
        assert sorted(rows(hocket)) == guids(server)


def test_a_list_of_nothing_but_wrong_names_kills_nobody(hocket):
    with feeds() as server:
        write_list(hocket, [f"{server.base}/missing{n}" for n in range(25)])
        r = hocket.run(pipe())
        assert r.code == 5 and "nothing has succeeded yet" in r.err, r.err
        for n in range(25):
            server.add("rss", 1, f"missing{n}")
        assert hocket.run(pipe()).code == 0 and sorted(rows(hocket)) == guids(server)


def test_entries_that_changed_come_again_when_asked_to(hocket):
    with feeds() as server:
        write_list(hocket, [server.add("rss", 2)])
        text = pipe(", updates: true", "{jsonl: out.jsonl}")
        assert hocket.run(text).code == 0
        server.feeds["f0"].entries[1] = ("f0-1", "corrected")
        assert hocket.run(text).code == 0
        assert [e["title"] for e in hocket.read_jsonl("out.jsonl")] == ["entry 0 of f0", "entry 1 of f0", "corrected"]


def test_feeds_come_and_go(hocket):
    with feeds() as server:
        urls = [server.add("rss", 2) for _ in range(4)]
        write_list(hocket, urls[:3])
        assert hocket.run(pipe()).code == 0
        write_list(hocket, urls[1:])
        assert hocket.run(pipe()).account["delivered"] == 2
        write_list(hocket, urls)
        r = hocket.run(pipe())
        assert "nothing new since" in r.err and sorted(rows(hocket)) == guids(server)


def test_lists(hocket):
    with feeds() as server:
        urls = [server.add("rss", 1) for _ in range(3)]
        hocket.write("feeds.opml", "<opml version='2.0'><body><outline text='all'>" +
                     "".join(f"<outline type='rss' xmlUrl='{u}'/>" for u in urls[:2]) + "</outline></body></opml>")
        assert hocket.run(f"from: {{rss: [feeds.opml, '{urls[2]}', '{urls[0]}']}}\nto: {{sqlite: out.db, table: t}}\n").code == 0
        assert sorted(rows(hocket)) == guids(server)
    hocket.write("feeds.txt", "http://127.0.0.1:1/x\n\nexample.com/feed\n")
    r = hocket.run(pipe(), "--fresh")
    assert r.code == 1 and "feeds.txt:3: 'example.com/feed' is not the URL of a feed" in r.err, r.err
    hocket.write("feeds.txt", "# none\n")
    assert "names no feed: write one URL a line" in hocket.run(pipe()).err
    hocket.write("feeds.txt", "http://127.0.0.1:1/x\nhttp://127.0.0.1:2/x\n")
    r = hocket.run(pipe(", auth: {bearer: abcdefghijkl}"))
    assert r.code == 1 and "`auth` would be sent to all servers of the list" in r.err, r.err


def test_check_reads_the_lists(hocket):
    hocket.write("pipe.yaml", "from:\n  - rss: feeds.txt\n  - rss: [http://127.0.0.1:1/a, more.txt]\nto: {sqlite: out.db, table: t}\n")
    missing = hocket("check", "pipe.yaml")
    assert missing.code == 78 and "pipe.yaml:2: error: rss: the list of feeds" in missing.err, missing.err
    assert "more.txt' cannot be read (a URL begins with http:// or https://): no such file" in missing.err  # all of them at once
    hocket.write("feeds.txt", "# none yet\n")
    hocket.write("more.txt", "http://127.0.0.1:1/x\nhttp//127.0.0.1:1/y\n")
    wrong = hocket("check", "pipe.yaml")
    assert wrong.code == 78 and "feeds.txt' names no feed: write one URL a line" in wrong.err
    assert "more.txt:2: 'http//127.0.0.1:1/y' is not the URL of a feed" in wrong.err
    hocket.write("feeds.txt", "http://127.0.0.1:1/x\n")
    hocket.write("more.txt", "http://127.0.0.1:1/x\n")
    assert hocket("check", "pipe.yaml").code == 0


def test_a_token_in_a_url_stays_out_of_records_and_messages(hocket):
    with feeds() as server:
        server.add("rss", 1, "own")
        server.special["/own?token=canary-1234"] = lambda handler, attempt: handler.give(server.feeds["own"])
        hocket.env["TOKEN"] = "canary-1234"
        r = hocket.run(f"from: {{rss: ['{server.base}/own?token=\\($secret.TOKEN)', '{server.base}/none?token=\\($secret.TOKEN)']}}\nto: {{jsonl: out.jsonl}}\n")
        assert r.code == 3 and server.asked["/own?token=canary-1234"] == 1, r.err
        shown = r.err + r.out + (hocket.folder / "out.jsonl").read_text()
        assert "canary-1234" not in shown and f"{server.base}/own#" in shown
        assert b"canary-1234" not in b"".join(p.read_bytes() for p in (hocket.folder / ".hocket").iterdir())


def test_a_304_that_nobody_asked_for_is_a_failure(hocket):
    with feeds() as server:
        url = server.add("rss", 1)
        write_list(hocket, [f"{server.base}/stuck", f"{server.base}/torn", url])
        server.special["/stuck"] = lambda handler, attempt: handler.say(304)
        server.special["/torn"] = lambda handler, attempt: handler.say(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08\x00" + b"x" * 99)
        r = hocket.run(pipe())
        assert r.code == 3 and r.account["dead"] == 2 and "2 of 3 feeds failed" in r.err, r.err
        assert "stuck: status(304)" in r.err and "torn: protocol" in r.err, r.err
        assert "nobody had asked whether it was" in hocket("dead", "ls", "pipe.yaml").out


def test_a_feed_that_is_at_another_address_now_is_asked_whether_it_changed(hocket):
    with feeds() as server:
        url = server.add("rss", 2)
        there = url.replace("127.0.0.1", "localhost")
        server.special["/old"] = lambda handler, attempt: handler.say(302, {"Location": there})
        write_list(hocket, [f"{server.base}/old"])
        assert hocket.run("allow: loopback\n" + pipe()).code == 0
        assert "nothing new since" in hocket.run("allow: loopback\n" + pipe()).err
        assert [status for path, status in server.answers if path == "/f0"] == [200, 304]


def test_a_server_that_wants_to_be_left_alone_is_for_many_rounds(hocket):
    with feeds() as server:
        hocket.write("feeds.txt", f"{server.base}/busy\n{server.add('rss', 1).replace('127.0.0.1', 'localhost')}\n")
        server.special["/busy"] = lambda handler, attempt: handler.say(429, {"Retry-After": "3600"})
        hocket.write("pipe.yaml", pipe(", every: 1s", "{jsonl: out.jsonl}"))
        process = hocket.start("run", "pipe.yaml")
        server.wait_for(4, 20 * SLOW)  # the third round: nobody has waited `within` for the other server
        process.send_signal(signal.SIGTERM)
        r = hocket.finish(process)
        assert server.asked["/busy"] == 1 and "rate_limited" in r.err and "timeout" not in r.err, r.err


def test_a_run_does_not_ask_those_again_that_had_nothing_when_it_was_looked(hocket):
    with feeds() as server:
        write_list(hocket, [server.add("rss", 1) for _ in range(100)])
        assert hocket.run(pipe(", concurrency: 4")).code == 0
        server.feeds["f80"].entries.insert(0, ("new", "new"))
        server.answers.clear()
        r = hocket.run(pipe(", concurrency: 4"))
        assert r.code == 0 and r.account["delivered"] == 1, r.err
        times = collections.Counter(path for path, _ in server.answers)
        assert len(times) == 100 and times["/f80"] == 1
        assert sum(times.values()) <= 150, "more than those that were being asked just then"  # it was 180 and more
        server.feeds["f3"].entries.insert(0, ("newer", "new"))  # and they are asked the next time
        assert hocket.run(pipe(", concurrency: 4")).account["delivered"] == 1
        assert sorted(rows(hocket)) == guids(server)


def test_rounds_give_what_came_between(hocket):
    with feeds() as server:
        many(server, hocket, 12)
        hocket.write("pipe.yaml", pipe(", every: 1s", "{jsonl: out.jsonl}"))
        process = hocket.start("run", "pipe.yaml")
        server.wait_for(26)
        server.feeds["f0"].entries.append(("f0-late", "late"))
        deadline = time.monotonic() + 20 * SLOW
        while sorted(e["guid"] for e in hocket.read_jsonl("out.jsonl")) != guids(server):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        r = hocket.finish(process)
        assert r.code == 0, r.err
        assert sorted(e["guid"] for e in hocket.read_jsonl("out.jsonl")) == guids(server)
        assert collections.Counter(status for _, status in server.answers)[304] >= 10


def test_an_entry_of_megabytes_is_dead_and_the_others_live(hocket):
    with feeds() as server:
        body = rss("big", [("before", "b"), ("big", "".join(map(str, range(2600000)))), ("after", "a")])
        server.special["/big"] = lambda handler, attempt: handler.say(200, {"Content-Encoding": "gzip"}, gzip.compress(body, 1))
        write_list(hocket, [f"{server.base}/big"])
        r = hocket.run(pipe(sink="{jsonl: out.jsonl}"))
        assert r.code == 3 and [e["guid"] for e in hocket.read_jsonl("out.jsonl")] == ["before", "after"], r.err
        assert "an entry of" in r.err and "has more than 16 MB" in r.err


@pytest.mark.skipif(not shutil.which("nginx"), reason="no nginx here")
def test_nginx_answers_304(hocket):
    """A real server's ETags, dates and gzip."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    root = hocket.folder / "www"
    root.mkdir()
    for n in range(10):
        (root / f"{n}.xml").write_bytes(rss(f"n{n}", [(f"{n}-{i}", "t" * 200) for i in range(20)]))
    hocket.write("nginx.conf", f"""
        {"user root;" if os.geteuid() == 0 else ""} daemon off; pid {hocket.folder}/nginx.pid; error_log stderr; events {{}}
        http {{ access_log {hocket.folder}/access.log; types {{ text/xml xml; }}
               client_body_temp_path {hocket.folder}/t1; proxy_temp_path {hocket.folder}/t2; fastcgi_temp_path {hocket.folder}/t3;
               uwsgi_temp_path {hocket.folder}/t4; scgi_temp_path {hocket.folder}/t5;
               gzip on; gzip_types text/xml; server {{ listen 127.0.0.1:{port}; root {root}; }} }}""")
    nginx = subprocess.Popen(["nginx", "-p", hocket.folder, "-c", hocket.folder / "nginx.conf"], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 10 * SLOW
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        write_list(hocket, [f"http://127.0.0.1:{port}/{n}.xml" for n in range(10)])
        r = hocket.run(pipe())
        assert r.code == 0 and len(set(rows(hocket))) == len(rows(hocket)) == 200, r.err
        assert "nothing new since" in hocket.run(pipe()).err
    finally:
        nginx.terminate()
        nginx.communicate()
    assert [line.split()[8] for line in (hocket.folder / "access.log").read_text().splitlines()] == ["200"] * 10 + ["304"] * 10
