"""notes - the experiment of the article: topics -> language model -> PDF -> bucket; one after the other, 8 workers, uncapped

Its author measured 12 PDFs a minute one after the other, and 94 with 8 workers. So a document costs 5 s in all, most of it waiting. Here it costs
every program 5 s, too: asyncio first makes a few documents while nothing has to be waited for, which says what its own work takes, and the
model's latency is 5 s less that. hocket's steps overlap by themselves, the next question is asked while a page is made: its model takes the
whole 5 s, else it would be more than 12 a minute. Uncapped, the latency stays, and what is left is the processor. Starting up is not counted
(Python's imports take it a second); uncapped, the rate is that between the first PDF and the last.

The model is examples/ai-notes/server, the bucket fake-gcs-server; each program has its own model and its own bucket, and both have all cores together with
it. The witness is the bucket: how many PDFs are in it, and when the store says that the first and the last were made.
"""
import concurrent.futures
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

from .kit import BENCH, ROOT, Missing, say, sh
from .measure import Failed

ARTICLE = {"one": 12, "eight": 94}
DOCUMENT_S = 5.0
SLOWER = 10  # so many times fewer documents for WeasyPrint
WORKERS = {"one": 1, "eight": 8, "uncapped": 0}
TOOL = ROOT / "tools/gcs-server"
PIPE = """\
from: {{jsonl: topics.jsonl}}
steps:
  - http: POST {llm}/v1/chat/completions
    auth: {{bearer: $secret.LLM_KEY}}
    body:
      model: small
      messages: [{{role: user, content: 'Study notes, in Markdown, on \\(.topic)'}}]
    concurrency: {workers}
    timeout: 2m
    idempotency_key: auto
    accept: '$res.body.choices[0].finish_reason == "stop"'
    result: .notes = $res.body.choices[0].message.content
{render}
  - upload: gs://{bucket}/\\(.slug).pdf
    data: .pdf
    concurrency: 32
    into: .url
to: {{jsonl: done.jsonl, fields: [slug, url]}}
"""
NATIVE = "  - pdf: .notes\n    into: .pdf"
# Python's Markdown beside WeasyPrint, as the peer has it.
WEASYPRINT = ("  - python: pages.py:to_html\n    interpreter: {python}\n    into: .html\n"
              "  - pdf: {{html: .html, css: style.css, interpreter: {python}}}\n    into: .pdf")
TO_HTML = "import markdown\n\n\ndef to_html(record):\n    return markdown.markdown(record['notes'], extensions=['tables', 'fenced_code'])\n"
RENDER = "from: {{jsonl: notes.jsonl}}\nsteps:\n{render}\nto: {{jsonl: done.jsonl, fields: [slug]}}\n"


# ---- the far sides ----

class Store:
    def __init__(self, endpoint):
        self.endpoint = endpoint

    def make(self, bucket):
        ask = urllib.request.Request(f"{self.endpoint}/storage/v1/b?project=hocket", json.dumps({"name": bucket}).encode(),
                                     {"Content-Type": "application/json"})
        urllib.request.urlopen(ask, timeout=30).close()

    def objects(self, bucket):
        found, page = [], {}
        while page is not None:
            with urllib.request.urlopen(f"{self.endpoint}/storage/v1/b/{bucket}/o?{urllib.parse.urlencode(page)}", timeout=60) as answer:
                listed = json.load(answer)
            found += listed.get("items", [])
            page = {"pageToken": listed["nextPageToken"]} if listed.get("nextPageToken") else None
        return found


