"""rt.c and cancel.c in asyncio: the same cases under the same names

    asyncio_micro.py asyncio|uvloop [CASE...]     {"case": {"value": microseconds, "n": operations}, ...}; CASE sleepers: MiB of 100,000 sleeping tasks

CPU time of the process, except where another thread or process does the work: wall time there.
"""
import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from concurrent.futures import ProcessPoolExecutor

FAR, HUNDRED, THOUSAND = 60, 100, 1000
MESSAGE = bytes(64)


async def nothing():
    pass


async def spawn_join(n):
    for _ in range(n):
        await asyncio.create_task(nothing())


async def spawn_join_100(n):
    for _ in range(n // HUNDRED):
        async with asyncio.TaskGroup() as group:
            for _ in range(HUNDRED):
                group.create_task(nothing())


async def sem(n):
    gate = asyncio.Semaphore(1)
    for _ in range(n):
        async with gate:
            pass


async def sem_contended(n):
    gate = asyncio.Semaphore(10)

    async def contender():
        for _ in range(n // HUNDRED):
            async with gate:
                await asyncio.sleep(0)
    await asyncio.gather(*(contender() for _ in range(HUNDRED)))


async def switch(n):
    async def yielder():
        for _ in range(n // 2):
            await asyncio.sleep(0)
    await asyncio.gather(yielder(), yielder())


def blocking():
    pass


async def offload(n):
    for _ in range(n):
        await asyncio.to_thread(blocking)


async def offload_100(n):
    async def caller():
        for _ in range(n // HUNDRED):
            await asyncio.to_thread(blocking)
    await asyncio.gather(*(caller() for _ in range(HUNDRED)))


def answer(message):
    return message


async def pool(n):
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1) as executor:
        await loop.run_in_executor(executor, answer, MESSAGE)
        start = time.perf_counter_ns()
        for _ in range(n):
            await loop.run_in_executor(executor, answer, MESSAGE)
        return time.perf_counter_ns() - start


async def scope(n):
    for _ in range(n):
        async with asyncio.timeout(None):
            pass


async def scope_deadline(n):
    for _ in range(n):
        async with asyncio.timeout(FAR):
            pass


async def group_empty(n):
    for _ in range(n):
        async with asyncio.TaskGroup():
            pass


async def queue(n, scopes=0, impatient=False):
    items = asyncio.Queue(HUNDRED)

    async def inside(work):
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(scopes):
                await stack.enter_async_context(asyncio.timeout(FAR))
            await work()

    async def producer():
        for i in range(n):
            await items.put(i)

    async def consumer():
        for _ in range(n):
            await items.get()

    async def impatient_consumer():
        for _ in range(n):
            async with asyncio.timeout(FAR):
                await items.get()
    await asyncio.gather(inside(producer), inside(impatient_consumer if impatient else consumer))


async def read(n, impatient=False):
    loop = asyncio.get_running_loop()

    async def player(end):
        end.setblocking(False)
        for _ in range(n // 2):
            await loop.sock_sendall(end, MESSAGE)
            if impatient:
                async with asyncio.timeout(FAR):
                    await loop.sock_recv(end, len(MESSAGE))
            else:
                await loop.sock_recv(end, len(MESSAGE))
    left, right = socket.socketpair()
    with left, right:
        await asyncio.gather(player(left), player(right))


async def sleep(n, impatient=False):
    async def sleeper():
        for _ in range(n // THOUSAND):
            if impatient:
                async with asyncio.timeout(FAR):
                    await asyncio.sleep(0.001)
            else:
                await asyncio.sleep(0.001)
    await asyncio.gather(*(sleeper() for _ in range(THOUSAND)))


async def cancel(n):
    never = asyncio.Event()
    tasks = [asyncio.create_task(never.wait()) for _ in range(n)]
    await asyncio.sleep(0)
    start = time.process_time_ns()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return time.process_time_ns() - start


def rss_mib():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


async def sleepers():
    before = rss_mib()
    tasks = [asyncio.create_task(asyncio.sleep(FAR)) for _ in range(100_000)]
    await asyncio.sleep(1)
    print(json.dumps({"sleepers": {"value": round(rss_mib() - before, 1), "n": 100_000}}), flush=True)
    for task in tasks:
        task.cancel()


CPU, WALL = time.process_time_ns, time.perf_counter_ns
CASES = {
    "spawn_join": (spawn_join, 20000, CPU),
    "spawn_join_100": (spawn_join_100, 20000, CPU),
    "queue": (queue, 100000, CPU),
    "sem": (sem, 200000, CPU),
    "sem_contended": (sem_contended, 50000, CPU),
    "switch": (switch, 100000, CPU),
    "offload": (offload, 2000, WALL),
    "offload_100": (offload_100, 5000, WALL),
    "pool": (pool, 1000, WALL),
    "scope": (scope, 50000, CPU),
    "scope_deadline": (scope_deadline, 50000, CPU),
    "group_empty": (group_empty, 50000, CPU),
    "queue_0": (queue, 100000, CPU),
    "queue_1": (lambda n: queue(n, 1), 100000, CPU),
    "queue_10": (lambda n: queue(n, 10), 100000, CPU),
    "queue_deadline": (lambda n: queue(n, 0, True), 30000, CPU),
    "read": (read, 20000, CPU),
    "read_deadline": (lambda n: read(n, True), 20000, CPU),
    "sleep": (sleep, 30000, CPU),
    "sleep_deadline": (lambda n: sleep(n, True), 30000, CPU),
    "cancel": (cancel, 100000, CPU),
}


def measure(runner, name):
    case, n, clock = CASES[name]
    runner.run(case(n // 10))
    start = clock()
    took = runner.run(case(n))
    return {"value": (took or clock() - start) / 1000 / n, "n": n}


def main(loop, *names):
    factory = None
    if loop == "uvloop":
        import uvloop
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        if names == ("sleepers",):
            return runner.run(sleepers())
        print(json.dumps({name: measure(runner, name) for name in names or CASES if name in CASES}))


if __name__ == "__main__":
    main(*sys.argv[1:])
