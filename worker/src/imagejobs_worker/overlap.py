"""Bounds the images that a worker has in hand: enough that fetching, rendering and storing overlap, too few to fill memory or to hoard work."""

import asyncio
from types import TracebackType

AHEAD = 1
"""Images fetched, or being fetched, beside those that are rendered. More would wait here while other workers are idle."""
BEHIND = 2
"""Images being stored and reported."""


class Overlap:
    """Gives out places for images.

    Args:
        renderers: Images that are rendered at a time.
    """

    def __init__(self, renderers: int) -> None:
        self._early = asyncio.Semaphore(renderers + AHEAD)
        self._all = asyncio.Semaphore(renderers + AHEAD + BEHIND)

    async def place(self) -> "Place":
        """Wait for a free place."""
        await self._early.acquire()
        try:
            await self._all.acquire()
        except BaseException:
            self._early.release()
            raise
        return Place(self._early, self._all)


class Place:
    """One image's place; a context manager that gives it up."""

    def __init__(self, early: asyncio.Semaphore, whole: asyncio.Semaphore) -> None:
        self._early: asyncio.Semaphore | None = early
        self._all = whole

    def rendered(self) -> None:
        """Let the next image begin: this one only needs storing."""
        if self._early is not None:
            self._early.release()
            self._early = None

    def leave(self) -> None:
        """Give the place up."""
        self.rendered()
        self._all.release()

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.leave()
