"""feeds - RSS and Atom from a server on the other core into JSON lines, beside feedparser

What each wrote is read back: every entry once.
"""
import json
import pathlib
import shutil
import subprocess
import sys
from xml.sax.saxutils import escape

from .kit import BENCH, say
from .measure import SERVER_CORE, Failed, Rounds, pinned
from .servers import free_port

FEEDS, HOCKET = 100, "from: {rss: feeds.txt}\nto: {jsonl: out.jsonl}\n"
WORDS = "the council met on Monday and said that nothing of what was planned will be built before spring comes again ".split()


def text(i, n):
    return " ".join(WORDS[(i * 7 + k) % len(WORDS)] for k in range(n))


def rss(i):
    return (f"<item><guid isPermaLink='false'>tag:feeds,2026:e{i}</guid><title>{text(i, 8)}</title><link>/e/{i}</link><pubDate>Mon, 06 Sep 2021 00:01:00 +0000</pubDate>"
            f"<category>town</category><description>{escape('<p>' + text(i, 120) + '</p>')}</description></item>")


def atom(i):
    return (f"<entry><id>tag:feeds,2026:e{i}</id><title>{text(i, 8)}</title><link href='/e/{i}'/><published>2021-09-06T00:01:00Z</published>"
            f"<category term='town'/><summary type='html'>{escape('<p>' + text(i, 120) + '</p>')}</summary></entry>")


def write_feeds(folder, n, port):
    each = n // FEEDS
    for f in range(FEEDS):
        own = range(f * each, (f + 1) * each)
        body = (f"<rss version='2.0'><channel><title>feed {f}</title>{''.join(map(rss, own))}</channel></rss>" if f % 2 else
                f"<feed xmlns='http://www.w3.org/2005/Atom'><title>feed {f}</title>{''.join(map(atom, own))}</feed>")
        (folder / "www" / f"{f}.xml").write_text(body)
    (folder / "feeds.txt").write_text("".join(f"http://127.0.0.1:{port}/{f}.xml\n" for f in range(FEEDS)))


def peers(kit):
    made = [("hocket", [kit.hocket(), "run", "-q", "bench.yaml"])]
    if subprocess.run(["/usr/bin/python3", "-c", "import feedparser"], capture_output=True).returncode:
        kit.miss("feedparser", "python3-feedparser is not installed")
        return made
    return made + [("feedparser", ["/usr/bin/python3", BENCH / "peers/feeds_feedparser.py", "feeds.txt", "out.jsonl"])]


def measure(kit, runner, folder, n, rounds):
    figures = Rounds()
    everyone = peers(kit)
    for at in range(rounds):
        for name, command in everyone:
            say(f"bench: round {at + 1} of {rounds}: {name}, feeds")
            shutil.rmtree(folder / ".hocket", ignore_errors=True)
            (folder / "out.jsonl").unlink(missing_ok=True)
            got = runner.run(command, cwd=folder)
            guids = [json.loads(line)["guid"] for line in open(folder / "out.jsonl")]
            if sorted(guids) != sorted(f"tag:feeds,2026:e{i}" for i in range(n)):
                raise Failed(f"{name}: {len(guids)} entries of {n}")
            figures.add(name, "feeds", per_cpu_s=n / got["cpu_s"], per_s=n / got["wall_s"], rss_mib=got["rss_mib"])
    return {"n": n, "rounds": rounds, "feeds": FEEDS, "rows": figures.as_json(["per_cpu_s", "per_s", "rss_mib"])}


def feeds(kit, runner, folder, n, rounds):
    folder = pathlib.Path(folder)
    (folder / "www").mkdir(exist_ok=True)
    (folder / "bench.yaml").write_text(HOCKET)
    port = free_port()
    write_feeds(folder, n, port)
    server = subprocess.Popen(pinned(SERVER_CORE, sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder / "www", port),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return measure(kit, runner, folder, n, rounds)
    finally:
        server.terminate()
        server.wait()
