"""What the benchmark programs in Python share: see bench/bench.h, whose measure and output these follow."""
import asyncio
import json
import sys
import time


def report(work, unit, value, cpu):
    print(json.dumps({"work": work, "unit": unit, "value": value, "cpu": cpu}), flush=True)


def memory():
    with open("/proc/self/status", encoding="ascii") as status:
        return 1024 * sum(int(line.split()[1]) for line in status if line.startswith(("VmRSS:", "VmPTE:")))


class Random:
    def __init__(self):
        self.state = 1

    def next(self):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) / 16777216.0


async def measure(work, body, step, seconds):
    count = step
    while True:
        start = time.perf_counter()
        await body(count)
        took = time.perf_counter() - start
        if took >= seconds / 4:
            break
        count *= 8 if took < seconds / 40 else 2
    count = max(int(count * seconds / took) // step * step, step)
    cpu, start = time.process_time(), time.perf_counter()
    await body(count)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    report(work, "ns", took * 1e9 / count, cpu * 1e9 / count)


def run(main, loop):
    """asyncio.run() on 'asyncio' or 'uvloop'."""
    factory = None
    if loop == "uvloop":
        import uvloop
        factory = uvloop.new_event_loop
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main)
    if factory:
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return asyncio.run(main)
