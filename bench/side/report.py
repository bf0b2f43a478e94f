"""report - the figures as Markdown tables; every one says its n, and beside each peer stands its ratio to hocket"""
import os
import pathlib
import platform
import re
import shutil
import time

from .kit import BENCH, PYTHON_PEERS, ROOT, Missing, sh
from .runtime import ECHO_GOAL, GOALS

EXCHANGE_GOALS = [("CPU at C = 10", 10, "cpu_us", 14, "µs"), ("at 100", 100, "cpu_us", 15, "µs"),
                  ("at 1,000", 1000, "cpu_us", 17, "µs"), ("RSS at 1,000", 1000, "rss_mib", 24, "MiB")]
STATE_GOAL_PERCENT = 10
BEGIN, END = "<!-- figures: written by bench/run --docs -->", "<!-- end of figures -->"


def version(*command, pattern=r"(\d+(?:\.\d+)+)"):
    try:
        found = re.search(pattern, sh("sh", "-c", " ".join(map(str, command)) + " 2>&1"))
        return found.group(1) if found else None
    except Missing:
        return None


def locked(crate):
    """The version of a Rust peer; None without a cargo that could build it."""
    found = re.search(rf'name = "{crate}"\nversion = "(.*)"', (BENCH / "peers/rust/Cargo.lock").read_text())
    return found.group(1) if found and shutil.which("cargo") else None


def machine(kit):
    """Where and with what the figures were taken."""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    venv = kit.cache / "venv/bin/python"
    peers = {name: version(venv, "-c", f"'import {name}; print({name}.__version__)'") for name in (peer.split("[")[0] for peer in PYTHON_PEERS)}
    peers |= {"Python": platform.python_version(), "Go": version("go", "version"), "Node": version("node", "--version"),
              "Rust": version("rustc", "--version"), **{name: locked(name) for name in ("tokio", "hyper", "reqwest")}, "nginx": version("/usr/sbin/nginx", "-v"),
              "jq": version("jq", "--version", pattern=r"jq-(\S+)"), "Miller": version("mlr", "--version"),
              "libcurl": version("curl", "--version")}
    return {"cpu": cpu.group(1) if cpu else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release(),
            "peers": {k: v for k, v in peers.items() if v}}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(value):
    if value is None:
        return "-"
    if value < 0.1:
        return f"{value:.4f}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.3f}"


def by_peer(section):
    """{peer: {case: row}}, in the order in which they ran."""
    peers = {}
    for row in section["rows"]:
        peers.setdefault(row["peer"], {})[row["case"]] = row
    return peers


def beside(value, ours):
    """A figure and how many times hocket's it is."""
    if value is None or not ours or value == ours:
        return number(value)
    times = value / ours
    return f"{number(value)} ({times:,.0f}x)" if times >= 10 else f"{number(value)} ({times:.2g}x)"


def medians(section):
    return f"medians of {section['rounds']} interleaved rounds" if section["rounds"] > 1 else "one round"


def named(peer, cases, section):
    rounds, n = (min(row.get(what, section.get(what)) or 0 for row in cases.values()) for what in ("rounds", "requests"))
    notes = [f"{n:,.0f} requests"] if n < section.get("n", 0) and n else []
    notes += [f"{rounds} round{'s' if rounds > 1 else ''}"] if rounds != section["rounds"] else []
    name = f"**{peer}**" if peer == "hocket" else peer
    return f"{name} ({', '.join(notes)})" if notes else name


def compare(section, columns):
    """One row a peer; columns: (title, case, figure, True when a ratio belongs beside it)."""
    peers = by_peer(section)
    ours = peers.get("hocket", {})
    rows = []
    for peer, cases in peers.items():
        row = [named(peer, cases, section)]
        for _, case, name, ratio in columns:
            value, own = cases.get(case, {}).get(name), ours.get(case, {}).get(name)
            row.append(beside(value, own) if ratio else number(value))
        rows.append(row)
    return table(["", *(c[0] for c in columns)], rows)


