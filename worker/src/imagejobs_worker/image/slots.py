"""Bounds the images that a worker has in hand: enough that fetching, rendering and storing overlap, too few to fill memory or to hoard work."""

import asyncio
from types import TracebackType

AHEAD = 1
"""Images fetched, or being fetched, beside those that are rendered. More would wait here while other workers
are idle.
"""
BEHIND = 2
"""Images being stored and reported."""
ASIDE = 32
"""Images beside all these of which at most the beginning came: slow servers keep no place from others, up to
this bound of open connections.
"""


class Overlap:
    """Gives out places for images.

    Args:
        renderers: Images that are rendered at a time.
    """

    def __init__(self, renderers: int) -> None:
        self.early = asyncio.Semaphore(renderers + AHEAD)
        self.whole = asyncio.Semaphore(renderers + AHEAD + BEHIND)
        self.aside = 0

    async def place(self) -> "Place":
        """Wait for a free place."""
        await self.enter()
        return Place(self)

    async def enter(self) -> None:
        """Wait until there is one image less."""
        await self.early.acquire()
        try:
            await self.whole.acquire()
        except BaseException:
            self.early.release()
            raise


class Place:
    """One image's place; a context manager that gives it up."""

    def __init__(self, overlap: Overlap) -> None:
        self._overlap = overlap
        self._early = self._whole = True
        self._aside = False

    def step_aside(self) -> None:
        """Let the next image begin while nothing of this one comes, if not too many do so already."""
        if self._early and self._overlap.aside < ASIDE:
            self._give_back()
            self._aside = True
            self._overlap.aside += 1

    async def come_back(self) -> None:
        """Wait for a place again, before anything of the image is held."""
        if self._aside:
            await self._overlap.enter()
            self._early = self._whole = True
            self._end_aside()

    def rendered(self) -> None:
        """Let the next image begin: this one only needs storing."""
        if self._early:
            self._early = False
            self._overlap.early.release()

    def leave(self) -> None:
        """Give the place up."""
        self._give_back()
        self._end_aside()

    def _give_back(self) -> None:
        self.rendered()
        if self._whole:
            self._whole = False
            self._overlap.whole.release()

    def _end_aside(self) -> None:
        if self._aside:
            self._aside = False
            self._overlap.aside -= 1

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
