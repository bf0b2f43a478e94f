"""The parts of examples/e-news, each by itself: its papers, the extraction, topics and vectors, the ranking. The papers' own list says what is true.

test_examples.py runs the whole.
"""
import base64
import collections
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from conftest import PROGRAM, ROOT, SLOW

feedparser = pytest.importorskip("feedparser", reason="python3-feedparser is not installed")
numpy = pytest.importorskip("numpy", reason="python3-numpy is not installed")
NEWS = ROOT / "examples/e-news"
sys.path[:0] = [str(NEWS), str(NEWS.parent)]
import embed  # noqa: E402
import extract  # noqa: E402
import kit  # noqa: E402
import rank  # noqa: E402
import smtp  # noqa: E402


class Papers:
    def __init__(self, base):
        self.base = base

    def ask(self, path, headers={}, method="GET"):
        request = urllib.request.Request(self.base + path if path.startswith("/") else path, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30 * SLOW) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def lines(self, path):
        return [json.loads(line) for line in self.ask(path)[2].splitlines()]

    def account(self):
        return json.loads(self.ask("/admin/account")[2])


def papers(*options):
    return kit.served(pathlib.Path(PROGRAM).parent / "demo-news", *options)


@pytest.fixture(scope="module")
def quiet():
    """Two days on which nothing goes wrong, and what all readers of this file need of them."""
    with papers("--mishaps", "no", "--day", "2") as base:
        there = Papers(base)
        there.articles = there.lines("/admin/articles")
        there.pages = {a["url"]: there.ask(a["url"])[2].decode() for a in there.articles}
        there.archive = there.ask("/admin/archive")[2]
        yield there


@pytest.fixture(scope="module")
def read(quiet):
    """All articles, as ingest.yaml has them before the table."""
    records = [{"guid": a["url"], "title": a["title"], "published": f"2026-03-{'02' if '-1-' in a['url'][-9:] else '03'}T06:00:00Z",
                "html": quiet.pages[a["url"]]} for a in quiet.articles]
    return embed.Embed()([extract.extract(record) for record in records])


# ---- the papers ----

def test_every_format_is_what_others_read(quiet):
    formats = collections.Counter()
    for n in range(120):
        _, headers, body = quiet.ask(f"/feed/{n}")
        if headers["Content-Type"] == "application/feed+json":
            links = [item["url"] for item in json.loads(body)["items"]]
            formats["json"] += 1
        else:
            feed = feedparser.parse(body)
            assert not feed.bozo and all(e.get("published_parsed") or e.get("updated_parsed") for e in feed.entries), n
            links = [e.link for e in feed.entries]
            formats[feed.version] += 1
        assert set(links) == {a["url"] for a in quiet.articles if a["url"].split("-")[-2] == str(n)}, n
    assert set(formats) == {"json", "rss20", "rss10", "atom10"} and min(formats.values()) >= 10


def test_a_feed_that_has_not_changed_says_so():
    with papers("--mishaps", "no") as base:
        there, unchanged = Papers(base), 0
        seen = [there.ask(f"/feed/{n}")[1] for n in range(120)]
        tags = [{"If-None-Match": h["ETag"]} if h["ETag"] else {"If-Modified-Since": h["Last-Modified"]} if h["Last-Modified"] else {} for h in seen]
        for n in range(120):
            unchanged += there.ask(f"/feed/{n}", tags[n])[0] == 304
        assert unchanged == sum(map(bool, tags)) == there.account()["feeds"]["304"] >= 110
        there.ask("/admin/day", method="POST")
        changed = [n for n in range(120) if tags[n] and there.ask(f"/feed/{n}", tags[n])[0] == 200]
        assert len(changed) in range(35, 41)


def test_the_same_seed_prints_the_same_papers():
    def printed(*options):
        with papers(*options) as base:
            return {a["title"] for a in Papers(base).lines("/admin/articles")}
    assert printed("--seed", "3") == printed("--seed", "3") != printed("--seed", "4")


def test_mishaps_are_what_they_say():
    with papers("--slow", "0s", "--giant", "3MB") as base:
        there = Papers(base)
        assert [there.ask(f"/feed/{n}")[0] for n in (29, 42, 55, 55, 55)] == [404, 410, 500, 500, 200]
        assert there.ask("/feed/16")[1]["Content-Type"].startswith("text/html")
        assert feedparser.parse(there.ask("/feed/3")[2]).bozo
        assert b"file:///etc/passwd" in there.ask("/feed/12")[2]
        assert all(there.ask(f"/feed/{n}")[0] == 200 for n in (81, 94, 107))
        account = there.account()["feeds"]
        assert (account["301"], account["302"]) == (2, 2)
        giant = next(a for a in there.lines("/admin/articles") if a["page"] == "giant")
        assert len(there.ask(giant["url"])[2]) > 3_000_000


