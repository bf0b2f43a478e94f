"""feeds_feedparser.py - feeds of a list, entries as JSON lines: 16 threads that ask, feedparser that reads

    feeds_feedparser.py LIST OUT
"""
import calendar
import concurrent.futures
import json
import sys
import time
import urllib.request

import feedparser


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return url, answer.read(), dict(answer.headers)


def record(url, entry):
    when = entry.get("published_parsed")
    return {"guid": entry.get("id"), "link": entry.get("link"), "title": entry.get("title"), "summary": entry.get("summary"),
            "published": when and time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(calendar.timegm(when))),
            "categories": [tag["term"] for tag in entry.get("tags", [])], "feed": {"url": url}}


def main(names, out):
    urls = [line.strip() for line in open(names)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool, open(out, "w") as lines:
        for url, body, headers in pool.map(fetch, urls):
            for entry in feedparser.parse(body, response_headers={"content-location": url, **headers}).entries:
                lines.write(json.dumps(record(url, entry)) + "\n")


main(*sys.argv[1:])
