"""Feeds of all kinds, read by hocket's parser and by feedparser: the same entries, titles, links, dates. feedparser is the oracle.

Where the two mean to differ it says so: our titles are text (its titles are HTML), our links are absolute, dates without a meaning are null in both.
"""
import calendar
import html
import json
import pathlib
import random
import re
import subprocess
import time
from xml.sax.saxutils import escape

import pytest

from conftest import PROGRAM

feedparser = pytest.importorskip("feedparser", reason="no python3-feedparser here")
TOOL = pathlib.Path(PROGRAM).parent / "tests/unit/connectors/feed-tool"
URL = "http://feeds.test/dir/feed"

DATES = ["Mon, 06 Sep 2021 00:01:00 +0000", "Mon, 06 Sep 2021 00:01:00 GMT", "6 Sep 2021 00:01 EST", "Tue, 6 Sep 2021 00:01:30 -0700",
         "Mon, 06 Sep 2021 00:01:00 PDT", "2021-09-06T00:01:00Z", "2021-09-06T00:01:00+02:00", "2021-09-06T00:01:00.5Z", "2021-09-06",
         "Thu, 1 Jan 2004 19:48:21 GMT", "Thu, 31 Dec 1999 23:59:59 -0500", "Sat, 29 Feb 2020 12:00:00 +0530", "not a date", "",
         "Mon, 06 September 2021 10:00:00 GMT", "2003-12-31T10:14:55-08:00", "06 Sep 21 10:00:00 GMT"]
TITLES = ["plain", "AT&amp;T", "AT&amp;amp;T", "&lt;b&gt;bold&lt;/b&gt; words", "<![CDATA[<i>x</i> &amp; y]]>", "  blanks \n inside  ", "caf\u00e9 \u2603",
          "&#8217;quoted&#8217;", "&amp;#8220;twice&amp;#8221;", "1 &amp;lt; 2", "", "caf&#233;"]
LINKS = ["http://o/a?b=1&amp;c=2", "/root", "rel", "../up", "https://o/x#f", "?q=1", "//other/x", " /blanks "]


def seconds(parsed):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(calendar.timegm(parsed))) if parsed else None


