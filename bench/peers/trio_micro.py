"""rt.c and cancel.c in Trio: the same cases under the same names

    trio_micro.py [CASE...]     {"case": {"value": microseconds, "n": operations}, ...}; CASE sleepers: MiB of 100,000 sleeping tasks

CPU time of the process, except where another thread does the work: wall time there.
"""
import contextlib
import json
import os
import sys
import time

import trio

FAR, HUNDRED, THOUSAND = 60, 100, 1000
MESSAGE = bytes(64)


async def nothing():
    pass


async def spawn_join(n, at_once=1):
    for _ in range(n // at_once):
        async with trio.open_nursery() as nursery:
            for _ in range(at_once):
                nursery.start_soon(nothing)


async def many(n, work, tasks):
    """work(n / tasks) in so many tasks."""
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(work, n // tasks)


async def sem(n):
    gate = trio.Semaphore(1)
    for _ in range(n):
        async with gate:
            pass


async def sem_contended(n):
    gate = trio.Semaphore(10)

    async def contender(each):
        for _ in range(each):
            async with gate:
                await trio.lowlevel.checkpoint()
    await many(n, contender, HUNDRED)


async def switch(n):
    async def yielder(each):
        for _ in range(each):
            await trio.lowlevel.checkpoint()
    await many(n, yielder, 2)


def blocking():
    pass


async def offload(n):
    for _ in range(n):
        await trio.to_thread.run_sync(blocking)


async def checkpoint(n):
    for _ in range(n):
        await trio.lowlevel.checkpoint_if_cancelled()


async def scope(n):
    for _ in range(n):
        with trio.CancelScope():
            pass


async def scope_deadline(n):
    for _ in range(n):
        with trio.move_on_after(FAR):
            pass


async def group_empty(n):
    for _ in range(n):
        async with trio.open_nursery():
            pass


async def queue(n, scopes=0, impatient=False):
    send, receive = trio.open_memory_channel(HUNDRED)

    async def producer():
        for i in range(n):
            await send.send(i)

    async def consumer():
        for _ in range(n):
            await receive.receive()

    async def impatient_consumer():
        for _ in range(n):
            with trio.move_on_after(FAR):
                await receive.receive()
    with contextlib.ExitStack() as stack:
        for _ in range(scopes):
            stack.enter_context(trio.move_on_after(FAR))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(producer)
            nursery.start_soon(impatient_consumer if impatient else consumer)


async def read(n, impatient=False):
    async def player(end):
        for _ in range(n // 2):
            await end.send(MESSAGE)
            if impatient:
                with trio.move_on_after(FAR):
                    await end.recv(len(MESSAGE))
            else:
                await end.recv(len(MESSAGE))
    left, right = trio.socket.socketpair()
    with left, right:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(player, left)
            nursery.start_soon(player, right)


async def sleep(n, impatient=False):
    async def sleeper(each):
        for _ in range(each):
            if impatient:
                with trio.move_on_after(FAR):
                    await trio.sleep(0.001)
            else:
                await trio.sleep(0.001)
    await many(n, sleeper, THOUSAND)


async def cancel(n):
    never = trio.Event()
    async with trio.open_nursery() as nursery:
        for _ in range(n):
            nursery.start_soon(never.wait)
        await trio.lowlevel.checkpoint()
        start = time.process_time_ns()
        nursery.cancel_scope.cancel()
    return time.process_time_ns() - start


def rss_mib():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


async def sleepers():
    before = rss_mib()
    async with trio.open_nursery() as nursery:
        for _ in range(100_000):
            nursery.start_soon(trio.sleep, FAR)
        await trio.sleep(1)
        print(json.dumps({"sleepers": {"value": round(rss_mib() - before, 1), "n": 100_000}}), flush=True)
        nursery.cancel_scope.cancel()


CPU, WALL = time.process_time_ns, time.perf_counter_ns
CASES = {
    "spawn_join": (spawn_join, 5000, CPU),
    "spawn_join_100": (lambda n: spawn_join(n, HUNDRED), 10000, CPU),
    "queue": (queue, 10000, CPU),
    "sem": (sem, 20000, CPU),
    "sem_contended": (sem_contended, 10000, CPU),
    "switch": (switch, 20000, CPU),
    "offload": (offload, 1000, WALL),
    "offload_100": (lambda n: many(n, offload, HUNDRED), 2000, WALL),
    "checkpoint": (checkpoint, 200000, CPU),
    "scope": (scope, 20000, CPU),
    "scope_deadline": (scope_deadline, 20000, CPU),
    "group_empty": (group_empty, 5000, CPU),
    "queue_0": (queue, 10000, CPU),
    "queue_1": (lambda n: queue(n, 1), 10000, CPU),
    "queue_10": (lambda n: queue(n, 10), 10000, CPU),
    "queue_deadline": (lambda n: queue(n, 0, True), 10000, CPU),
    "read": (read, 10000, CPU),
    "read_deadline": (lambda n: read(n, True), 10000, CPU),
    "sleep": (sleep, 10000, CPU),
    "sleep_deadline": (lambda n: sleep(n, True), 10000, CPU),
    "cancel": (cancel, 20000, CPU),
}


def measure(name):
    case, n, clock = CASES[name]
    trio.run(case, n // 10)
    start = clock()
    took = trio.run(case, n)
    return {"value": (took or clock() - start) / 1000 / n, "n": n}


def main(*names):
    if names == ("sleepers",):
        return trio.run(sleepers)
    print(json.dumps({name: measure(name) for name in names or CASES if name in CASES}))


if __name__ == "__main__":
    main(*sys.argv[1:])
