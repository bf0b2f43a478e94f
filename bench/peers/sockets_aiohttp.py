"""sockets_aiohttp.py URL N - N messages of a WebSocket into out.jsonl, by aiohttp and uvloop"""
import asyncio
import json
import sys

import aiohttp
import uvloop


async def main(url, n):
    async with aiohttp.ClientSession() as session, session.ws_connect(url, compress=0) as ws:
        await ws.send_str("{}")
        with open("out.jsonl", "w") as out:
            for _ in range(n):
                m = json.loads(await ws.receive_str())
                out.write(json.dumps({"seq": m["seq"], "price": m["price"]}) + "\n")


uvloop.install()
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
