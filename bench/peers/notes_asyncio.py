"""notes_asyncio - topics -> language model -> Markdown -> PDF -> bucket, with asyncio, httpx and WeasyPrint

    notes_asyncio.py TOPICS LLM STORE BUCKET WORKERS

As an article on asyncio for data engineers would write it: one client for all, a Semaphore for the workers (0: none), gather with
return_exceptions, WeasyPrint in a ProcessPoolExecutor with as many processes as cores, each of them warm before the first document.
The same job as examples/ai-notes/notes.yaml without what makes that one safe: no limits, no retries, no state.
"""
import asyncio
import json
import os
import pathlib
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import httpx

STYLE = pathlib.Path(__file__).with_name("notes.css")


def warm():
    global markdown, weasyprint, sheet
    import markdown
    import weasyprint
    sheet = weasyprint.CSS(filename=STYLE)
    weasyprint.HTML(string="<p>warm").write_pdf(stylesheets=[sheet])


def render(text):
    html = markdown.markdown(text, extensions=["tables", "fenced_code"])
    return weasyprint.HTML(string=html).write_pdf(stylesheets=[sheet])


class Notes:
    def __init__(self, client, pool, semaphore, llm, store, bucket):
        self.client, self.pool, self.semaphore = client, pool, semaphore
        self.llm, self.store, self.bucket = llm, store, bucket

    async def ask(self, topic):
        answer = await self.client.post(f"{self.llm}/v1/chat/completions", headers={"Authorization": "Bearer sk-demo"}, json={
            "model": "small", "messages": [{"role": "user", "content": f"Study notes, in Markdown, on {topic}"}]})
        answer.raise_for_status()
        return answer.json()["choices"][0]["message"]["content"]

    async def upload(self, name, pdf):
        answer = await self.client.post(f"{self.store}/upload/storage/v1/b/{self.bucket}/o", params={"uploadType": "media", "name": name},
                                        headers={"Content-Type": "application/pdf"}, content=pdf)
        answer.raise_for_status()

    async def make(self, record):
        async with self.semaphore:
            notes = await self.ask(record["topic"])
            pdf = await asyncio.get_running_loop().run_in_executor(self.pool, render, notes)
            await self.upload(record["slug"] + ".pdf", pdf)


async def main(topics, llm, store, bucket, workers):
    records = [json.loads(line) for line in open(topics)]
    workers = int(workers) or len(records)
    limits = httpx.Limits(max_connections=workers + 32, max_keepalive_connections=workers + 32)
    with ProcessPoolExecutor(os.cpu_count(), initializer=warm) as pool:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, time.sleep, 0.1) for _ in range(os.cpu_count())))  # else they start one by one, late
        async with httpx.AsyncClient(timeout=120.0, limits=limits) as client:
            notes = Notes(client, pool, asyncio.Semaphore(workers), llm, store, bucket)
            results = await asyncio.gather(*(notes.make(r) for r in records), return_exceptions=True)
    failures = [r for r in results if isinstance(r, Exception)]
    for failure in failures[:3]:
        print(repr(failure), file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
