"""Measures how long work holds an event loop: in processor time, which a busy machine does not change."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

UNIT_SECONDS = 0.0083
"""What the work of `slowness` takes on the machine for which bounds are written (2 vCPU AMD EPYC, Zen 4)."""


def slowness() -> float:
    """Return how many times as long as there a piece of work takes here and now; at least 1."""
    taken = []
    for _ in range(5):
        before = time.process_time()
        sum(number * number for number in range(200_000))
        taken.append(time.process_time() - before)
    return max(1.0, sorted(taken)[2] / UNIT_SECONDS)


class Turns:
    """What was measured so far.

    Attributes:
        longest_seconds: The most processor time that this process used between two turns of the loop,
            whether in the loop or in a thread that kept the interpreter's lock.
        count: Turns.
    """

    longest_seconds = 0.0
    count = 0


@asynccontextmanager
async def measured() -> AsyncIterator[Turns]:
    """Measure the turns of the running loop for the length of the block; the loop is never idle meanwhile."""
    turns = Turns()

    async def turn() -> None:
        before = time.process_time()
        while True:
            await asyncio.sleep(0)
            now = time.process_time()
            turns.longest_seconds = max(turns.longest_seconds, now - before)
            turns.count += 1
            before = now

    task = asyncio.create_task(turn())
    try:
        yield turns
    finally:
        task.cancel()
