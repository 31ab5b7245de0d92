"""Reads on while what was read is sent: a few reads at a time, their results in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def read_ahead(
    reads: Iterable[Callable[[], Awaitable[T]]], max_running: int
) -> AsyncGenerator[T, None]:
    """Yield what each read returns, in order; up to `most` run or wait to be taken.

    Left early, those that run are cancelled.
    """
    running: deque[asyncio.Future[T]] = deque()
    try:
        for read in reads:
            running.append(asyncio.ensure_future(read()))
            if len(running) == max_running:
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
