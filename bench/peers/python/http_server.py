"""HTTP/1.1 by aiohttp: / in plain text, /json. Usage: http_server.py asyncio|uvloop"""
import asyncio
import json
import sys

from aiohttp import web

import bench


async def plaintext(_request):
    return web.Response(text="Hello, World!")


async def small_json(_request):
    return web.json_response({"id": 1, "name": "bide", "price": 9.5, "active": True},
                             dumps=lambda value: json.dumps(value, separators=(",", ":")))


async def main():
    app = web.Application()
    app.router.add_get("/", plaintext)
    app.router.add_get("/json", small_json)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print("port", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


bench.run(main(), sys.argv[1])