def test_a_feed_can_have_very_many_entries():
    with papers("--flood", "20000") as base:
        body = Papers(base).ask("/feed/25")[2]
        assert body.count(b"<guid") + body.count(b"<entry>") + body.count(b'"id"') + body.count(b"<item rdf") == 20000


# ---- extraction ----

def test_articles_are_found_in_their_pages(quiet):
    for a in quiet.articles:
        found = extract.extract({"html": quiet.pages[a["url"]], "title": "?"})
        assert (found["title"], found["text"], found["language"]) == (a["title"], a["text"].strip(), "en"), a["url"]
        assert a["text"].replace("\n", " ").startswith(found["summary"]) and 60 < len(found["summary"]) <= 420


@pytest.mark.parametrize("html", ["", "<html>", "<p>Short.</p>", "<nav><p>" + "A long sentence, but in the navigation. " * 20 + "</p></nav>",
                                  "<script>" + "var text = 'A long sentence in a script.'; " * 20 + "</script>",
                                  "<div>" + "<a href='/'>A headline that is a link and nothing else at all</a> " * 30 + "</div>"])
def test_what_is_no_article_is_refused(html):
    with pytest.raises(ValueError, match="no article found"):
        extract.extract({"html": html or " ", "title": "?"})


def test_without_a_page_the_feed_is_what_there_is():
    found = extract.extract({"html": None, "title": "Whales", "summary": "<p>Biologists have counted <b>87 whales</b> &amp; more.</p>"})
    assert (found["title"], found["text"], found["words"]) == ("Whales", "Biologists have counted 87 whales & more.", 7)


def test_html_that_never_ends_takes_no_longer():
    deep = "<div>x" * 20000 + "<p>" + "A sentence that stands below very many elements. " * 10 + "</p>" + "</b></div>" * 10000
    started = time.process_time()
    assert extract.extract({"html": deep, "title": "?"})["words"] == 80
    assert time.process_time() - started < 5 * SLOW


# ---- topics and vectors ----

def test_topics_are_told_apart(quiet, read):
    truth = {a["url"]: a["topic"] for a in quiet.articles}
    right = sum(r["topics"][0] == truth[r["guid"]] for r in read)
    assert right >= 0.94 * len(read), f"{right} of {len(read)}"


def test_one_event_in_two_papers_is_nearer_than_two_events(quiet, read):
    events, vectors = [a["event"] for a in quiet.articles], numpy.stack([numpy.frombuffer(r["embedding"], "<f2") for r in read]).astype(numpy.float32)
    alike = vectors @ vectors.T
    pairs = [(i, j) for i in range(len(events)) for j in range(i) if events[i] == events[j]]
    assert len(pairs) >= 30 and min(alike[i, j] for i, j in pairs) > rank.SAME
    other = [alike[i, j] for i in range(len(events)) for j in range(i) if quiet.articles[i]["topic"] != quiet.articles[j]["topic"]]
    assert numpy.percentile(other, 99) < rank.SAME / 2


# ---- the ranking ----

def table_rows(lines):
    for line in lines:
        n, name, email, interests, profile = line.split("\t")
        yield {"id": int(n), "name": name, "email": email, "interests": json.loads(interests), "seen": None,
               "profile": base64.b64encode(bytes.fromhex(profile[3:])).decode()}


@pytest.fixture(scope="module")
def ranked(quiet, read, tmp_path_factory):
    """10,000 readers and some 400 articles: readers, their matches, and the processor time that it took."""
    path = tmp_path_factory.mktemp("news") / "today.jsonl"
    path.write_text("".join(json.dumps({"guid": r["guid"], "published": r["published"], "topics": r["topics"],
                                        "embedding": base64.b64encode(r["embedding"]).decode()}) + "\n" for r in read))
    done = subprocess.run([sys.executable, NEWS / "readers.py", "10000"], input=quiet.archive, capture_output=True, check=True)
    readers = list(table_rows(done.stdout.decode().splitlines()))
    started = time.process_time()
    ranking = rank.Rank(path)
    matches = [m for at in range(0, len(readers), 500) for m in ranking(readers[at:at + 500])]
    return readers, matches, time.process_time() - started, ranking


