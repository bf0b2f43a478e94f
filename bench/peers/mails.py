"""mails.py CASE PORT AT_ONCE - each line of in.jsonl a mail, as a careful Python program sends them

smtplib: so many threads, each with a connection that it keeps. aiosmtplib: so many tasks, likewise, on uvloop.
"""
import asyncio
import itertools
import json
import smtplib
import sys
import threading
from email.message import EmailMessage


def message(record):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = "News <news@example.org>", "Ada Lovelace <ada@example.org>", f"number {record['id']}"
    m.set_content(record["text"])
    return m


def with_smtplib(port, at_once):
    lines, turn = open("in.jsonl"), threading.Lock()

    def lot():
        with turn:
            return list(itertools.islice(lines, 20))

    def work():
        with smtplib.SMTP("127.0.0.1", port) as server:
            while mails := lot():
                for line in mails:
                    server.send_message(message(json.loads(line)))

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


async def with_aiosmtplib(port, at_once):
    import aiosmtplib
    lines = open("in.jsonl")

    async def work():
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as server:
            for line in lines:
                await server.send_message(message(json.loads(line)))

    await asyncio.gather(*(work() for _ in range(at_once)))


case, port, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if case == "smtplib":
    with_smtplib(port, at_once)
else:
    import uvloop
    uvloop.run(with_aiosmtplib(port, at_once))
