"""`python -m benchmarks.stopping.pages PORT COUNT`: open pages, without a browser around them.

Each keeps both sockets of the page open, says every second that it is alive, and reads all that it
is sent. Drawing it is left out: that is the work of other machines.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from runtime import program

_PING_S = 1.0
_NICE = 10  # they are meant to be elsewhere, and to take no time from anyone here


async def _page(port: int) -> None:
    origin = Origin(f"http://127.0.0.1:{port}")
    address = f"ws://127.0.0.1:{port}"
    async with (
        connect(f"{address}/state", origin=origin) as state,
        connect(f"{address}/cameras", origin=origin, max_size=None) as cameras,
    ):
        for socket in (state, cameras):
            await socket.send(json.dumps({"do": "hello", "token": ""}))
        async with asyncio.TaskGroup() as group:
            group.create_task(_read(state))
            group.create_task(_read(cameras))
            group.create_task(_ping(state))


async def _read(socket: ClientConnection) -> None:
    async for _ in socket:
        pass


async def _ping(socket: ClientConnection) -> None:
    while True:
        await asyncio.sleep(_PING_S)
        await socket.send(json.dumps({"do": "ping", "n": 1}))


async def _pages(port: int, count: int) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(_page(port))


if __name__ == "__main__":
    os.nice(_NICE)
    sys.exit(program.run(lambda: asyncio.run(_pages(int(sys.argv[1]), int(sys.argv[2])))))
