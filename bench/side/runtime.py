"""runtime - the runtime by itself beside asyncio, Trio, Go and tokio: primitives, cancellation, off-load, an echo server

Each peer is a program that runs the cases it is asked for, leaves out those it does not have, and prints
{"case": {"value": microseconds, "n": operations}}. A round is one run of every program, so that they take turns, on one core.
What leaves the loop is run on both cores, too. The simulation has no peer: it is run by itself.
"""
import contextlib
import json
import os
import subprocess

from .kit import BENCH, Missing, say, sh
from .measure import CLIENT_CORE, SERVER_CORE, Rounds, pinned

ONE_CORE = ["spawn_join", "spawn_join_100", "queue", "sem", "sem_contended", "switch", "checkpoint", "scope", "scope_deadline",
            "group_empty", "queue_0", "queue_1", "queue_10", "queue_deadline", "read", "read_deadline", "sleep", "sleep_deadline",
            "cancel"]
ANY_CORES = ["offload", "offload_100", "pool"]  # on one core and, as "..._2", on both
GOALS = {"spawn_join": 0.15, "spawn_join_100": 0.15, "queue": 0.03, "sem": 0.01, "sem_contended": 0.1, "switch": 0.012, "sleepers": 800}
CONNECTIONS, MESSAGES, ECHO_SECONDS = 100, [64, 4096], 1.0
SEEDS = 2000
ECHO_GOAL = 0.85  # of what bare epoll echoes in a second of CPU time


def obtained(kit, makers):
    """[(name, command)] of what can be had."""
    return [(name, command) for name, make in makers if (command := kit.try_make(name, make))]


def programs(kit):
    """[(peer, command)]; ours are several programs."""
    def asyncio(loop):
        return [kit.python(), BENCH / "peers/asyncio_micro.py", loop]
    return obtained(kit, [
        ("asyncio", lambda: asyncio("asyncio")),
        ("asyncio + uvloop", lambda: asyncio("uvloop")),
        ("Trio", lambda: [kit.python(), BENCH / "peers/trio_micro.py"]),
        ("Go", lambda: [kit.go_program("micro")]),
        ("tokio", lambda: [kit.rust_program("micro")]),
        ("hocket", lambda: [kit.layer_program("rt.c", "micro.c")]),
        ("hocket", lambda: [kit.layer_program("cancel.c", "micro.c")]),
    ])


def run_cases(kit, figures, peer, command, core, cases, suffix=""):
    try:
        got = json.loads(sh(*pinned(core, *command, *cases)))
    except Missing as error:
        return kit.miss(f"{peer}, {cases[0]}", error)
    for case, figure in got.items():
        figures.add(peer, case + suffix, **figure)


def primitives(kit, rounds):
    figures, everyone = Rounds(), programs(kit)
    for at in range(rounds):
        for peer, command in everyone:
            say(f"bench: round {at + 1} of {rounds}: the primitives of {peer}")
            run_cases(kit, figures, peer, command, CLIENT_CORE, ONE_CORE + ANY_CORES)
            run_cases(kit, figures, peer, command, -1, ANY_CORES, "_2")
    for peer, command in everyone:
        say(f"bench: {peer}, 100,000 sleepers")
        run_cases(kit, figures, peer, command, CLIENT_CORE, ["sleepers"])
    return figures.as_json(["value", "n"])


@contextlib.contextmanager
def serving(command):
    """A server that prints its port; yields (port, pid)."""
    process = subprocess.Popen(pinned(SERVER_CORE, *command), stdout=subprocess.PIPE, text=True)
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise Missing("it did not print its port")
        yield port, process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def echo_once(load, command, size):
    with serving(command) as (port, pid):
        got = json.loads(sh(*pinned(CLIENT_CORE, load, port, pid, CONNECTIONS, size, ECHO_SECONDS)))
    return {"cpu_us": got["cpu_us"], "per_s": got["per_s"], "per_cpu_s": 1e6 / got["cpu_us"]}


def echo(kit, rounds):
    def python(loop, kind):
        return [kit.python(), BENCH / "peers/asyncio_echo.py", loop, kind]
    figures, load = Rounds(), kit.c_program("echo_load.c")
    everyone = obtained(kit, [
        ("hocket", lambda: [kit.layer_program("echo.c")]),
        ("bare epoll, C", lambda: [kit.c_program("peers/echo_epoll.c")]),
        ("tokio", lambda: [kit.rust_program("echo")]),
        ("Go", lambda: [kit.go_program("echo")]),
        ("uvloop, Protocol", lambda: python("uvloop", "protocol")),
        ("uvloop, streams", lambda: python("uvloop", "streams")),
        ("asyncio, Protocol", lambda: python("asyncio", "protocol")),
        ("asyncio, streams", lambda: python("asyncio", "streams")),
    ])
    for at in range(rounds):
        for size in MESSAGES:
            for peer, command in everyone:
                say(f"bench: round {at + 1} of {rounds}: echo, {size:,} bytes: {peer}")
                try:
                    figures.add(peer, size, **echo_once(load, command, size))
                except Missing as error:
                    kit.miss(f"{peer}, echo", error)
    return figures.as_json(["cpu_us", "per_cpu_s", "per_s"])


def simulation(kit, rounds):
    figures, program = Rounds(), kit.layer_program("sim.c", "micro.c")
    for at in range(rounds):
        say(f"bench: round {at + 1} of {rounds}: the simulation, {SEEDS:,} seeds")
        figures.add("hocket", SEEDS, **json.loads(sh(*pinned(CLIENT_CORE, program, SEEDS))))
    return figures.as_json(["seeds_per_s", "twice_per_s", "virtual_s"])


def runtime(kit, rounds):
    return {"rounds": rounds, "load": round(os.getloadavg()[0], 1), "rows": primitives(kit, rounds),
            "echo": {"rounds": rounds, "connections": CONNECTIONS, "sizes": MESSAGES, "rows": echo(kit, rounds)},
            "simulation": {"rounds": rounds, "rows": kit.try_make("the simulation", lambda: simulation(kit, rounds)) or []}}
