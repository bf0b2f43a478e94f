"""loads.py CASE URL - in.jsonl into table item, or items.db into out.jsonl, as a careful Python program does it

Lots of 10,000 rows, one transaction each. psycopg_copy, asyncpg_copy: COPY. psycopg_upsert: executemany in pipeline mode; asyncpg_upsert: COPY
into a temporary table, and from there. sqlite3: a query's rows as JSON lines.
"""
import asyncio
import itertools
import json
import sqlite3
import sys

LOT = 10000
COLUMNS = ["id", "name", "total", "paid"]
UPSERT = "ON CONFLICT (id) DO UPDATE SET name = excluded.name, total = excluded.total, paid = excluded.paid"


def lots():
    with open("in.jsonl") as lines:
        while lot := [tuple(json.loads(line)[c] for c in COLUMNS) for line in itertools.islice(lines, LOT)]:
            yield lot


def psycopg_copy(url):
    import psycopg
    with psycopg.connect(url) as db:
        for lot in lots():
            with db.cursor() as cursor, cursor.copy("COPY item (id, name, total, paid) FROM STDIN") as copy:
                for row in lot:
                    copy.write_row(row)
            db.commit()


def psycopg_upsert(url):
    import psycopg
    with psycopg.connect(url) as db:
        for lot in lots():
            with db.cursor() as cursor:
                cursor.executemany(f"INSERT INTO item (id, name, total, paid) VALUES (%s, %s, %s, %s) {UPSERT}", lot)
            db.commit()


async def asyncpg_copy(url):
    import asyncpg
    db = await asyncpg.connect(url)
    for lot in lots():
        await db.copy_records_to_table("item", records=lot, columns=COLUMNS)
    await db.close()


async def asyncpg_upsert(url):
    import asyncpg
    db = await asyncpg.connect(url)
    await db.execute("CREATE TEMP TABLE lot (LIKE item) ON COMMIT DELETE ROWS")
    for lot in lots():
        async with db.transaction():
            await db.copy_records_to_table("lot", records=lot, columns=COLUMNS)
            await db.execute(f"INSERT INTO item (id, name, total, paid) SELECT id, name, total, paid FROM lot {UPSERT}")
    await db.close()


def sqlite(_):
    db = sqlite3.connect("items.db")
    db.row_factory = sqlite3.Row
    with open("out.jsonl", "w") as out:
        for row in db.execute("SELECT id, name, total, paid FROM item ORDER BY id"):
            out.write(json.dumps(dict(row), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    case, where = sys.argv[1:]
    if case.startswith("asyncpg"):
        asyncio.run(globals()[case](where))
    else:
        globals()[case](where)
