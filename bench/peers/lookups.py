"""lookups - for each {"id": n} of in.jsonl the row of that id, as people ask PostgreSQL for it in Python

    lookups.py asyncpg_gather|asyncpg_lots|psycopg_pipeline|psycopg_pool URL      writes out.jsonl: {"id": n, "rows": [{...}]}

asyncpg_gather: a pool of 4, a hundred tasks; psycopg_pool the same. psycopg_pipeline: 200 lookups share a round trip, 4 connections.
asyncpg_lots: what a hand that knows SQL writes in the place of a batch: one query with = ANY($1) for 200 ids, parted again by id.
"""
import asyncio
import json
import sys

LOOKUP = "SELECT id, name, price::text AS price FROM item WHERE id = {}"
CONNECTIONS, TASKS, BATCH = 4, 100, 200


def read():
    with open("in.jsonl") as lines:
        return [json.loads(line) for line in lines]


def write(records):
    with open("out.jsonl", "w") as out:
        out.writelines(json.dumps(r) + "\n" for r in records)


async def at_most(limit, work, things):
    gate = asyncio.Semaphore(limit)

    async def one(thing):
        async with gate:
            await work(thing)

    await asyncio.gather(*[one(thing) for thing in things])


def lots(records):
    return [records[i:i + BATCH] for i in range(0, len(records), BATCH)]


async def asyncpg_gather(url, records):
    import asyncpg
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        async def look(r):
            r["rows"] = [dict(row) for row in await pool.fetch(LOOKUP.format("$1"), r["id"])]
        await at_most(TASKS, look, records)


async def asyncpg_lots(url, records):
    import asyncpg
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        async def look(lot):
            rows = {}
            for row in await pool.fetch(LOOKUP.format("ANY($1::int[])"), [r["id"] for r in lot]):
                rows.setdefault(row["id"], []).append(dict(row))
            for r in lot:
                r["rows"] = rows.get(r["id"], [])
        await at_most(CONNECTIONS, look, lots(records))


async def psycopg_pool(url, records):
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool
    async with AsyncConnectionPool(url, min_size=CONNECTIONS, max_size=CONNECTIONS, kwargs={"row_factory": dict_row, "autocommit": True}) as pool:
        async def look(r):
            async with pool.connection() as one:
                r["rows"] = await (await one.execute(LOOKUP.format("%s"), (r["id"],))).fetchall()
        await at_most(TASKS, look, records)


async def psycopg_pipeline(url, records):
    import psycopg
    from psycopg.rows import dict_row
    todo = lots(records)[::-1]

    async def worker():
        async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row, autocommit=True) as one:
            while todo:
                lot = todo.pop()
                async with one.pipeline():
                    cursors = [await one.execute(LOOKUP.format("%s"), (r["id"],)) for r in lot]
                for r, cursor in zip(lot, cursors):
                    r["rows"] = await cursor.fetchall()

    await asyncio.gather(*[worker() for _ in range(CONNECTIONS)])


def main():
    which, url = sys.argv[1:]
    import uvloop
    records = read()
    uvloop.run(globals()[which](url, records))
    write(records)


main()
