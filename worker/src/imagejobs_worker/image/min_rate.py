"""The lowest rate at which a source has to send its image: one that only drips is given up early."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed

WINDOW_SECONDS = 5.0
"""How long a source may be slower: the time to connect, and a few lost packets (RFC 6298: 1, 2, 4 s)."""


@dataclass(frozen=True, slots=True)
class MinRate:
    """The lowest rate at which a source may send.

    Attributes:
        bytes_per_second: On average over each window, as curl's `--speed-limit`.
        window_seconds: Length of the window.
    """

    bytes_per_second: int
    window_seconds: float = WINDOW_SECONDS

    async def enforce(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the pieces; only time spent waiting for them counts.

        Raises:
            ImageFailed: source_timeout; they come more slowly.
        """
        clock = asyncio.get_running_loop().time
        seconds, due = self.window_seconds, self.window_seconds * self.bytes_per_second
        while True:
            began = clock()
            try:
                async with asyncio.timeout(seconds):
                    piece = await anext(pieces, b"")
            except TimeoutError as ex:
                raise ImageFailed(
                    f"the source sends less than {self.bytes_per_second} bytes per second",
                    code=Code.SOURCE_TIMEOUT,
                ) from ex
            if not piece:
                return
            seconds, due = seconds - (clock() - began), due - len(piece)
            if due <= 0:
                seconds, due = self.window_seconds, self.window_seconds * self.bytes_per_second
            yield piece
