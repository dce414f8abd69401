"""Files by aiofiles, as its users write it. Usage: files.py asyncio|uvloop small|copy|random FOLDER (see bench/run)"""
import asyncio
import os
import sys
import time

import aiofiles

import bench

SMALL, AT_ONCE, READS, BLOCK, PIECE = 10000, 100, 20000, 4096, 1 << 20


async def small_worker(names):
    for name in names:
        async with aiofiles.open(name, "rb") as file:
            assert len(await file.read()) == BLOCK


async def small(folder):
    names = iter([f"{folder}/small/{i}" for i in range(SMALL)])
    await asyncio.gather(*(small_worker(names) for _ in range(AT_ONCE)))
    return SMALL


async def copy(folder):
    async with aiofiles.open(f"{folder}/large", "rb") as source, aiofiles.open(f"{folder}/copy", "wb") as target:
        while piece := await source.read(PIECE):
            await target.write(piece)
    return 1


async def random_worker(folder, offsets):
    async with aiofiles.open(f"{folder}/large", "rb", buffering=0) as file:
        for offset in offsets:
            await file.seek(offset)
            assert len(await file.read(BLOCK)) == BLOCK


async def random(folder):
    blocks, numbers = os.path.getsize(f"{folder}/large") // BLOCK, bench.Random()
    offsets = iter([int(numbers.next() * blocks) * BLOCK for _ in range(READS)])
    await asyncio.gather(*(random_worker(folder, offsets) for _ in range(AT_ONCE)))
    return READS


async def main(work, folder):
    start, cpu = time.perf_counter(), time.process_time()
    count = await {"small": small, "copy": copy, "random": random}[work](folder)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    bench.report(f"files_{work}", "us", took * 1e6 / count, cpu * 1e6 / count)


bench.run(main(sys.argv[2], sys.argv[3]), sys.argv[1])
