"""state - what it costs to be able to go on: the same pipeline with its state and with `state: off`; how soon it goes on after a kill

Two pipelines: a GET for each record, against nginx, and file to file. Rounds are interleaved, on and off in turn; what they
wrote is compared. A run of a million records is killed when nine tenths are in its output; the time is that from the start of the next
process to its first new byte there.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import time

from . import servers
from .exchange import HOCKET as EXCHANGE
from .exchange import check_output, write_ids
from .kit import say
from .measure import Failed, Rounds

FILES = """\
from: {jsonl: in.jsonl}
steps:
  - map: {id: , twice: .n * 2}
to: {jsonl: out.jsonl}
"""
SWITCH = {"on": "", "off": "state: off\n"}
CONCURRENCY = 100
PATIENCE_S = 120
OUT_BYTES = 25  # of a line of FILES' output, at least


def clear(folder):
    shutil.rmtree(folder / ".hocket", ignore_errors=True)
    for path in folder.glob("out.jsonl*"):
        path.unlink()


def lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def run_once(runner, folder, program, text, switch, n, check):
    clear(folder)
    (folder / "state.yaml").write_text(SWITCH[switch] + text)
    got = runner.run([program, "run", "-q", "state.yaml"], cwd=folder)
    check(folder / "out.jsonl")
    return {"wall_s": got["wall_s"], "cpu_us": got["cpu_s"] * 1e6 / n, "rss_mib": got["rss_mib"]}


def check_lines(path, n):
    if lines(path) != n:
        raise Failed(f"{lines(path)} lines, not {n}")


def size(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def grows(path, process, beyond):
    """When a file first has more bytes; Failed when the program ends before."""
    end = time.monotonic() + PATIENCE_S
    while size(path) <= beyond:
        if process.poll() is not None or time.monotonic() > end:
            raise Failed("the run ended too early to be killed")
        time.sleep(0.0005)
    return time.monotonic()


def go_on(folder, program, n):
    """Seconds until a killed run writes on, and its whole output is right."""
    clear(folder)
    (folder / "state.yaml").write_text(FILES)
    command, part = [program, "run", "-q", "state.yaml"], folder / "out.jsonl.part"
    runner = subprocess.Popen(command, cwd=folder)
    grows(part, runner, OUT_BYTES * n * 9 // 10)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    killed_at = size(part)
    start = time.monotonic()
    again = subprocess.Popen(command, cwd=folder)
    seconds = grows(part, again, killed_at) - start
    if again.wait() != 0:
        raise Failed("the run that goes on failed")
    check_lines(folder / "out.jsonl", n)
    return seconds


def state(kit, runner, folder, requests, records, rounds):
    folder, figures = pathlib.Path(folder), Rounds()
    program = kit.hocket()
    write_ids(folder, requests)
    with open(folder / "in.jsonl", "w") as file:
        file.writelines(f'{{"id":{i},"n":{i % 1000}}}\n' for i in range(records))
    with servers.nginx(kit) as url:
        exchange = EXCHANGE.format(n=requests, url=url, concurrency=CONCURRENCY)
        for at in range(rounds):
            for switch in sorted(SWITCH, reverse=at % 2 == 0):
                say(f"bench: round {at + 1} of {rounds}: state {switch}")
                figures.add(switch, "exchange", **run_once(runner, folder, program, exchange, switch, requests,
                                                           lambda path: check_output(path, requests)))
                figures.add(switch, "files", **run_once(runner, folder, program, FILES, switch, records,
                                                        lambda path: check_lines(path, records)))
    for at in range(rounds):
        say(f"bench: round {at + 1} of {rounds}: going on")
        figures.add("on", "going on", wall_s=go_on(folder, program, records))
    return {"rounds": rounds, "requests": requests, "records": records, "concurrency": CONCURRENCY,
            "rows": figures.as_json(["wall_s", "cpu_us", "rss_mib"])}
