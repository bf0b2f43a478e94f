"""The fast way in Python: aiohttp on uvloop, gather and a Semaphore

    http_aiohttp.py IDS OUT URL CONCURRENCY      IDS holds {"id": n} lines; URL ends before the id
"""
import asyncio
import json
import sys

import aiohttp
import uvloop


async def main(ids, out, url, concurrency):
    gate = asyncio.Semaphore(concurrency)
    connector = aiohttp.TCPConnector(limit=concurrency)

    async def one(session, record, sink):
        async with gate, session.get(f"{url}{record['id']}") as answer:
            answer.raise_for_status()
            record["ref"] = (await answer.json())["customer"]["ref"]
        sink.write(json.dumps(record) + "\n")

    async with aiohttp.ClientSession(connector=connector) as session:
        with open(ids) as source, open(out, "w") as sink:
            await asyncio.gather(*(one(session, json.loads(line), sink) for line in source))


uvloop.install()
asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
