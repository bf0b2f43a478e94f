"""news - the e-news example beside the same in asyncio: articles read, readers ranked, digests mailed

The papers are examples/e-news/server on a good day (no mishaps, 20 ms an answer), PostgreSQL is our own, the mail server tests/e2e/smtp.py, which
takes mails as fast as Python can. Both programs extract, embed and rank with the same files of the example; what differs is what is around them: hocket keeps
of feeds what they have said, retries, keeps an intent for each mail before it is sent, and its rows and mark in one transaction. The witnesses are the table,
the mail server's log and the ledger.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.request

from .kit import BENCH, ROOT, Missing, say, sh
from .measure import Failed, Rounds

sys.path.insert(0, str(ROOT / "tests/e2e"))
import pg  # noqa: E402
import smtp  # noqa: E402

EXAMPLE = ROOT / "examples/e-news"
FILES = ["ingest.yaml", "today.yaml", "digest.yaml", "extract.py", "embed.py", "rank.py", "idf.tsv", "topics.json", "digest.html", "digest.txt"]
RANKING = """\
import json, sys, time
sys.path.insert(0, sys.argv[1])
import rank
readers = [json.loads(line) for line in open("readers.jsonl")]
started = time.process_time()
ranking = rank.Rank("today.jsonl")
matches = [m for at in range(0, len(readers), 500) for m in ranking(readers[at:at + 500])]
print(json.dumps({"cpu_s": time.process_time() - started, "readers": len(matches), "articles": len(ranking.articles)}))
"""


@contextlib.contextmanager
def papers(kit):
    process = subprocess.Popen([kit.build / "demo-news", "--mishaps", "no", "--day", "2", "--latency", "20ms"], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def postgres():
    try:
        server = pg.Postgres()
    except pg.Missing as error:
        raise Missing(str(error)) from None
    try:
        yield server
    finally:
        server.stop()


class Hocket:
    name = "hocket"

    def __init__(self, kit):
        self.program = kit.hocket()

    def ingest(self, base):
        return [self.program, "run", "-q", "--once", "--fresh", "--allow", "loopback", "ingest.yaml"]

    def digest(self, post, n):
        return ["sh", "-c", f"'{self.program}' run -q --fresh today.yaml && exec '{self.program}' run -q --fresh --set readers={n} digest.yaml"]


class Asyncio:
    name = "asyncio"

    def __init__(self, kit):
        self.script = [kit.python(), BENCH / "peers/news_asyncio.py"]

    def ingest(self, base):
        return [*self.script, "ingest", f"{base}/feeds.txt", os.environ["PG_URL"]]

    def digest(self, post, n):
        return [*self.script, "digest", os.environ["PG_URL"], post.port, n]


def lay_out(folder, base):
    """What hocket's pipelines need; their rates are the example's manners, not part of a measurement."""
    for name in FILES:
        text = (EXAMPLE / name).read_text()
        (folder / name).write_text("".join(line for line in text.splitlines(keepends=True) if not line.strip().startswith("rate:")))
    with urllib.request.urlopen(f"{base}/feeds.txt", timeout=30) as answer:
        (folder / "feeds.txt").write_bytes(answer.read())


def invite(kit, base, db, n):
    with urllib.request.urlopen(f"{base}/admin/archive", timeout=30) as answer:
        lines = subprocess.run([kit.python(), EXAMPLE / "readers.py", str(n)], input=answer.read(), stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["psql", "-X", "-q", "-d", db.url, "-c", "COPY readers FROM STDIN"], input=lines, check=True)


def ranking(kit, folder, db, n):
    """Seconds of processor time for all readers and articles, in one process."""
    db_lines = db.run("SELECT json_build_object('id', id, 'name', name, 'email', email, 'interests', interests, 'seen', NULL, "
                      "'profile', replace(encode(profile, 'base64'), E'\\n', '')) FROM readers ORDER BY id")
    (folder / "readers.jsonl").write_text("\n".join(db_lines) + "\n")
    sh(kit.hocket(), "run", "-q", "--fresh", "today.yaml", cwd=folder)
    got = json.loads(sh(kit.python(), "-c", RANKING, EXAMPLE, cwd=folder, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}))
    if got["readers"] != n:
        raise Failed(f"ranked {got['readers']} readers of {n}")
    return got


def one_round(runner, folder, base, server, peer, fill, n, figures):
    db = server.database()
    db.run((EXAMPLE / "schema.sql").read_text())
    os.environ["PG_URL"] = db.url
    shutil.rmtree(folder / ".hocket", ignore_errors=True)  # what it holds outlives `--fresh`: guids for 90 days, what each feed said
    got = runner.run(peer.ingest(base), core=-1, cwd=folder)
    articles = db.int("SELECT count(*) FROM articles")
    if articles != 400:
        raise Failed(f"{peer.name}: {articles} articles of 400")
    figures.add(peer.name, "ingest", per_s=articles / got["wall_s"], cpu_ms=got["cpu_s"] * 1000 / articles, rss_mib=got["rss_mib"])
    fill(db)
    with smtp.server() as post:
        os.environ["SMTP_URL"] = post.url
        got = runner.run(peer.digest(post, n), core=-1, cwd=folder)
        if len({mail.to[0] for mail in post.mails}) != n or len(post.mails) != n or db.int("SELECT count(*) FROM sends") != n:
            raise Failed(f"{peer.name}: {len(post.mails)} mails for {n} readers, {db.int('SELECT count(*) FROM sends')} rows in the ledger")
    figures.add(peer.name, "digest", per_s=n / got["wall_s"], cpu_ms=got["cpu_s"] * 1000 / n, rss_mib=got["rss_mib"])
    return db


def news(kit, runner, folder, n, rounds):
    folder, figures = pathlib.Path(folder), Rounds()
    os.environ["PATH"] = f"{kit.python().parent}:{os.environ['PATH']}"  # hocket's workers and the peer are one Python
    everyone = [p for p in (kit.try_make(make.name, lambda: make(kit)) for make in (Hocket, Asyncio)) if p]
    with papers(kit) as base, postgres() as server:
        lay_out(folder, base)
        for at in range(rounds):
            for peer in list(everyone):
                say(f"bench: round {at + 1} of {rounds}: {peer.name}")
                try:
                    db = one_round(runner, folder, base, server, peer, lambda db: invite(kit, base, db, n), n, figures)
                except Failed as error:
                    kit.miss(peer.name, error)
                    everyone.remove(peer)
        ranked = ranking(kit, folder, db, n)
    say(f"bench: ranking {ranked['readers']:,} x {ranked['articles']}: {ranked['cpu_s']:.2f} s of CPU")
    return {"n": n, "rounds": rounds, "ranking": ranked, "rows": figures.as_json(["per_s", "cpu_ms", "rss_mib"])}
