"""Bounds the images that a worker has in hand: enough that fetching, rendering and storing overlap, too few to fill memory or to hoard work."""

import asyncio
from types import TracebackType

IMAGES_AHEAD = 1
"""Images fetched, or being fetched, beside those that are rendered. More would wait here while other workers
are idle.
"""
IMAGES_BEHIND = 2
"""Images being stored and reported."""
MAX_PARKED_IMAGES = 32
"""Images beside all these of which at most the beginning came: slow servers keep no place from others, up to
this bound of open connections.
"""


class Slots:
    """Gives out places for images.

    Args:
        renderers: Images that are rendered at a time.
    """

    def __init__(self, renderers: int) -> None:
        self.unrendered = asyncio.Semaphore(renderers + IMAGES_AHEAD)
        self.in_hand = asyncio.Semaphore(renderers + IMAGES_AHEAD + IMAGES_BEHIND)
        self.parked = 0

    async def acquire(self) -> "Slot":
        """Wait for a free place."""
        await self.wait_for_room()
        return Slot(self)

    async def wait_for_room(self) -> None:
        """Wait until there is one image less."""
        await self.unrendered.acquire()
        try:
            await self.in_hand.acquire()
        except BaseException:
            self.unrendered.release()
            raise


class Slot:
    """One image's place; a context manager that gives it up."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._counts_unrendered = self._counts_in_hand = True
        self._parked = False

    def release(self) -> None:
        """Let the next image begin while nothing of this one comes, if not too many do so already."""
        if self._counts_unrendered and self._slots.parked < MAX_PARKED_IMAGES:
            self._release_semaphores()
            self._parked = True
            self._slots.parked += 1

    async def reacquire(self) -> None:
        """Wait for a place again, before anything of the image is held."""
        if self._parked:
            await self._slots.wait_for_room()
            self._counts_unrendered = self._counts_in_hand = True
            self._unpark()

    def mark_rendered(self) -> None:
        """Let the next image begin: this one only needs storing."""
        if self._counts_unrendered:
            self._counts_unrendered = False
            self._slots.unrendered.release()

    def close(self) -> None:
        """Give the place up."""
        self._release_semaphores()
        self._unpark()

    def _release_semaphores(self) -> None:
        self.mark_rendered()
        if self._counts_in_hand:
            self._counts_in_hand = False
            self._slots.in_hand.release()

    def _unpark(self) -> None:
        if self._parked:
            self._parked = False
            self._slots.parked -= 1

    def __enter__(self) -> "Slot":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