def judged(value, limit, unit="", less=True):
    """The goal, and whether it was reached."""
    goal = f"{'<' if less else '>'} {limit:,g}{unit and ' ' + unit}"
    if value is None:
        return goal
    return f"{goal}: {'met' if (value < limit if less else value > limit) else '**missed**'}"


def goals(section, *wanted):
    """A line under a table; wanted: (title, case, figure, limit, unit, less)."""
    ours = by_peer(section).get("hocket")
    if not ours:
        return ""
    said = [f"{title} {judged(ours.get(case, {}).get(name), *rest)}" for title, case, name, *rest in wanted]
    return f"\n\nGoals for hocket: {'; '.join(said)}."


def exchange(s):
    cs = s["concurrencies"]
    cpu = compare(s, [(f"CPU µs, C = {c}", c, "cpu_us", True) for c in cs])
    rest = compare(s, [(f"RSS MiB, C = {c}", c, "rss_mib", False) for c in cs] +
                   [(f"requests/s, C = {c}", c, "per_s", False) for c in cs])
    return (f"### One HTTP exchange in a whole pipeline\n\n{s['n']:,} distinct URLs, a JSON answer of about 900 bytes each; one field is "
            f"taken out and one JSON line written. CPU is user + system time of the client, for one request; in brackets, times "
            f"hocket's. Figures: {medians(s)}. wrk and hocket's client alone do no pipeline: they read no ids, look "
            f"into no answer and write nothing.\n\n{cpu}\n\n{rest}{goals(s, *EXCHANGE_GOALS)}\n")


def waiting(s):
    text = compare(s, [("wall s", s["concurrency"], "wall_s", True), ("CPU µs/request", s["concurrency"], "cpu_us", True),
                       ("RSS MiB", s["concurrency"], "rss_mib", False)])
    able = ", ".join(f"{rate:,}/s over {c} connections" for c, rate in s["ceiling_per_s"].items())
    return (f"### A server that takes {s['delay_ms']} ms\n\n{s['n']:,} requests, {s['concurrency']:,} at a time: "
            f"{s['ideal_s']:.3f} s would be ideal. The time is that of the whole process, from start to end. Figures: {medians(s)}."
            f"{' wrk gets from this server ' + able + '.' if able else ''}\n\n{text}"
            f"{goals(s, ('wall', s['concurrency'], 'wall_s', 0.6, 's'))}\n")


def large(s):
    text = compare(s, [("records/s", "large", "per_s", True), ("CPU µs/record", "large", "cpu_us", True), ("RSS MiB", "large", "rss_mib", True),
                       ("wall s", "large", "wall_s", False)])
    return (f"### 10,000 calls at once, and a row behind each\n\n{s['n']:,} ids of a file: an API that answers after {s['delay_ms']} ms, "
            f"{s['concurrency']:,} calls at a time, then the id's row from PostgreSQL over 4 connections, then a JSON line. {s['ideal_s']:.1f} s would be "
            f"ideal. In asyncio that is a TaskGroup with a Semaphore, aiohttp, asyncpg's pool, on uvloop; with = ANY up to 200 lookups share a query, "
            f"which a hand has to write, and has to part again. hocket keeps its accounts and a state with which a killed run goes on, and syncs its output. "
            f"The server is bound to the other core, where PostgreSQL is, too. CPU is user + system time of the client for one record; in brackets, times "
            f"hocket's. Figures: {medians(s)}.\n\n![CPU of the client for one record, 10,000 at once](img/large.svg)\n\n{text}\n")