@contextlib.contextmanager
def store():
    folder = tempfile.mkdtemp(prefix="hocket-gcs-")
    try:
        with open(pathlib.Path(folder, "endpoint"), "w+") as url, open(pathlib.Path(folder, "why"), "w+") as why:
            code = subprocess.run([TOOL, "start", folder], stdout=url, stderr=why).returncode
            url.seek(0), why.seek(0)
            if code != 0:
                raise Missing(why.read().strip())
            yield Store(url.read().strip())
    finally:
        subprocess.run([TOOL, "stop", folder])
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def model(kit, seconds):
    command = [kit.build / "demo-llm", "--latency", f"{seconds * 1000:.0f}ms", "--per-token", "0ms", "--spread", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


# ---- the programs ----

def topics(n):
    """The example's, as often as needed, each with a name of its own."""
    known = [json.loads(line) for line in (ROOT / "examples/ai-notes/topics.jsonl").read_text().splitlines()]
    for i in range(n):
        topic, week = known[i % len(known)], i // len(known)
        yield {"slug": f"{topic['slug']}-{week}", "topic": f"{topic['topic']}, part {week + 1}"}


class Peer:
    def sizes(self, sizes):
        """Who is quicker gets more to do."""
        return sizes if self.native else {**sizes, "uncapped": sizes["uncapped"] // SLOWER}


class Hocket(Peer):
    overlaps = True

    def __init__(self, kit, name, render):
        self.name, self.program, self.native = name, kit.hocket(), render == NATIVE
        self.render = render if self.native else render.format(python=kit.python())
        self.probe()

    def probe(self):
        """This hocket, and this machine, can do that."""
        with tempfile.TemporaryDirectory(prefix="hocket-bench-") as folder:
            folder = pathlib.Path(folder)
            self.write(folder)
            (folder / "render.yaml").write_text(RENDER.format(render=self.render))
            (folder / "notes.jsonl").write_text("")
            sh(self.program, "check", "render.yaml", cwd=folder)

    @staticmethod
    def write(folder):
        (folder / "pages.py").write_text(TO_HTML)
        (folder / "style.css").write_text((BENCH / "peers/notes.css").read_text())

    def command(self, folder, llm, store, bucket, workers):
        self.write(folder)
        (folder / "notes.yaml").write_text(PIPE.format(llm=llm, bucket=bucket, workers=workers or 1000, render=self.render))
        return [self.program, "run", "-q", "notes.yaml"]


class Asyncio(Peer):
    native = overlaps = False

    def __init__(self, kit):
        self.name, self.python = "asyncio + httpx + WeasyPrint", kit.python()

    def command(self, folder, llm, store, bucket, workers):
        return [self.python, BENCH / "peers/notes_asyncio.py", "topics.jsonl", llm, store.endpoint, bucket, workers]


class Trial:
    """One program with servers between which nothing else happens."""

    def __init__(self, kit, runner, store, peer):
        self.kit, self.runner, self.store, self.peer = kit, runner, store, peer
        self.runs = 0

    def run(self, n, workers, latency_s):
        self.runs += 1
        bucket = f"b{self.runs}-{''.join(c for c in self.peer.name.lower() if c.isalnum())}"
        self.store.make(bucket)
        with tempfile.TemporaryDirectory(prefix="hocket-bench-") as top, model(self.kit, latency_s) as llm:
            folder = pathlib.Path(top)
            (folder / "topics.jsonl").write_text("".join(json.dumps(t) + "\n" for t in topics(n)))
            got = self.runner.run(self.peer.command(folder, llm, self.store, bucket, workers), core=-1, cwd=folder)
        return got | self.judge(bucket, n)

    def judge(self, bucket, n):
        objects = self.store.objects(bucket)
        if len(objects) != n or any(int(o["size"]) < 5000 for o in objects):
            raise Failed(f"{self.peer.name}: {len(objects)} PDFs of {n}")
        made = [moment(o["timeCreated"]) for o in objects]
        return {"n": n, "span_s": max(made) - min(made)}

    def own(self, few=2, more=12):
        """(seconds of work for a document while nothing is waited for, seconds of starting up): two runs tell them apart."""
        least, most = self.run(few, 1, 0)["wall_s"], self.run(more, 1, 0)["wall_s"]
        each = max(0.0, (most - least) / (more - few))
        return each, max(0.0, least - few * each)


def calibrate(trials, rounds=3):
    """Of each the quickest of some interleaved rounds: what else the machine does only adds."""
    found = {t.peer.name: [] for t in trials}
    for _ in range(rounds):
        for t in trials:
            found[t.peer.name].append(t.own())
    return {name: {"own_ms": min(own for own, _ in all_) * 1000, "start_s": min(start for _, start in all_)} for name, all_ in found.items()}


def moment(text):
    """2026-01-31T12:30:00.12345Z in seconds: as many digits as there are."""
    whole, _, part = text.rstrip("Z").partition(".")
    return datetime.datetime.fromisoformat(whole).timestamp() + float(f"0.{part or 0}")


def steady(got):
    """PDFs a minute between the first and the last: what is bound by the processor must not be blamed for the first wait."""
    return (got["n"] - 1) / got["span_s"] * 60


def experiment(trials, sizes):
    rows = calibrate(trials)
    for t in trials:
        say(f"bench: {t.peer.name}: a document is {rows[t.peer.name]['own_ms']:.0f} ms of its own work")
    latency = {t.peer.name: DOCUMENT_S - (0 if t.peer.overlaps else rows[t.peer.name]["own_ms"] / 1000) for t in trials}

    def timed(t, case):
        row, got = rows[t.peer.name], t.run(t.peer.sizes(sizes)[case], WORKERS[case], latency[t.peer.name])
        per_min = steady(got) if case == "uncapped" else got["n"] / (got["wall_s"] - row["start_s"]) * 60
        say(f"bench: {t.peer.name}, {case}: {per_min:,.1f} PDFs/min")
        row |= {case: per_min, f"{case}_n": got["n"], f"{case}_wall_s": got["wall_s"], f"{case}_cpu_ms": got["cpu_s"] * 1000 / got["n"],
                              f"{case}_rss_mib": got["rss_mib"]}
    with concurrent.futures.ThreadPoolExecutor(len(trials)) as pool:  # they only wait
        list(pool.map(lambda t: timed(t, "one"), trials))
    for t in trials:
        timed(t, "eight")
    for t in trials:
        timed(t, "uncapped")
    return rows


# ---- rendering alone, and memory ----

def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *children(child)]
    return found


def rss_mib(pid):
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return 0.0


def watched(command, folder, n, every_s=0.5):
    """One run: its time, its CPU time with that of its workers, and [documents done, MiB of the program, MiB of its largest worker] as it goes."""
    series, ended, started = [], 0, time.monotonic()
    with open(folder / "said", "w+") as said:
        process = subprocess.Popen([str(c) for c in command], cwd=folder, stdin=subprocess.DEVNULL, stderr=said)
        while ended == 0:
            time.sleep(every_s if time.monotonic() - started > 2 else every_s / 10)
            series.append([lines(folder / "done.jsonl.part"), round(rss_mib(process.pid), 1), round(max(map(rss_mib, children(process.pid)), default=0), 1)])
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if process.returncode != 0 or lines(folder / "done.jsonl") != n:
            raise Failed(f"rendering: exit code {process.returncode}: {said.read()[-300:]}")
    return {"wall_s": time.monotonic() - started, "cpu_s": usage.ru_utime + usage.ru_stime, "series": [row for row in series if row[1]]}


def lines(path):
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def documents(n, small=False):
    """What the model answers, asked once for each topic."""
    for t in topics(n):
        yield {"slug": t["slug"], "notes": f"# {t['topic']}\n\nA page with a sentence on it." if small else None, "topic": t["topic"]}


def write_notes(kit, folder, n, small=False):
    with model(kit, 0) as llm, open(folder / "notes.jsonl", "w") as out:
        for record in documents(n, small):
            if record["notes"] is None:
                body = {"model": "small", "messages": [{"role": "user", "content": f"Study notes, in Markdown, on {record['topic']}"}]}
                ask = urllib.request.Request(f"{llm}/v1/chat/completions", json.dumps(body).encode(), {"Authorization": "Bearer k"})
                with urllib.request.urlopen(ask, timeout=30) as answer:
                    record["notes"] = json.load(answer)["choices"][0]["message"]["content"]
            out.write(json.dumps(record) + "\n")


def render(kit, peer, n, small=False):
    with tempfile.TemporaryDirectory(prefix="hocket-bench-") as top:
        folder = pathlib.Path(top)
        write_notes(kit, folder, n, small)
        peer.write(folder)
        (folder / "render.yaml").write_text(RENDER.format(render=peer.render))
        return watched([peer.program, "run", "-q", "render.yaml"], folder, n)


def rendering(kit, peers, n):
    """PDFs a minute with nothing else to do, beside what the cores could do if nothing were lost; and memory over n documents."""
    rows, series, cores = {}, {}, os.cpu_count()
    for peer in peers:
        many = n if peer.native else n // SLOWER
        got = render(kit, peer, many)
        cpu = got["cpu_s"] / many
        rows[peer.name] = {"n": many, "per_min": many / got["wall_s"] * 60, "cpu_ms": cpu * 1000, "bound_per_min": cores / cpu * 60,
                           "share": got["cpu_s"] / (got["wall_s"] * cores)}
        say(f"bench: {peer.name}, rendering alone: {rows[peer.name]['per_min']:,.0f} PDFs/min")
        series[peer.name] = (got if peer.native else render(kit, peer, n, small=True))["series"]
    return rows, {"n": n, "series": series}


def notes(kit, runner, quick):
    kit.hocket()  # and with it the model
    os.environ["LLM_KEY"] = "sk-demo"
    sizes = {"one": 4 if quick else 8, "eight": 16 if quick else 40, "uncapped": 600 if quick else 3000}
    makers = {"hocket": lambda name: Hocket(kit, name, NATIVE), "hocket, WeasyPrint": lambda name: Hocket(kit, name, WEASYPRINT),
              "asyncio + httpx + WeasyPrint": lambda name: Asyncio(kit)}
    peers = [p for p in (kit.try_make(name, lambda: make(name)) for name, make in makers.items()) if p]
    own = [p for p in peers if isinstance(p, Hocket)]
    with store() as there:
        os.environ["STORAGE_EMULATOR_HOST"] = there.endpoint
        rows = experiment([Trial(kit, runner, there, p) for p in peers], sizes)
    alone, memory = rendering(kit, own, 200 if quick else 2000)
    return {"article": ARTICLE, "document_s": DOCUMENT_S, "sizes": sizes, "slower": SLOWER, "cores": os.cpu_count(), "rows": rows,
            "rendering": alone, "memory": memory}
