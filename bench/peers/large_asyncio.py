"""The article's pipeline as asyncio has it: for each id an API call, then a row of PostgreSQL, then a JSON line

    large_asyncio.py rows|lots IDS OUT URL DATABASE CONCURRENCY      IDS holds {"id": n} lines; URL ends before the id

A TaskGroup with a task for each id, a Semaphore before the API, aiohttp on uvloop, a pool of 4 connections of asyncpg. rows: each task asks
for its row. lots: what a hand that knows SQL writes: answers meet in a queue, 4 tasks take up to 200 at a time, and = ANY($1) asks for all.
"""
import asyncio
import json
import resource
import sys

import aiohttp
import asyncpg
import uvloop

LOOKUP = "SELECT id, name, price::text AS price FROM item WHERE id = {}"
CONNECTIONS, BATCH = 4, 200


def write(out, record, rows):
    record["rows"] = [dict(row) for row in rows]
    out.write(json.dumps(record) + "\n")


async def take_lots(pool, queue, out):
    while (record := await queue.get()) is not None:
        lot = [record]
        while len(lot) < BATCH and not queue.empty():
            lot.append(queue.get_nowait())
        if lot[-1] is None:
            lot.pop()
            queue.put_nowait(None)
        rows = {}
        for row in await pool.fetch(LOOKUP.format("ANY($1::int[])"), [r["item"] for r in lot]):
            rows[row["id"]] = row
        for r in lot:
            write(out, r, [rows[r["item"]]])
    queue.put_nowait(None)


async def main(how, ids, path, url, database, concurrency):
    gate, queue = asyncio.Semaphore(concurrency), asyncio.Queue()
    connector = aiohttp.TCPConnector(limit=concurrency)

    async def one(session, pool, record, out):
        async with gate, session.get(f"{url}{record['id']}") as answer:
            answer.raise_for_status()
            record["ref"] = (await answer.json())["customer"]["ref"]
        if how == "lots":
            queue.put_nowait(record)
        else:
            write(out, record, await pool.fetch(LOOKUP.format("$1"), record["item"]))

    async with (aiohttp.ClientSession(connector=connector) as session,
                asyncpg.create_pool(database, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool):
        with open(ids) as source, open(path, "w") as out:
            lots = [asyncio.create_task(take_lots(pool, queue, out)) for _ in range(CONNECTIONS if how == "lots" else 0)]
            async with asyncio.TaskGroup() as group:
                for line in source:
                    group.create_task(one(session, pool, json.loads(line), out))
            queue.put_nowait(None)
            await asyncio.gather(*lots)


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
uvloop.run(main(*sys.argv[1:6], int(sys.argv[6])))
