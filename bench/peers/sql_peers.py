"""sql_peers - the cases of bench/sql.c with asyncpg, psycopg and Python's sqlite3

    sql_peers.py PEER URL CASE...     prints {"case": {"cpu_us": ..., "per_s": ..., "n": ...}}; a peer leaves out what it does not have
    sql_peers.py setup URL            makes the table `item`

SQLite's URL is sqlite:PATH. Every peer as its manual does it: prepared statements, one connection kept, pools where there are many tasks.
"""
import asyncio
import json
import sqlite3
import sys
import time

ITEMS, ROWS, BATCH, CONNECTIONS = 10000, 300000, 500, 20
LOOKUP = "SELECT id, name, price FROM item WHERE id = {}"
MANY = "SELECT a.id, a.name, a.price FROM item a, (SELECT id FROM item WHERE id < 30) b"
MADE = "CREATE {}TABLE loaded (id int, name text, price numeric)"


def items(n):
    return ((i, f"item {i}", "12.50") for i in range(n))


def check(row, i):
    assert row[0] == i, f"a wrong answer for {i}"


# ---- asyncpg ----

async def asyncpg_lookups(connection, n):
    for i in range(n):
        check(await connection.fetchrow(LOOKUP.format("$1"), i % ITEMS), i % ITEMS)
    return n


async def asyncpg_cases(url, names, report):
    import asyncpg
    from decimal import Decimal
    pool = await asyncpg.create_pool(url, min_size=1, max_size=CONNECTIONS)

    async def share():
        async with pool.acquire() as one:
            return await asyncpg_lookups(one, 1000)

    async def lookup():
        async with pool.acquire() as one:
            return await asyncpg_lookups(one, 10000)

    async def lookup_20():
        return sum(await asyncio.gather(*[share() for _ in range(CONNECTIONS)]))

    async def stream():
        n = 0
        async with pool.acquire() as one, one.transaction():
            async for row in one.cursor(MANY, prefetch=1000):
                n += row["id"] >= 0
        return n

    async def copy():
        async with pool.acquire() as one:
            await one.execute("DROP TABLE IF EXISTS loaded; " + MADE.format("UNLOGGED "))
            await one.copy_records_to_table("loaded", records=((i, name, Decimal(price)) for i, name, price in items(ROWS)))
        return ROWS

    await share()
    have = {"lookup": lookup, "lookup_20": lookup_20, "stream": stream, "copy": copy}
    for name in names:
        if name in have:
            await report(name, have[name])
    await pool.close()


# ---- psycopg ----

async def psycopg_lookups(connection, n):
    async with connection.cursor() as cursor:
        for i in range(n):
            await cursor.execute(LOOKUP.format("%s"), (i % ITEMS,))
            check(await cursor.fetchone(), i % ITEMS)
    return n


async def psycopg_cases(url, names, report):
    import psycopg
    connections = [await psycopg.AsyncConnection.connect(url, autocommit=True) for _ in range(CONNECTIONS)]
    one = connections[0]

    async def lookup():
        return await psycopg_lookups(one, 10000)

    async def lookup_20():
        return sum(await asyncio.gather(*[psycopg_lookups(c, 1000) for c in connections]))

    async def pipeline():
        for start in range(100):
            cursors, first = [], start % (ITEMS // BATCH) * BATCH
            async with one.pipeline():
                for i in range(BATCH):
                    cursors.append(await one.execute(LOOKUP.format("%s"), (first + i,)))
                for i, cursor in enumerate(cursors):
                    check(await cursor.fetchone(), first + i)
        return 100 * BATCH

    async def stream():
        n = 0
        async with one.cursor() as cursor:
            async for row in cursor.stream(MANY):
                n += row[0] >= 0
        return n

    async def copy():
        await one.execute("DROP TABLE IF EXISTS loaded")
        await one.execute(MADE.format("UNLOGGED "))
        async with one.cursor() as cursor, cursor.copy("COPY loaded FROM STDIN") as to:
            for row in items(ROWS):
                await to.write_row(row)
        return ROWS

    await psycopg_lookups(one, 1000)
    have = {"lookup": lookup, "lookup_20": lookup_20, "pipeline": pipeline, "stream": stream, "copy": copy}
    for name in names:
        if name in have:
            await report(name, have[name])
    for connection in connections:
        await connection.close()


# ---- sqlite3 ----

async def sqlite3_cases(url, names, report):
    one = sqlite3.connect(url.removeprefix("sqlite:"), isolation_level=None)
    one.execute("PRAGMA synchronous = FULL")

    async def lookup(n=10000):
        for i in range(n):
            check(one.execute(LOOKUP.format("?"), (i % ITEMS,)).fetchone(), i % ITEMS)
        return n

    async def stream():
        return sum(row[0] >= 0 for row in one.execute(MANY))

    async def insert():
        one.execute("DROP TABLE IF EXISTS loaded")
        one.execute(MADE.format(""))
        rows = list(items(100 * BATCH))
        for start in range(100):
            one.execute("BEGIN IMMEDIATE")
            one.executemany("INSERT INTO loaded VALUES (?, ?, ?)", rows[start * BATCH:(start + 1) * BATCH])
            one.execute("COMMIT")
        return 100 * BATCH

    await lookup(1000)
    have = {"lookup": lookup, "stream": stream, "insert": insert}
    for name in names:
        if name in have:
            await report(name, have[name])
    one.close()


# ---- the table, the clock ----

def setup(url):
    rows = [(i, f"item {i}", "12.50") for i in range(ITEMS)]
    make = "CREATE TABLE item (id int PRIMARY KEY, name text, price numeric)"
    if url.startswith("sqlite:"):
        with sqlite3.connect(url.removeprefix("sqlite:")) as one:
            one.execute("PRAGMA journal_mode = WAL")
            one.execute(make)
            one.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
        return
    import psycopg
    with psycopg.connect(url) as one:
        one.execute(make)
        with one.cursor() as cursor, cursor.copy("COPY item FROM STDIN") as to:
            for row in rows:
                to.write_row(row)
        one.execute("ANALYZE item")


def main():
    peer, url, *names = sys.argv[1:]
    if peer == "setup":
        return setup(url)
    got = {}

    async def report(name, case):
        wall, cpu = time.perf_counter(), time.process_time()
        n = await case()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        got[name] = {"cpu_us": cpu * 1e6 / n, "per_s": n / wall, "n": n}

    asyncio.run({"asyncpg": asyncpg_cases, "psycopg": psycopg_cases, "sqlite3": sqlite3_cases}[peer](url, names, report))
    print(json.dumps(got))


if __name__ == "__main__":
    main()
