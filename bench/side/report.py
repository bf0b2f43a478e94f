"""report - the figures as Markdown tables; every one says its n, and beside each peer stands its ratio to hocket"""
import os
import pathlib
import platform
import re
import time

from .kit import Missing, ROOT, sh

BEGIN, END = "<!-- figures: written by bench/run --docs -->", "<!-- end of figures -->"


def version(*command, pattern=r"(\d+(?:\.\d+)+)"):
    try:
        found = re.search(pattern, sh("sh", "-c", " ".join(map(str, command)) + " 2>&1"))
        return found.group(1) if found else None
    except Missing:
        return None


def machine(kit):
    """Where and with what the figures were taken."""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    venv = kit.cache / "venv/bin/python"
    peers = {name: version(venv, "-c", f"'import {name}; print({name}.__version__)'") for name in ("httpx", "aiohttp", "uvloop")}
    peers |= {"Python": platform.python_version(), "Go": version("go", "version"), "nginx": version("/usr/sbin/nginx", "-v"),
              "jq": version("jq", "--version", pattern=r"jq-(\S+)"), "Miller": version("mlr", "--version"),
              "libcurl": version("curl", "--version")}
    return {"cpu": cpu.group(1) if cpu else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release(),
            "date": time.strftime("%Y-%m-%d"), "commit": kit.commit or kit.tree(), "peers": {k: v for k, v in peers.items() if v}}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(value):
    if value is None:
        return "-"
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


def named(peer, cases, section):
    rounds = min(row["rounds"] for row in cases.values())
    note = "" if rounds == section["rounds"] else f" ({rounds} round{'s' if rounds > 1 else ''})"
    return f"**{peer}**{note}" if peer == "hocket" else peer + note


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


def exchange(s):
    cs = s["concurrencies"]
    cpu = compare(s, [(f"CPU µs, C = {c}", c, "cpu_us", True) for c in cs])
    rest = compare(s, [(f"RSS MiB, C = {c}", c, "rss_mib", False) for c in cs] + [(f"requests/s, C = {c}", c, "per_s", False) for c in cs])
    return (f"### One HTTP exchange in a whole pipeline\n\n{s['n']:,} distinct URLs, a JSON answer of about 900 bytes each; one field is "
            f"taken out and one JSON line written. CPU is user + system time of the client, for one request; in brackets, times "
            f"hocket's. Medians of {s['rounds']} interleaved rounds. wrk and hocket's client alone do no pipeline: they read no ids, look "
            f"into no answer and write nothing.\n\n{cpu}\n\n{rest}\n")


def waiting(s):
    text = compare(s, [("wall s", s["concurrency"], "wall_s", True), ("CPU µs/request", s["concurrency"], "cpu_us", True),
                       ("RSS MiB", s["concurrency"], "rss_mib", False)])
    able = ", ".join(f"{rate:,}/s over {c} connections" for c, rate in s["ceiling_per_s"].items())
    return (f"### A server that takes {s['delay_ms']} ms\n\n{s['n']:,} requests, {s['concurrency']:,} at a time: "
            f"{s['ideal_s']:.3f} s would be ideal. The time is that of the whole process, from start to end. Medians of {s['rounds']} interleaved "
            f"rounds.{' wrk gets from this server ' + able + '.' if able else ''}\n\n{text}\n")


def records(s):
    cases = s["counts"]
    text = compare(s, [(f"records/s, {n:,}", n, "per_s", True) for n in cases] + [(f"RSS MiB, {n:,}", n, "rss_mib", False) for n in cases])
    return (f"### Records without network\n\njsonl -> map -> where -> jsonl, {s['record_bytes']} bytes a record, on one core, the whole "
            f"process. Medians of {s['rounds']} interleaved rounds.\n\n{text}\n")


def startup(s):
    rows = [[r["peer"], number(r["wall_ms"]), number(r["cpu_ms"]), number(r["rss_mib"])] for r in s["rows"]]
    return f"### Start-up\n\nMedians of {s['rounds']} interleaved rounds.\n\n" + table(["", "wall ms", "CPU ms", "RSS MiB"], rows) + "\n"


def micro(s):
    text = "### The parts by themselves\n"
    if "runtime" in s:
        rows = [[name, f"{r['value']:.3g} {r['unit']}", f"< {r['goal']:g} {r['unit']}"] for name, r in s["runtime"].items()]
        text += "\nThe runtime's primitives (`bench/rt.c`), medians of 9 rounds:\n\n" + table(["", "measured", "goal"], rows) + "\n"
    if "json" in s:
        text += f"\nJSON (`bench/json.c`), nanoseconds for a KB of text:\n\n```\n{s['json'].rstrip()}\n```\n"
    return text


def busy(load):
    return "" if load < 0.5 else ", so other work shared the cores and every figure is worse than on a quiet machine"


def markdown(results):
    m = results["machine"]
    where = (f"Taken on {m['date']} at commit {m['commit']} with `{results['command']}`: {m['cpu']}, {m['cores']} cores, Linux {m['kernel']}; "
             f"{', '.join(f'{name} {v}' for name, v in m['peers'].items())}. {results['pinning']} "
             f"Load average before the start: {results['load_before']}{busy(results['load_before'])}.\n")
    makers = {"exchange": exchange, "waiting": waiting, "records": records, "startup": startup, "micro": micro}
    parts = [where] + [make(results[name]) for name, make in makers.items() if name in results]
    if results["missed"]:
        parts.append("Left out: " + "; ".join(results["missed"]) + ".\n")
    return "\n".join(parts)


def put_into(path, text):
    """Replaces what stands between the markers."""
    old = path.read_text()
    before, rest = old.split(BEGIN, 1)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.split(END, 1)[1]}")