def hooks(s):
    rate = compare(s, [(f"deliveries/s, {c} connections", c, "per_s", True) for c in s["connections"]])
    rest = compare(s, [(f"CPU µs, {c} connections", c, "cpu_us", True) for c in s["connections"]] +
                   [("RSS MiB", s["connections"][-1], "rss_mib", False)])
    return (f"### Webhooks\n\n{s['n']:,} deliveries of 300 bytes (a tenth of them over one connection), each on the disk before it is answered 200. hocket's "
            f"senders wait for its inbox; behind it each record goes through the pipeline into a table of SQLite, which is synced once more and is part "
            f"of the CPU time. The peers have done all that they do when the row is there: aiohttp on uvloop, SQLite in a thread, with the same "
            f"settings; grouped by hand, what came while the disk was busy shares a transaction. Figures: {medians(s)}.\n\n{rate}\n\n{rest}\n")


def records(s):
    cases = s["counts"]
    text = compare(s, [(f"records/s, {n:,}", n, "per_s", True) for n in cases] + [(f"RSS MiB, {n:,}", n, "rss_mib", False) for n in cases])
    wanted = goals(s, (f"{cases[-1]:,} records", cases[-1], "per_s", 500000, "records/s", False),
                   *((f"RSS at {n:,}", n, "rss_mib", 64, "MiB") for n in cases))
    return (f"### Records without network\n\njsonl -> map -> where -> jsonl, {s['record_bytes']} bytes a record, on one core, the whole "
            f"process. Figures: {medians(s)}.\n\n{text}{wanted}\n")


def files(s):
    jobs = list(dict.fromkeys(row["case"] for row in s["rows"]))
    speed = compare(s, [(job, job, "per_cpu_s", True) for job in jobs])
    rest = compare(s, [(f"{job}, wall", job, "per_s", False) for job in jobs] + [("RSS MiB", jobs[-1], "rss_mib", False)])
    wanted = goals(s, *((job, job, "per_cpu_s", 500000, "records/s", False) for job in jobs))
    return (f"### CSV and JSON lines in and out\n\n{s['n']:,} records of eight fields, {s['bytes']['csv']} bytes each as CSV and "
            f"{s['bytes']['jsonl']} as JSON: three fields of those whose total is 50 or more are written, on one core, the whole process "
            f"from its start. hocket checks every line, keeps its accounts and a state with which a killed run goes on, and syncs its "
            f"output; the others do not. Records for each second of CPU time, then of wall time. Figures: {medians(s)}.\n\n"
            f"{speed}\n\n{rest}{wanted}\n")


def partitions(s):
    cases = list(dict.fromkeys(row["case"] for row in s["rows"]))
    words = {"partitions": f"{s['files']} files", "parquet": "Parquet"}
    speed = compare(s, [(words[case], case, "per_cpu_s", True) for case in cases])
    rest = compare(s, [column for case in cases for column in ((f"{words[case]}, wall", case, "per_s", False),
                                                                (f"{words[case]}, RSS MiB", case, "rss_mib", False))])
    return (f"### Many files, and Parquet\n\n{s['n']:,} JSON lines into {s['files']} files, one for each day in the records, and into one "
            f"Parquet file. hocket commits as it goes: each file is synced at each commit, and a killed run goes on; the others sync nothing. "
            f"Records for each second of CPU time, then of wall time. Figures: {medians(s)}.\n\n{speed}\n\n{rest}\n")


SQL_CASES = {"lookup": "one by one", "lookup_20": "20 connections", "pipeline": "500 in a round trip", "stream": "rows of a stream",
             "copy": "rows by COPY", "insert": "rows, 500 a transaction"}


