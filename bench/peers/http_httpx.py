"""What people write: httpx, gather and a Semaphore

    http_httpx.py IDS OUT URL CONCURRENCY      IDS holds {"id": n} lines; URL ends before the id
"""
import asyncio
import json
import sys

import httpx


async def main(ids, out, url, concurrency):
    gate = asyncio.Semaphore(concurrency)
    limits = httpx.Limits(max_connections=concurrency)

    async def one(client, record, sink):
        async with gate:
            answer = await client.get(f"{url}{record['id']}")
        answer.raise_for_status()
        record["ref"] = answer.json()["customer"]["ref"]
        sink.write(json.dumps(record) + "\n")

    async with httpx.AsyncClient(limits=limits, timeout=None) as client:
        with open(ids) as source, open(out, "w") as sink:
            await asyncio.gather(*(one(client, json.loads(line), sink) for line in source))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