def text(markup):
    """As a reader sees it: without tags, entities decoded, one blank between words."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", markup)).split()) or None


def rss(rnd, n):
    items = "".join(f"<item><guid isPermaLink='false'>g{i}</guid><title>{rnd.choice(TITLES)}</title><link>{rnd.choice(LINKS)}</link>"
                    f"<pubDate>{rnd.choice(DATES)}</pubDate><category>c{i % 3}</category>"
                    f"<enclosure url='{rnd.choice(LINKS).strip()}' length='7' type='a/b'/></item>" for i in range(n))
    return f"<?xml version='1.0'?><rss version='2.0'><channel><title>{rnd.choice(TITLES)}</title><link>http://o/</link>{items}</channel></rss>"


def rdf(rnd, n):
    items = "".join(f"<item rdf:about='http://o/{i}'><title>{rnd.choice(TITLES)}</title><link>{rnd.choice(LINKS)}</link>"
                    f"<dc:date>{rnd.choice(DATES)}</dc:date><dc:subject>s</dc:subject></item>" for i in range(n))
    return ("<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/' "
            f"xmlns:dc='http://purl.org/dc/elements/1.1/'><channel><title>C</title></channel>{items}</rdf:RDF>")


def atom(rnd, n):
    def one(i):
        kind, title = rnd.choice([("html", rnd.choice(TITLES)), ("text", escape(rnd.choice(["a < b", "x & y", "plain"]))),
                                  ("xhtml", "<div xmlns='http://www.w3.org/1999/xhtml'>some <em>words</em></div>")])
        return (f"<entry><id>tag:o,{i}</id><title type='{kind}'>{title}</title><link href='{rnd.choice(LINKS).strip()}'/><category term='t{i % 2}'/>"
                f"<published>{rnd.choice(DATES)}</published><updated>{rnd.choice(DATES)}</updated></entry>")
    base = rnd.choice(["", " xml:base='http://base/x/'"])
    return f"<feed xmlns='http://www.w3.org/2005/Atom'{base}><title>F</title>{''.join(map(one, range(n)))}</feed>"


def ours(path):
    out = subprocess.run([TOOL, "-u", URL, path], check=True, capture_output=True, text=True).stdout.splitlines()
    assert not [line for line in out if line.startswith("#")], out[-1]
    return [json.loads(line) for line in out]


@pytest.mark.skipif(not TOOL.exists(), reason="feed-tool was not built")
@pytest.mark.parametrize("make", [rss, rdf, atom])
def test_feedparser_reads_the_same(tmp_path, make):
    for seed in range(12):
        rnd = random.Random(seed)
        body = make(rnd, 40).encode()
        path = tmp_path / f"{seed}.xml"
        path.write_bytes(body)
        theirs = feedparser.parse(body, response_headers={"content-location": URL, "content-type": "application/xml"}).entries
        mine = ours(path)
        assert len(mine) == len(theirs) == 40
        for one, other in zip(mine, theirs):
            where = f"seed {seed}, {other.get('id')}"
            assert one["guid"] == other.get("id") or make is rdf, where
            assert one["title"] == text(other.get("title", "")), where
            assert one["link"] == other.get("link", "").strip(), where
            published = seconds(other.get("published_parsed") or (other.get("updated_parsed") if make is rdf else None))
            assert (one["published"] or "").replace(".500Z", "Z") == (published or ""), where + f" {other.get('published')}"
            if make is atom:
                assert (one["updated"] or "").replace(".500Z", "Z") == (seconds(other.get("updated_parsed")) or ""), where
            assert one["categories"] == [t["term"] for t in other.get("tags", [])], where


# What is wrong, and how: both read it, and alike.
MISTAKES = {
    "a byte of Windows-1252": lambda b: b.replace(b"plain", b"\x93plain\x94"),
    "a naked ampersand": lambda b: b.replace(b"plain", b"pl & ain").replace(b"b=1&amp;c", b"b=1&c"),
    "HTML's names": lambda b: b.replace(b"plain", b"pl&rsquo;ain&nbsp;x&eacute;"),
    "numbers of Windows": lambda b: b.replace(b"plain", b"pl&#146;ain"),
    "blanks before": lambda b: b"\n\n  " + b,
    "a warning before": lambda b: b"<br />\n<b>Notice</b>: x in y.php\n" + b,
    "a script behind": lambda b: b + b"<script>a && b</script>",
    "an unknown encoding": lambda b: b.replace(b"<?xml version='1.0'?>", b"<?xml version='1.0' encoding='bogus'?>"),
    "utf-16 in name only": lambda b: b.replace(b"<?xml version='1.0'?>", b"<?xml version='1.0' encoding='utf-16'?>"),
    "a comment with two dashes": lambda b: b.replace(b"</item>", b"<!-- a -- b --></item>"),
    "a namespace that nobody declared": lambda b: b.replace(b"</item>", b"<x:y>z</x:y></item>"),
    "names in capitals": lambda b: b.replace(b"item>", b"ITEM>").replace(b"pubDate", b"PubDate"),
}


@pytest.mark.skipif(not TOOL.exists(), reason="feed-tool was not built")
@pytest.mark.parametrize("wrong", MISTAKES)
def test_feedparser_takes_the_same_mistakes(tmp_path, wrong):
    body = rss(random.Random(1), 40).replace("caf\u00e9 \u2603", "cafe")
    broken = MISTAKES[wrong](body.encode())
    assert broken != body.encode()
    path = tmp_path / "broken.xml"
    path.write_bytes(broken)
    theirs = feedparser.parse(broken, response_headers={"content-location": URL, "content-type": "application/xml"}).entries
    mine = ours(path)
    assert len(mine) == len(theirs) == 40
    for one, other in zip(mine, theirs):
        assert one["guid"] == other.id
        assert (one["title"] or "").replace("\u00a0", " ") == (text(other.get("title", "")) or "")
        assert one["link"] == other.link.strip()
        assert (one["published"] or "").replace(".500Z", "Z") == (seconds(other.get("published_parsed")) or "")
