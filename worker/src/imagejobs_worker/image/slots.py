"""Bounds the images that a worker has in hand: enough for its steps to overlap, too few to fill memory.

With more, tasks would also wait here while other workers are idle.
"""

import asyncio
from types import TracebackType

IMAGES_AHEAD = 1
"""Images fetched, or being fetched, beside those that are rendered. More would wait here while other workers
are idle.
"""
IMAGES_BEHIND = 2
"""Images being stored and acknowledged."""
MAX_PARKED_IMAGES = 32
"""Images beside all these of which at most the first bytes came: slow servers keep no slot from others, up to
this bound of open connections.
"""


class Slots:
    """Gives out slots for images: a semaphore of images not yet rendered, and one of all images in hand.

    Args:
        renderers: Images that are rendered at a time.

    Attributes:
        parked: Images that released their slot while their server is slow.
    """

    def __init__(self, renderers: int) -> None:
        self.unrendered = asyncio.Semaphore(renderers + IMAGES_AHEAD)
        self.in_hand = asyncio.Semaphore(renderers + IMAGES_AHEAD + IMAGES_BEHIND)
        self.parked = 0

    async def acquire(self) -> "Slot":
        """Wait for a free slot."""
        await self.wait_for_room()
        return Slot(self)

    async def wait_for_room(self) -> None:
        """Wait until both semaphores admit one image more."""
        await self.unrendered.acquire()
        try:
            await self.in_hand.acquire()
        except BaseException:
            self.unrendered.release()
            raise


class Slot:
    """One image's slot; a context manager that closes it."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._counts_unrendered = self._counts_in_hand = True
        self._parked = False

    def release(self) -> None:
        """Let the next image begin while this one waits for its server, if not too many wait already."""
        if self._counts_unrendered and self._slots.parked < MAX_PARKED_IMAGES:
            self._release_semaphores()
            self._parked = True
            self._slots.parked += 1

    async def reacquire(self) -> None:
        """Wait for a slot again, if it was released; called before more than the first bytes are buffered."""
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
        """Give the slot up for good."""
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
