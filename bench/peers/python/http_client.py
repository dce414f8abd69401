"""GETs by aiohttp. Usage: http_client.py asyncio|uvloop URL COUNT AT_ONCE"""
import asyncio
import sys
import time

import aiohttp

import bench


async def worker(session, url, left):
    while left[0] > 0:
        left[0] -= 1
        async with session.get(url) as response:
            await response.read()
            assert response.status == 200


async def get_all(session, url, count, at_once):
    left = [count]
    await asyncio.gather(*(worker(session, url, left) for _ in range(at_once)))


async def main(url, count, at_once):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once)) as session:
        await get_all(session, url, count // 10, at_once)
        start, cpu = time.perf_counter(), time.process_time()
        await get_all(session, url, count, at_once)
        took, cpu = time.perf_counter() - start, time.process_time() - cpu
    bench.report("http_client", "us", took * 1e6 / count, cpu * 1e6 / count)


bench.run(main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])), sys.argv[1])