def sql(s):
    tables = []
    for where, title in (("postgres", "PostgreSQL"), ("sqlite", "SQLite")):
        rows = [row for row in s["rows"] if row["case"].startswith(where)]
        cases = [case for case in SQL_CASES if any(row["case"] == f"{where} {case}" for row in rows)]
        for figure, words, ratio in (("cpu_us", "CPU µs", True), ("per_s", "per second", False)):
            columns = [(SQL_CASES[case], f"{where} {case}", figure, ratio) for case in cases]
            tables.append(f"{title}, {words}:\n\n{compare({**s, 'rows': rows}, columns)}")
    wanted = goals(s, ("CPU of a lookup in a pipeline", "postgres pipeline", "cpu_us", 1.1, "µs"),
                   ("COPY", "postgres copy", "per_s", 250000, "rows/s", False))
    return (f"### Databases\n\n`bench/sql.c` with `<hocket/sql.h>`, asyncpg, psycopg and Python's sqlite3: lookups of one row of three columns by "
            f"its key, a stream of 300,000 such rows, as many rows in. CPU is user + system time of the client for one row; in brackets, times "
            f"hocket's. asyncpg has no pipeline for queries that return rows. SQLite's calls leave the loop, which Python's do not: that costs a "
            f"lookup two thread switches. Figures: {medians(s)}.\n\n" + "\n\n".join(tables) + f"{wanted}\n")


def lookups(s):
    text = compare(s, [("CPU µs", "lookup", "cpu_us", True), ("per second", "lookup", "per_s", False), ("RSS MiB", "lookup", "rss_mib", False)])
    return (f"### A lookup for each record\n\n{s['n']:,} ids of a file, the row of each from PostgreSQL over 4 connections, written as JSON "
            f"lines; the whole process from its start. CPU is user + system time of the client for one record. With `batch: 200` records share "
            f"a round trip and a transaction, and each has its own fate; the query with = ANY is what a hand would write in its place, for a "
            f"lookup by one key. hocket keeps its accounts and a state, and syncs its output. Figures: {medians(s)}.\n\n{text}\n")


def startup(s):
    rows = [[r["peer"], number(r["wall_ms"]), number(r["cpu_ms"]), number(r["rss_mib"])] for r in s["rows"]]
    version_ms = next((r["wall_ms"] for r in s["rows"] if r["peer"] == "hocket version"), None)
    return (f"### Start-up\n\nFigures: {medians(s)}.\n\n" + table(["", "wall ms", "CPU ms", "RSS MiB"], rows) +
            f"\n\nGoal for hocket version: wall {judged(version_ms, 10, 'ms')}.\n")


PRIMITIVES = {
    "spawn_join": "spawn + join", "spawn_join_100": "spawn + join, 100 at a time", "queue": "queue(100): put + get",
    "sem": "semaphore: acquire + release", "sem_contended": "semaphore: 100 tasks, 10 permits", "switch": "switch (yield)",
    "sleepers": "100,000 sleeping tasks, MiB",
}
CANCELLATION = {
    "checkpoint": "ask whether cancelled", "scope": "scope: open + close", "scope_deadline": "the same with a deadline",
    "group_empty": "group without a task: open + close",
    "queue_0": "queue(100): put + get, in no scope", "queue_1": "in one scope with a deadline", "queue_10": "in ten",
    "queue_deadline": "a deadline around each get",
    "read": "64 bytes to another task: write + read", "read_deadline": "a deadline around each read",
    "sleep": "sleep of 1 ms, 1,000 tasks", "sleep_deadline": "a deadline around each sleep",
    "cancel": "100,000 waiting tasks cancelled and joined, each",
}
OFFLOAD = {
    "offload": "call in a thread: one core", "offload_2": "both cores",
    "offload_100": "the same from 100 tasks, each: one core", "offload_100_2": "both cores",
    "pool": "64 bytes to a warm process and back: one core", "pool_2": "both cores",
}


def cases_table(section, titles):
    """One row a case and one column a peer, ours last; with the goals where there are any."""
    peers = by_peer(section)
    names = sorted((name for name in peers if any(case in peers[name] for case in titles)), key=lambda name: name == "hocket")
    rows = []
    for case, title in titles.items():
        values = {name: peers[name].get(case, {}).get("value") for name in names}
        own = values.get("hocket")
        row = [title] + [f"**{number(v)}**" if name == "hocket" else beside(v, own) for name, v in values.items()]
        row += [judged(own, GOALS[case]) if case in GOALS else "-"]
        if any(v is not None for v in values.values()):
            rows.append(row)
    head = ["µs", *(f"**{n}**" if n == "hocket" else n for n in names), "goal"]
    wanted = any(case in GOALS for case in titles)
    return table(head if wanted else head[:-1], rows if wanted else [row[:-1] for row in rows])


