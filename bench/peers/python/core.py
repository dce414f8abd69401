"""The core works on asyncio or uvloop. Usage: core.py asyncio|uvloop WORK [SECONDS]; core.py asyncio list"""
import asyncio
import os
import sys
import threading
import time

import bench

BATCH, SLEEPERS, CANCELLED, CONTENDERS = 1000, 100000, 10000, 100


async def nothing():
    return 0


async def yielder(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def yield_among(tasks, count):
    await asyncio.gather(*(yielder(count // tasks) for _ in range(tasks)))


async def yield_2(count):
    await yield_among(2, count)


async def yield_1000(count):
    await yield_among(1000, count)


async def spawn_one(count):
    for _ in range(count):
        await asyncio.create_task(nothing())


async def spawn_gather(count):
    for _ in range(count // BATCH):
        await asyncio.gather(*[nothing() for _ in range(BATCH)])


async def spawn_group(count):
    for _ in range(count // BATCH):
        async with asyncio.TaskGroup() as group:
            for _ in range(BATCH):
                group.create_task(nothing())


async def producer(queue, count):
    for i in range(count):
        await queue.put(i)


async def hand_over(capacity, count):
    queue = asyncio.Queue(capacity)
    task = asyncio.create_task(producer(queue, count))
    for _ in range(count):
        await queue.get()
    await task


async def queue_1(count):
    await hand_over(1, count)


async def queue_128(count):
    await hand_over(128, count)


async def lock_free(count):
    lock = asyncio.Lock()
    for _ in range(count):
        async with lock:
            pass


async def contender(lock, count):
    for _ in range(count):
        async with lock:
            await asyncio.sleep(0)


async def lock_100(count):
    lock = asyncio.Lock()
    await asyncio.gather(*(contender(lock, count // CONTENDERS) for _ in range(CONTENDERS)))


async def timeout(count):
    ready = asyncio.Event()
    ready.set()
    for _ in range(count):
        async with asyncio.timeout(5):
            await ready.wait()


async def sleepers_once(name):
    random = bench.Random()
    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(asyncio.sleep(random.next() * 0.1) for _ in range(SLEEPERS)))
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    bench.report(name, "ns", took * 1e9 / SLEEPERS, cpu * 1e9 / SLEEPERS)


async def sleepers():
    await sleepers_once("sleepers_cold")
    await sleepers_once("sleepers_warm")


async def memory_of(name, count):
    before = bench.memory()
    tasks = [asyncio.create_task(asyncio.sleep(1e6)) for _ in range(count)]
    await asyncio.sleep(0.01)
    bench.report(name, "bytes", (bench.memory() - before) / len(tasks), 0)
    os._exit(0)


async def memory_100k():
    await memory_of("memory_100k", 100000)


async def memory_1m():
    await memory_of("memory_1m", 1000000)


async def cancel_10k():
    for _ in range(5):
        tasks = [asyncio.create_task(asyncio.sleep(1e6)) for _ in range(CANCELLED)]
        await asyncio.sleep(0)
        start, cpu = time.perf_counter(), time.process_time()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        took, cpu = time.perf_counter() - start, time.process_time() - cpu
    bench.report("cancel_10k", "ns", took * 1e9 / CANCELLED, cpu * 1e9 / CANCELLED)


async def wake(count):
    loop, question, answer = asyncio.get_running_loop(), threading.Semaphore(0), asyncio.Event()

    def answer_all():
        for _ in range(count):
            question.acquire()
            loop.call_soon_threadsafe(answer.set)

    thread = threading.Thread(target=answer_all)
    thread.start()
    for _ in range(count):
        question.release()
        await answer.wait()
        answer.clear()
    thread.join()


def blocking_nothing():
    return 0


async def to_thread(count):
    for _ in range(count):
        await asyncio.to_thread(blocking_nothing)


MEASURED = {"yield_2": (yield_2, 2), "yield_1000": (yield_1000, 1000), "spawn_one": (spawn_one, 1),
            "spawn_gather": (spawn_gather, BATCH), "spawn_group": (spawn_group, BATCH), "queue_1": (queue_1, 1),
            "queue_128": (queue_128, 1), "lock_free": (lock_free, 1), "lock_100": (lock_100, CONTENDERS),
            "timeout": (timeout, 1), "wake": (wake, 1), "to_thread": (to_thread, 1)}
SPECIAL = {"sleepers": sleepers, "memory_100k": memory_100k, "memory_1m": memory_1m, "cancel_10k": cancel_10k}


def main():
    work, seconds = sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0.3
    if work == "list":
        print("\n".join([*MEASURED, *SPECIAL]))
    elif work in MEASURED:
        body, step = MEASURED[work]
        bench.run(bench.measure(work, body, step, seconds), sys.argv[1])
    elif work in SPECIAL:
        bench.run(SPECIAL[work](), sys.argv[1])


main()
