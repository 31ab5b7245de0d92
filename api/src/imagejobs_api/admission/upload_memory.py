"""Bounds what this process holds of files on their way to S3.

Over the bound, bodies are left unread, and the clients' sending stops by itself.

The body that came first always goes on, so that one is always on its way to its end, and the bound is never
one of half files that wait for each other. What announces its length is bounded before (`quotas`); a file's
length is known only at its end.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.s3.streaming_put import MAX_HELD_BYTES

WAIT_SECONDS = 20.0
"""How long a body may be left unread."""
RETRY_SECONDS = 1
READ_AHEAD = 65_536 + 256_000
"""Bytes that the server reads of a body before it leaves it unread: uvicorn's mark, and what uvloop reads at
once.
"""


class Held:
    """The bytes of all files that are on their way.

    Args:
        most: Beyond this only the first body goes on, by up to `MOST_HELD`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._files: dict[HeldFile, None] = {}
        self.bytes = 0

    def check(self) -> None:
        """Refuse a new request as long as there are bodies that are left unread.

        Raises:
            Problem: `rate_limited`.
        """
        if any(file.waits for file in self._files):
            raise _full()

    @contextmanager
    def file(self) -> Iterator["HeldFile"]:
        """Count a file for the length of the block."""
        file = HeldFile(self)
        self._files[file] = None
        self.bytes += READ_AHEAD
        try:
            yield file
        finally:
            del self._files[file]
            self.bytes -= file.bytes + READ_AHEAD
            for each in self._files:
                each.look_again()

    def fits(self, file: "HeldFile", count: int) -> bool:
        """Tell whether a file may grow."""
        return self.bytes + count <= self._most or file is next(iter(self._files))


class HeldFile:
    """What is held of one file: all that came, up to what the way to S3 keeps of it."""

    def __init__(self, held: Held) -> None:
        self.bytes = 0
        self._held = held
        self._room: asyncio.Event | None = None

    @property
    def waits(self) -> bool:
        """Tell whether it is left unread for want of room."""
        return self._room is not None

    def look_again(self) -> None:
        """Let it see whether there is room now."""
        if self._room is not None:
            self._room.set()

    async def counted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the chunks, each once there is room for it.

        Raises:
            Problem: `rate_limited`; there was none for too long.
        """
        async for chunk in chunks:
            count = min(len(chunk), MAX_HELD_BYTES - self.bytes)
            if not self._held.fits(self, count):
                await self._wait(count)
            self.bytes += count
            self._held.bytes += count
            yield chunk

    async def _wait(self, count: int) -> None:
        self._room = asyncio.Event()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not self._held.fits(self, count):
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError as ex:
            raise _full() from ex
        finally:
            self._room = None


def _full() -> Problem:
    return Problem(
        Code.RATE_LIMITED, "There is no memory for more uploads now.", retry_after_seconds=RETRY_SECONDS
    )