def echo(s):
    text = compare(s, [(f"CPU µs/message, {size:,} bytes", size, "cpu_us", True) for size in s["sizes"]] +
                      [(f"messages/s, {size:,} bytes", size, "per_s", False) for size in s["sizes"]])
    peers, said = by_peer(s), []
    for size in s["sizes"]:
        ours, bare = (peers.get(name, {}).get(size, {}).get("per_cpu_s") for name in ("hocket", "bare epoll, C"))
        if ours and bare:
            said.append(f"{ours / bare:.0%} at {size:,} bytes ({'met' if ours / bare >= ECHO_GOAL else '**missed**'})")
    goal = f" Of what bare epoll echoes in a second of CPU time hocket does {', '.join(said)}; the goal is {ECHO_GOAL:.0%}." if said else ""
    return (f"#### An echo server\n\n{s['connections']} connections, one message on its way on each, a client in C that spins on the other core. "
            f"CPU is the server's. Figures: {medians(s)}.{goal}\n\n{text}\n")


def simulation(s):
    if not s["rows"]:
        return ""
    row = s["rows"][0]
    return (f"#### The simulation\n\nA server and two clients, each of which has 100 messages echoed over a net with 1-2 ms of latency that "
            f"loses one segment in a hundred; {row['case']:,} seeds on one core, {medians(s)}: **{row['seeds_per_s']:,.0f} "
            f"seeds/s** ({row['twice_per_s']:,.0f}/s when each is run twice and compared), {row['virtual_s']:,.0f} virtual seconds in "
            f"a second of CPU time.\n")


def runtime(s):
    text = (f"### The runtime by itself\n\nMicroseconds of CPU for one operation, in brackets times hocket's; {medians(s)} "
            f"(the sleepers: one run); load average at the start {s['load']}. One thread each: GOMAXPROCS is 1, tokio's "
            f"runtime is current_thread. For hocket and Trio spawn + join is a group of one task, opened and closed.\n\n#### Primitives\n\n![The runtime's primitives](img/runtime.svg)\n\n{cases_table(s, PRIMITIVES)}\n\n"
            f"#### What cancellation and deadlines cost\n\nEvery deadline is a minute away; none runs out. A scope is asyncio.timeout, Trio's "
            f"CancelScope, a context in Go (whose select watches it), a CancellationToken or timeout in tokio (which cancels by dropping a "
            f"future, and sets no timer for work that is ready).\n\n{cases_table(s, CANCELLATION)}\n\n"
            f"#### Leaving the loop\n\nWall time. On both cores one call pays for waking a sleeping core, twice. A "
            f"goroutine may block, so Go has nothing to off-load.\n\n{cases_table(s, OFFLOAD)}\n")
    return "\n".join([text, echo(s["echo"]), simulation(s["simulation"])]).rstrip() + "\n"


def micro(s):
    return f"### JSON\n\n`bench/json.c`: nanoseconds for a KB of text.\n\n```\n{s['json'].rstrip()}\n```\n"


