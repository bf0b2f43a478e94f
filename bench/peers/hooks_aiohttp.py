"""A webhook as people write one: aiohttp on uvloop, and a row in SQLite that is synced before the 200

    hooks_aiohttp.py one|together PORT DATABASE DELIVERIES      ends when so many were answered

one: each delivery is a transaction of its own. together: those that came while the disk was busy go in one transaction, by hand: the
same grouped sync as hocket's. Both in a thread, in WAL mode with synchronous = FULL. What comes later is not done here: the row is all.
"""
import asyncio
import json
import sqlite3
import sys

import uvloop
from aiohttp import web


def open_database(path):
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE rows(id INTEGER, event TEXT, text TEXT)")
    return database


def keep(database, lot):
    database.execute("BEGIN")
    database.executemany("INSERT INTO rows VALUES(?, ?, ?)", [(r["id"], r["event"], r["text"]) for r in lot])
    database.execute("COMMIT")


async def main(how, port, path, wanted):
    database, waiting, came, done = open_database(path), [], asyncio.Event(), asyncio.Event()
    answered = 0

    async def keeper():
        while True:
            await came.wait()
            came.clear()
            while waiting:
                lot = waiting[:] if how == "together" else waiting[:1]
                del waiting[:len(lot)]
                await asyncio.to_thread(keep, database, [record for record, _ in lot])
                for _, told in lot:
                    told.set_result(None)

    async def take(request):
        nonlocal answered
        record = await request.json()
        told = asyncio.get_running_loop().create_future()
        waiting.append((record, told))
        came.set()
        await told
        answered += 1
        if answered == wanted:
            done.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/hooks", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    keeps = asyncio.create_task(keeper())
    await done.wait()
    await runner.cleanup()
    keeps.cancel()
    database.close()


uvloop.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
