#!/usr/bin/env python3
"""Each record's text into an object of its own, by aiohttp on uvloop and the JSON API by hand. Arguments: bucket, at once."""
import asyncio
import base64
import hashlib
import json
import os
import sys

import aiohttp
import uvloop

bucket, most = sys.argv[1], int(sys.argv[2])
URL = f"{os.environ['STORAGE_EMULATOR_HOST']}/upload/storage/v1/b/{bucket}/o"


async def upload(session, slots, record):
    name, data = f"{record['name']}.txt", record["text"].encode()
    async with slots:
        async with session.post(URL, params={"uploadType": "media", "name": name}, data=data,
                                headers={"Content-Type": "text/plain; charset=utf-8"}) as answer:
            answer.raise_for_status()
            there = await answer.json()
    if there["md5Hash"] != base64.b64encode(hashlib.md5(data).digest()).decode():
        raise ValueError(f"{name}: the store has something else")
    return {"name": record["name"], "url": f"gs://{bucket}/{name}"}


async def main():
    slots = asyncio.Semaphore(most)
    with open("in.jsonl") as lines, open("out.jsonl", "w") as out:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=most)) as session:
            for done in await asyncio.gather(*[upload(session, slots, json.loads(line)) for line in lines]):
                out.write(json.dumps(done) + "\n")


uvloop.install()
asyncio.run(main())