def state(s):
    """Differences of a few percent: what else the machine does only adds, so the quickest rounds are compared; the medians stand beside."""
    by = {(row["peer"], row["case"]): row for row in s["rows"]}
    titles = {"exchange": f"{s['requests']:,} GETs, {s['concurrency']} at a time, jsonl to jsonl",
              "files": f"{s['records']:,} records, jsonl -> map -> jsonl"}
    columns = [("wall_s_min", "wall s, quickest"), ("cpu_us_min", "CPU µs/record, quickest"), ("wall_s", "wall s, median"),
               ("cpu_us", "CPU µs/record, median")]
    rows, costs = [], []
    for case, title in titles.items():
        on, off = by["on", case], by["off", case]
        cost = {what: on[what] / off[what] - 1 for what, _ in columns}
        rows.append([title, *(f"{number(off[w])} / {number(on[w])} ({cost[w]:+.1%})" for w, _ in columns)])
        costs += [f"{title}: {word} {judged(cost[what] * 100, STATE_GOAL_PERCENT, '%')}"
                  for what, word in (("wall_s_min", "wall"), ("cpu_us_min", "CPU"))]
    going = by["on", "going on"]
    return (f"### What it costs to be able to go on\n\nThe same pipeline with `state: off` and with its state, off / on; the output is "
            f"synced either way. {s['rounds']} interleaved rounds; the quickest of each are compared, because what else the machine does only "
            f"adds.\n\n{table(['', *(title for _, title in columns)], rows)}\n\nGoals, of the quickest rounds: {'; '.join(costs)}.\n\n"
            f"Killed with kill -9 at nine tenths of {s['records']:,} records, the next process wrote on after {number(going['wall_s'])} s "
            f"(median of {going['rounds']}; longest {number(going['wall_s_max'])} s; goal {judged(going['wall_s_max'], 1, 's')}).\n")


def loads(s):
    text = compare(s, [("COPY rows/s", "copy", "per_s", False), ("CPU µs", "copy", "cpu_us", True), ("upsert rows/s", "upsert", "per_s", False),
                       ("CPU µs", "upsert", "cpu_us", True), ("SQLite to JSON lines rows/s", "sqlite", "per_s", False),
                       ("CPU µs", "sqlite", "cpu_us", True)])
    return (f"### A table loaded, a table read\n\n{s['n']:,} records of a file of JSON lines into a table of PostgreSQL with a primary key: by COPY into an empty "
            f"one, and by key over rows that are all there; and a table of SQLite into a file. The whole process from its start; CPU is the client's. "
            f"The peers take 10,000 rows a transaction; hocket's has the checkpoint in it. The tables are asked by SQL. Figures: {medians(s)}.\n\n{text}\n")


def news(s):
    text = compare(s, [("articles/s", "ingest", "per_s", False), ("CPU ms", "ingest", "cpu_ms", True), ("RSS MiB", "ingest", "rss_mib", True),
                       ("digests/s", "digest", "per_s", False), ("CPU ms", "digest", "cpu_ms", True), ("RSS MiB", "digest", "rss_mib", True)])
    ranked = s["ranking"]
    return (f"### News by mail: feeds, articles, readers, digests\n\n[examples/e-news](../examples/e-news/) beside the same in asyncio (feedparser, aiohttp, asyncpg, Jinja2, "
            f"aiosmtplib): 120 feeds and {ranked['articles']} pages, 20 ms an answer, into PostgreSQL; then {s['n']:,} readers ranked, a mail of ten articles "
            f"to each over 8 connections, a row in the ledger for each. Extraction, vectors and ranking are the same files of Python in both; hocket remembers of each feed "
            f"what it has said, commits an intent before each mail, and goes on after a crash. CPU with that of the workers. Figures: {medians(s)}.\n\n{text}\n\n"
            f"Ranking alone, {ranked['readers']:,} readers x {ranked['articles']} articles, in numpy: {ranked['cpu_s']:.2f} s of CPU ("
            f"{judged(ranked['cpu_s'] * 10000 / ranked['readers'], 3, 's for 10,000')}).\n")


