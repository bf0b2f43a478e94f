"""sockets_websockets.py URL N - N messages of a WebSocket into out.jsonl, by `websockets`"""
import asyncio
import json
import sys

import websockets


async def main(url, n):
    async with websockets.connect(url, compression=None) as ws:
        await ws.send("{}")
        with open("out.jsonl", "w") as out:
            for _ in range(n):
                m = json.loads(await ws.recv())
                out.write(json.dumps({"seq": m["seq"], "price": m["price"]}) + "\n")


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
