"""news_asyncio.py - the e-news example as a data engineer writes it: asyncio with feedparser, aiohttp, asyncpg, Jinja2 and aiosmtplib

    news_asyncio.py ingest FEEDS_URL PG_URL            feeds -> pages -> articles
    news_asyncio.py digest PG_URL SMTP_PORT READERS    readers x articles -> mails -> ledger

Extraction, vectors and ranking are the example's own files, so that only what is around them differs. What it does not do: remember what feeds have said,
retry, keep dead letters, or know after a crash to whom it has written.
"""
import asyncio
import base64
import collections
import concurrent.futures
import datetime
import email.message
import email.utils
import json
import pathlib
import sys
import tempfile
import time

import aiohttp
import aiosmtplib
import asyncpg
import feedparser
import jinja2

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLE = HERE.parent.parent / "examples/e-news"
sys.path.insert(0, str(EXAMPLE))
import embed  # noqa: E402
import extract  # noqa: E402
import rank  # noqa: E402

AT_ONCE = 100
COLUMNS = ["guid", "url", "paper", "title", "author", "published", "language", "summary", "text", "words", "topics", "embedding"]


async def get(session, limit, url):
    async with limit, session.get(url) as answer:
        return answer.status, answer.content_type, await answer.text()


def entries(body, kind):
    if kind == "application/feed+json":
        feed = json.loads(body)
        for item in feed["items"]:
            yield {"guid": item["id"], "link": item["url"], "title": item["title"], "summary": item["summary"], "author": None, "paper": feed["title"],
                   "published": item["date_published"]}
        return
    feed = feedparser.parse(body)
    for item in feed.entries:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", item.get("published_parsed") or item.get("updated_parsed"))
        yield {"guid": item.get("id", item.link), "link": item.link, "title": item.title, "summary": item.get("summary"), "author": item.get("author"),
               "paper": feed.feed.title, "published": moment}


async def article(session, limit, pool, entry):
    status, _, html = await get(session, limit, entry["link"])
    record = {**entry, "html": html if status == 200 else None}
    return await asyncio.get_running_loop().run_in_executor(pool, extract.extract, record)


async def ingest(feeds_url, pg_url):
    limit, vectors, db = asyncio.Semaphore(AT_ONCE), embed.Embed(), await asyncpg.connect(pg_url)
    with concurrent.futures.ProcessPoolExecutor() as pool:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
            _, _, listed = await get(session, limit, feeds_url)
            urls = [line for line in listed.splitlines() if line and not line.startswith("#")]
            read = await asyncio.gather(*(get(session, limit, url) for url in urls))
            found = {e["guid"]: e for status, kind, body in read if status == 200 for e in entries(body, kind)}
            articles = await asyncio.gather(*(article(session, limit, pool, e) for e in found.values()))
    rows = []
    for at in range(0, len(articles), 32):
        for a in vectors(articles[at:at + 32]):
            a |= {"url": a["link"], "topics": json.dumps(a["topics"]), "published": datetime.datetime.fromisoformat(a["published"][:-1] + "+00:00")}
            rows.append([a[column] for column in COLUMNS])
    marks = ", ".join(f"${n}" for n in range(1, len(COLUMNS) + 1))
    await db.executemany(f"INSERT INTO articles ({', '.join(COLUMNS)}) VALUES ({marks}) ON CONFLICT (guid) DO NOTHING", rows)
    await db.close()


def compose(reader, articles, edition, printed, templates):
    values = {"reader": reader, "first_name": reader["name"].split()[0], "articles": articles, "printed": printed,
              "date": time.strftime("%A, %-d %B %Y", time.strptime(edition, "%Y-%m-%d"))}
    mail = email.message.EmailMessage()
    mail["From"], mail["To"] = "The Morning Ten <ten@news.example>", f"{reader['name']} <{reader['email']}>"
    mail["Subject"], mail["Message-ID"] = articles[0]["title"], email.utils.make_msgid(domain="news.example")
    mail["List-Unsubscribe"] = f"<https://news.example/leave/{reader['id']}>"
    mail.set_content(templates["digest.txt"].render(values))
    mail.add_alternative(templates["digest.html"].render(values), subtype="html")
    return mail


async def sender(queue, port, pool, templates):
    """One connection, one mail after the other; a row in the ledger behind each."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as server:
        while (todo := await queue.get()) is not None:
            reader, articles, edition, printed = todo
            mail = compose(reader, articles, edition, printed, templates)
            _, response = await server.send_message(mail)
            await pool.execute("INSERT INTO sends (reader, edition, articles, message_id, outcome, response) VALUES ($1, $2::text::date, $3, $4, 'sent', $5)", reader["id"], edition,
                               json.dumps([a["guid"] for a in articles]), mail["Message-ID"], response)


def ranking(articles):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as today:
        for a in articles.values():
            today.write(json.dumps({"guid": a["guid"], "published": a["published"].strftime("%Y-%m-%dT%H:%M:%SZ"), "topics": json.loads(a["topics"]),
                                    "embedding": base64.b64encode(a["embedding"]).decode()}) + "\n")
        today.flush()
        return rank.Rank(today.name)


async def digest(pg_url, port, readers):
    pool = await asyncpg.create_pool(pg_url, min_size=8, max_size=8)
    articles = {row["guid"]: dict(row) for row in await pool.fetch(
        "SELECT guid, url, a.title, summary, paper, author, published, topics, embedding, name AS topic, color "
        "FROM articles a JOIN topics ON slug = topics->>0 WHERE published > (SELECT max(published) FROM articles) - interval '2 days'")}
    ranked, queue = ranking(articles), asyncio.Queue(100)
    loader = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=jinja2.select_autoescape(), trim_blocks=True)
    templates = {name: loader.get_template(f"news_{name}") for name in ("digest.html", "digest.txt")}
    rows = await pool.fetch("SELECT id, name, email, interests, profile FROM readers WHERE id <= $1 ORDER BY id", readers)
    senders = [asyncio.create_task(sender(queue, port, pool, templates)) for _ in range(8)]
    for at in range(0, len(rows), 500):
        block = [{**r, "interests": json.loads(r["interests"]), "profile": base64.b64encode(r["profile"]).decode()} for r in rows[at:at + 500]]
        groups = collections.defaultdict(list)
        for match in (m for matches in ranked(block) for m in matches):
            groups[match["reader"]["id"]].append(match)
        for matches in groups.values():
            matches.sort(key=lambda m: (m["follows"] is None, m["rank"]))
            chosen = [{**articles[m["guid"]], "follows": m["follows"]} for m in matches]
            await queue.put((matches[0]["reader"], chosen, matches[0]["edition"], matches[0]["printed"]))
    for _ in senders:
        await queue.put(None)
    await asyncio.gather(*senders)
    await pool.close()


if __name__ == "__main__":
    if sys.argv[1] == "ingest":
        asyncio.run(ingest(*sys.argv[2:4]))
    else:
        asyncio.run(digest(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