def test_ten_thousand_readers_are_ranked_in_three_seconds(ranked):
    readers, matches, cpu_s, ranking = ranked
    print(f"{len(readers)} x {len(ranking.articles)} in {cpu_s:.2f} s of CPU")
    assert len(ranking.articles) == 400 and len(matches) == 10000
    assert cpu_s < 3 * SLOW


def test_readers_get_what_they_follow(quiet, ranked):
    truth = {a["url"]: a["topic"] for a in quiet.articles}
    readers, matches, _, _ = ranked
    first = sum(truth[m[0]["guid"]] in r["interests"] for r, m in zip(readers, matches))
    assert first >= 0.97 * len(readers)
    assert sum(len(m) for m in matches) >= 9 * len(readers)
    three = [(r, m) for r, m in zip(readers, matches) if len(r["interests"]) == 3]
    assert sum(truth[x["guid"]] in r["interests"] for r, m in three for x in m) >= 0.8 * sum(len(m) for _, m in three)
    assert all(m["follows"] in r["interests"] for r, ms in zip(readers, matches) for m in ms if m["follows"])


def test_nobody_reads_the_same_event_twice(quiet, ranked):
    event = {a["url"]: a["event"] for a in quiet.articles}
    for matches in ranked[1]:
        assert len({event[m["guid"]] for m in matches}) == len(matches)


def test_what_was_sent_is_not_sent_again(ranked):
    readers, matches, _, ranking = ranked
    seen = [m["guid"] for m in matches[0]]
    following = ranking([{**readers[0], "seen": seen}])[0]
    assert following and not {m["guid"] for m in following} & set(seen)
    everything = [a["guid"] for a in ranking.articles]
    assert ranking([{**readers[0], "seen": everything}]) == [[]]


# ---- the mails ----

def fill(database, read, archive, readers):
    database.run((NEWS / "schema.sql").read_text())
    done = subprocess.run([sys.executable, NEWS / "readers.py", str(readers)], input=archive, capture_output=True, check=True)
    subprocess.run(["psql", "-X", "-q", "-d", database.url, "-c", "COPY readers FROM STDIN"], input=done.stdout, check=True)
    rows = json.dumps([{**r, "embedding": r["embedding"].hex(), "paper": "The Paper"} for r in read])
    database.run("INSERT INTO articles (guid, url, paper, title, published, language, summary, topics, embedding) "
                 "SELECT guid, guid, paper, title, published, language, summary, topics, decode(embedding, 'hex') "
                 f"FROM json_to_recordset($json${rows}$json$) AS row (guid text, paper text, title text, published timestamptz, language text, summary text, "
                 "topics jsonb, embedding text)")
    assert database.int("SELECT count(*) FROM articles") == len(read)


def test_killed_while_it_writes_nobody_gets_two_mails(hocket, database, quiet, read):
    """kill -9 three times on what the mail server has seen; then the ledger, and the server's own log."""
    readers, at_once = 160, 8
    fill(database, read, quiet.archive, readers)
    for name in ("today.yaml", "digest.yaml", "rank.py", "digest.html", "digest.txt"):
        hocket.write(name, (NEWS / name).read_text())
    with smtp.server(delay=0.01) as post:
        hocket.env |= {"PG_URL": database.url, "SMTP_URL": post.url, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}
        words = ("run", "digest.yaml", "--set", f"readers={readers}")
        assert hocket("run", "today.yaml").code == 0
        for kill_at in (20, 60, 100):
            process = subprocess.Popen([PROGRAM, *words], cwd=hocket.folder, env=hocket.env, stderr=subprocess.DEVNULL)
            assert post.wait_for(lambda s: len(s.mails) >= kill_at, 20 * SLOW)
            process.kill()
            process.wait()
        result = hocket(*words)
        assert result.code == 0, result.err
        ledger = collections.Counter(dict(line.split("|") for line in database.run("SELECT reader, outcome FROM sends")).values())
        assert ledger["sent"] + ledger["unknown_outcome"] == readers and ledger["unknown_outcome"] <= 3 * at_once
        assert len({mail.to[0] for mail in post.mails}) == len(post.mails) <= readers
        assert set(database.run("SELECT message_id FROM sends WHERE outcome = 'sent'")) <= {mail.id for mail in post.mails}
        before = len(post.mails)
        assert hocket(*words).code == 0 and len(post.mails) == before