def notes(s):
    article, head = s["article"], ["PDFs a minute", "one after the other", "8 workers", "times", "uncapped", "CPU ms a document", "own work ms"]
    rows = [["the article", number(article["one"]), number(article["eight"]), f"{article['eight'] / article['one']:.1f}x", "-", "-", "-"]]
    for name, r in s["rows"].items():
        title = f"**{name}**" if name == "hocket" else name
        rows.append([title, f"{r['one']:.1f}", f"{r['eight']:.1f}", f"{r['eight'] / r['one']:.1f}x", number(r["uncapped"]), number(r["uncapped_cpu_ms"]), number(r["own_ms"])])
    alone = [[name, number(r["per_min"]), number(r["cpu_ms"]), number(r["bound_per_min"]), f"{r['share']:.0%}"] for name, r in s["rendering"].items()]
    ours, said = s["rows"].get("hocket", {}), []
    if ours:
        said = [f"8 workers {judged(ours['eight'] / ours['one'], 7.9, 'x', False)}", f"uncapped {judged(ours['uncapped'], 4000, 'PDFs/min', False)}"]
    slow = s["rendering"].get("hocket, WeasyPrint")
    if slow:
        said.append(f"WeasyPrint workers {judged(slow['share'] * 100, 95, '% of the cores', False)}")
    small = {name: max(row[2] or row[1] for row in series) for name, series in s["memory"]["series"].items()}
    return (f"### Study notes: language model, PDF, bucket\n\n[examples/ai-notes](../examples/ai-notes/) as the experiment of an article on asyncio, whose author had "
            f"{article['one']} PDFs a minute one after the other and {article['eight']} with 8 workers. A document costs each program {s['document_s']:g} s in all: the "
            f"model's latency is that less asyncio's own work for a document, which was measured first with a model that answers at once (last "
            f"column); for hocket, which makes a page while the next question is asked, it is all of the {s['document_s']:g} s. Two pages each; {s['sizes']['one']} documents one after the other, {s['sizes']['eight']} with at most 8 questions to the model under "
            f"way, {s['sizes']['uncapped']:,} uncapped (a {s['slower']}th of them with WeasyPrint): at most 1,000 under way, the latency stays, and the processor is the limit. The bucket "
            f"(fake-gcs-server) is the witness, and shares the {s['cores']} cores with the programs, as the model does. hocket makes the pages itself, or "
            f"with WeasyPrint in its workers; it keeps state, answers and keys, which the other does not. Starting up is not counted.\n\n"
            f"![PDFs a minute](img/notes.svg)\n\n{table(head, rows)}\n\n"
            f"Rendering alone, Markdown from a file, PDFs thrown away; what {s['cores']} cores could do is cores / CPU seconds a document:\n\n"
            f"{table(['', 'PDFs/min', 'CPU ms each', 'the cores could', 'share'], alone)}\n\n"
            f"Memory over {s['memory']['n']:,} documents: at most {', '.join(f'{number(mib)} MiB ({name})' for name, mib in small.items())}; of WeasyPrint the largest "
            f"worker, which is replaced now and then.\n\n![Memory over {s['memory']['n']:,} documents](img/notes-memory.svg)"
            f"{chr(10) * 2 + 'Goals for hocket: ' + '; '.join(said) + '.' if said else ''}\n")


def uploads(s):
    text = compare(s, [("CPU µs", "upload", "cpu_us", True), ("per second", "upload", "per_s", False), ("RSS MiB", "upload", "rss_mib", False)])
    return (f"### Objects into a bucket\n\n{s['n']:,} texts of 50 KB from a file of JSON lines, each into an object of its own in fake-gcs-server, 32 at once; the whole "
            f"process from its start. CPU is user + system time of the client for one object; the server on its core bounds what anybody can do "
            f"in a second. All compare the store's checksum with their own. Figures: {medians(s)}.\n\n{text}\n")


