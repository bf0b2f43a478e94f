"""exchange - one HTTP exchange in a whole pipeline: read an id, GET, take one field, write a line

Two far sides: one that answers at once (what does an exchange cost the client?) and one that answers after 50 ms (how many
exchanges are really in flight?). Every run's output is read back: n lines, each id once, each with its own answer.
"""
import json
import pathlib
import re
import shutil

from . import servers
from .kit import BENCH, Missing, say
from .measure import Failed, Rounds

HOCKET = """\
from: {{jsonl: ids-{n}.jsonl}}
steps:
  - http: {url}\\(.id)
    concurrency: {concurrency}
    result: .ref = $res.body.customer.ref
to: {{jsonl: out.jsonl}}
"""


class Peer:
    """A program that does the whole job; command(ids, out, url, concurrency)."""
    checked = True

    def __init__(self, name, program, rounds=None, share=1):
        # For what takes minutes: at most so many rounds; in cost() only this share of the requests.
        self.name, self.rounds, self.share = name, rounds, share
        self.program = program if isinstance(program, list) else [program]

    def command(self, folder, n, url, concurrency):
        return [*self.program, f"ids-{n}.jsonl", "out.jsonl", url, concurrency]

    def answered(self, folder, n):
        return n


class Hocket(Peer):
    def __init__(self, program):
        super().__init__("hocket", program)

    def command(self, folder, n, url, concurrency):
        shutil.rmtree(folder / ".hocket", ignore_errors=True)
        (folder / "exchange.yaml").write_text(HOCKET.format(n=n, url=url, concurrency=concurrency))
        return [*self.program, "run", "-q", "exchange.yaml"]


class OwnClient(Peer):
    """bench/http.c: our client without the engine."""
    checked = False

    def __init__(self, program):
        super().__init__("hocket's client alone", program)

    def command(self, folder, n, url, concurrency):
        return [*self.program, url + "{}", n, concurrency]


class Wrk(Peer):
    """No work at all: one URL, the answer thrown away. It runs for a time, not for a number."""
    checked = False
    seconds = 2

    def __init__(self, program):
        super().__init__("wrk", program)

    def command(self, folder, n, url, concurrency):
        return [*self.program, "-t1", f"-c{concurrency}", f"-d{self.seconds}s", url + "7"]

    def answered(self, folder, n):
        found = re.search(r"(\d+) requests in", (folder / "stdout").read_text())
        if not found:
            raise Failed("wrk said nothing")
        return int(found.group(1))


def peers(kit):
    """All that can be had, hocket first; the rest is missed aloud."""
    made = [
        ("hocket", lambda: Hocket(kit.hocket())),
        ("hocket's client alone", lambda: OwnClient(kit.layer_program("http.c"))),
        ("wrk", lambda: Wrk(kit.tool("wrk"))),
        ("libcurl multi", lambda: Peer("libcurl multi", kit.c_program("peers/http_curl.c", "-lcurl"))),
        ("Rust hyper", lambda: Peer("Rust hyper", [kit.rust_program("http"), "hyper"])),
        ("Rust reqwest", lambda: Peer("Rust reqwest", [kit.rust_program("http"), "reqwest"])),
        ("Go net/http", lambda: Peer("Go net/http", kit.go_program("http"))),
        ("aiohttp + uvloop", lambda: Peer("aiohttp + uvloop", [kit.python(), BENCH / "peers/http_aiohttp.py"])),
        ("Node fetch (undici)", lambda: Peer("Node fetch (undici)", [kit.tool("node"), BENCH / "peers/http_node.mjs"], rounds=3, share=0.2)),
        ("httpx", lambda: Peer("httpx", [kit.python(), BENCH / "peers/http_httpx.py"], rounds=1, share=0.1)),
    ]
    return [peer for name, make in made if (peer := kit.try_make(name, make))]


def write_ids(folder, *counts):
    for n in set(counts):
        (folder / f"ids-{n}.jsonl").write_text("".join(f'{{"id": {i}}}\n' for i in range(n)))


def check_output(path, n):
    seen = bytearray(n)
    with open(path) as lines:
        for line in lines:
            record = json.loads(line)
            if record["ref"] != f"cus-{record['id']}":
                raise Failed(f"a crossed answer: {line.strip()}")
            seen[record["id"]] += 1
    if seen.count(1) != n:
        raise Failed(f"{n - seen.count(1)} of {n} ids are missing or doubled")


def run_once(runner, folder, peer, url, n, concurrency):
    command = peer.command(folder, n, url, concurrency)
    (folder / "out.jsonl").unlink(missing_ok=True)
    got = runner.run(command, cwd=folder, stdout=folder / "stdout")
    done = peer.answered(folder, n)
    if peer.checked:
        check_output(folder / "out.jsonl", n)
    return {"cpu_us": got["cpu_s"] * 1e6 / done, "user_us": got["user_s"] * 1e6 / done, "rss_mib": got["rss_mib"],
            "per_s": done / got["wall_s"], "wall_s": got["wall_s"]}


def run_rounds(kit, runner, folder, all_peers, url, concurrencies, rounds):
    """all_peers: {peer: its number of requests}"""
    figures, broken = Rounds(), set()
    for at in range(rounds):
        for concurrency in concurrencies:
            for peer, n in all_peers.items():
                if peer.name in broken or at >= (peer.rounds or rounds):
                    continue
                say(f"bench: round {at + 1} of {rounds}: {peer.name}, {n:,} requests, C = {concurrency}")
                try:
                    figures.add(peer.name, concurrency, requests=n, **run_once(runner, folder, peer, url, n, concurrency))
                except Failed as error:
                    kit.miss(f"{peer.name} at C = {concurrency}", error)
                    broken.add(peer.name)
    return figures


def cost(kit, runner, folder, n, rounds):
    """CPU a request, peak memory, requests a second, at three concurrencies, against nginx."""
    folder = pathlib.Path(folder)
    concurrencies = [10, 100, 1000]
    everyone = {peer: round(n * peer.share) for peer in peers(kit)}
    write_ids(folder, *everyone.values())
    with servers.nginx(kit) as url:
        figures = run_rounds(kit, runner, folder, everyone, url, concurrencies, rounds)
    return {"n": n, "rounds": rounds, "concurrencies": concurrencies,
            "rows": figures.as_json(["requests", "cpu_us", "user_us", "rss_mib", "per_s"])}


def ceiling(kit, runner, folder, url):
    """Answers a second that the slow server gives to wrk, at 1,000 and at 3,000 connections: it must not be the limit."""
    try:
        wrk = Wrk(kit.tool("wrk"))
        return {c: round(run_once(runner, folder, wrk, url, 0, c)["per_s"]) for c in (1000, 3000)}
    except (Missing, Failed) as error:
        kit.miss("the check of the slow server", error)
        return {}


def waiting(kit, runner, folder, n, rounds, milliseconds=50, concurrency=1000):
    """Wall seconds of n requests to a server that answers after 50 ms."""
    folder = pathlib.Path(folder)
    everyone = {peer: n for peer in peers(kit) if peer.name != "wrk"}
    write_ids(folder, n)
    with servers.delay(kit, milliseconds) as url:
        able = ceiling(kit, runner, folder, url)
        figures = run_rounds(kit, runner, folder, everyone, url, [concurrency], rounds)
    return {"n": n, "rounds": rounds, "concurrency": concurrency, "delay_ms": milliseconds, "ceiling_per_s": able,
            "ideal_s": n / concurrency * milliseconds / 1000, "rows": figures.as_json(["wall_s", "cpu_us", "rss_mib"])}
