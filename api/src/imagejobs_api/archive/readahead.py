"""Runs a few reads ahead while earlier results are sent, and yields the results in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def read_ahead(
    reads: Iterable[Callable[[], Awaitable[T]]], max_running: int
) -> AsyncGenerator[T, None]:
    """Yield the result of each read, in order; at most `max_running` of them run or wait to be taken.

    If the generator is closed early, the running reads are cancelled.
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
