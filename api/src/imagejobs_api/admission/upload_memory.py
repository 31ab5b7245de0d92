"""Bounds the memory that files take in this process on their way to S3.

Over the bound, bodies are left unread: TCP's flow control then stops the clients.

The oldest file always goes on, beyond the bound too. So one file always comes to its end, and the memory is
never full of half files that wait for each other. Bodies that announce their length are bounded before
(`quotas`); the length of one file in a form is known only at its end.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.s3.streaming_put import MAX_HELD_BYTES

WAIT_SECONDS = 20.0
"""How long a body is left unread at most; then it is refused."""
RETRY_SECONDS = 1
READ_AHEAD_BYTES = 65_536 + 256_000
"""Bytes of a body that the server reads before it stops: uvicorn's mark, and one read of uvloop."""


class MemoryBudget:
    """The memory of all files that are on their way to S3.

    `FormIntake` has one, as long as the app lives; `FormReader` asks it for a `FileBudget` per file.

    Args:
        max_bytes: Beyond this only the oldest file goes on, by up to `MAX_HELD_BYTES`.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._files: dict[FileBudget, None] = {}
        self.held_bytes = 0

    def check(self) -> None:
        """Refuse a new request while a body is left unread.

        Raises:
            Problem: `rate_limited`.
        """
        if any(file.is_waiting for file in self._files):
            raise _out_of_memory()

    @contextmanager
    def for_file(self) -> Iterator["FileBudget"]:
        """Count a file for the length of the block."""
        file = FileBudget(self)
        self._files[file] = None
        self.held_bytes += READ_AHEAD_BYTES
        try:
            yield file
        finally:
            del self._files[file]
            self.held_bytes -= file.held_bytes + READ_AHEAD_BYTES
            for each in self._files:
                each.recheck()

    def fits(self, file: "FileBudget", count: int) -> bool:
        """Return whether a file may grow by `count` bytes."""
        return self.held_bytes + count <= self._max_bytes or file is next(iter(self._files))


class FileBudget:
    """The memory of one file: all bytes that came, up to the number that the upload to S3 holds at once."""

    def __init__(self, budget: MemoryBudget) -> None:
        self.held_bytes = 0
        self._budget = budget
        self._memory_freed: asyncio.Event | None = None

    @property
    def is_waiting(self) -> bool:
        """Return whether the file is left unread because there is no memory for it."""
        return self._memory_freed is not None

    def recheck(self) -> None:
        """Let a waiting file check again whether there is memory."""
        if self._memory_freed is not None:
            self._memory_freed.set()

    async def throttle(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the chunks, each once there is memory for it.

        Raises:
            Problem: `rate_limited`; there was no memory for `WAIT_SECONDS`.
        """
        async for chunk in chunks:
            count = min(len(chunk), MAX_HELD_BYTES - self.held_bytes)
            if not self._budget.fits(self, count):
                await self._wait(count)
            self.held_bytes += count
            self._budget.held_bytes += count
            yield chunk

    async def _wait(self, count: int) -> None:
        self._memory_freed = asyncio.Event()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not self._budget.fits(self, count):
                    self._memory_freed.clear()
                    await self._memory_freed.wait()
        except TimeoutError as ex:
            raise _out_of_memory() from ex
        finally:
            self._memory_freed = None


def _out_of_memory() -> Problem:
    return Problem(
        Code.RATE_LIMITED, "There is no memory for more uploads now.", retry_after_seconds=RETRY_SECONDS
    )