def mails(s):
    text = compare(s, [("CPU µs", "mails", "cpu_us", True), ("per second", "mails", "per_s", False), ("RSS MiB", "mails", "rss_mib", False)])
    return (f"### Mails to a server\n\n{s['n']:,} records of a file of JSON lines, each a short mail to a server on the other core that takes everything, 16 connections; the "
            f"whole process from its start. CPU is user + system time of the client for one mail. hocket's pipeline notes in its state, synced, that it will send "
            f"a mail before it does, and what became of it: no mail is sent twice after a crash; the others keep nothing. The server counts mails and different "
            f"ones. Figures: {medians(s)}.\n\n{text}\n")



def sockets(s):
    text = compare(s, [("CPU µs", "sockets", "cpu_us", True), ("per second", "sockets", "per_s", False), ("RSS MiB", "sockets", "rss_mib", False)])
    return (f"### Messages of a WebSocket\n\n{s['n']:,} messages of {s['bytes']} bytes of JSON from a server on the other core that has them ready, two fields of each into JSON "
            f"lines; the whole process from its start. CPU is user + system time of the client for one message. hocket writes each message to its state, "
            f"synced, before it does anything with it, and its output is synced, too; the others keep nothing. All lines are read back. Figures: {medians(s)}.\n\n{text}\n")


def feeds(s):
    text = compare(s, [("entries per s of CPU", "feeds", "per_cpu_s", True), ("entries/s", "feeds", "per_s", False), ("RSS MiB", "feeds", "rss_mib", True)])
    return (f"### Feeds\n\n{s['n']:,} entries of {s['feeds']} feeds, half of them RSS, half Atom, 16 asked at once, from Python's http.server on the other core into JSON lines; the "
            f"whole process. hocket keeps the entries and what it knows of each feed in its state; beside it feedparser, which also cleans the HTML, and urllib in threads. "
            f"Figures: {medians(s)}.\n\n{text}\n")


MAKERS = {"exchange": exchange, "waiting": waiting, "large": large, "records": records, "files": files, "partitions": partitions, "sql": sql, "lookups": lookups, "loads": loads, "uploads": uploads, "hooks": hooks, "mails": mails, "sockets": sockets, "feeds": feeds, "state": state, "startup": startup, "runtime": runtime,
          "micro": micro, "notes": notes, "news": news}


def busy(load):
    return "" if load < 0.5 else ", so other work shared the cores and every figure is worse than on a quiet machine"


def taken(kit, command, load):
    """How one part came about; parts may come from different runs."""
    return (f"Taken with `{command}` on {time.strftime('%Y-%m-%d')} at commit {kit.commit or kit.tree()}, "
            f"load average {load} before the start{busy(load)}.")


def part_text(make, section):
    head, rest = make(section).split("\n", 1)
    return f"{head}\n\n{section['taken']}\n{rest}"


def markdown(results):
    m = results["machine"]
    where = (f"{m['cpu']}, {m['cores']} cores, Linux {m['kernel']}; "
             f"{', '.join(f'{name} {v}' for name, v in m['peers'].items())}. {results['pinning']}\n")
    parts = [where] + [part_text(make, results[name]) for name, make in MAKERS.items() if name in results]
    if results["missed"]:
        parts.append("Left out: " + "; ".join(results["missed"]) + ".\n")
    return "\n".join(parts)


def put_into(path, text):
    """Replaces what stands between the markers."""
    old = path.read_text()
    before, rest = old.split(BEGIN, 1)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.split(END, 1)[1]}")


def put_parts(path, results):
    """Only these parts, each in place of what has its heading; a new one comes last. The others stay as they are."""
    before, rest = path.read_text().split(BEGIN, 1)
    figures, after = rest.split(END, 1)
    for name, section in results.items():
        text = part_text(MAKERS[name], section).rstrip() + "\n\n"
        heading = text.split("\n", 1)[0]
        found = re.search(rf"^{re.escape(heading)}\n.*?(?=^### |^Left out: |\Z)", figures, re.M | re.S)
        figures = figures[:found.start()] + text + figures[found.end():] if found else figures.rstrip() + "\n\n" + text
    path.write_text(before + BEGIN + figures + END + after)
