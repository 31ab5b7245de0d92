"""Asks a program's small doors, for metrics and for probes, something over a plain connection."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from support.clock.waiting import until_read
from support.servers.data_servers import free_ports


def ask(serve: Callable[[int], Coroutine[Any, Any, None]], sent: bytes, seconds: float = 10) -> bytes:
    """Return all that is answered to what is sent, by what serves on a port."""

    async def play() -> bytes:
        port = free_ports(["door"])["door"]
        serving = asyncio.create_task(serve(port))
        await until_read(lambda: _listens(port), bool)
        try:
            return await asyncio.wait_for(_exchange(port, sent), seconds)
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving

    return asyncio.run(play())


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _exchange(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    return answer
