"""Back-pressure: what this process and the pool can still take. Refuses with 429 before a body is read."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imagejobs_api.callers.caller import Caller
from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.ports import TaskQueue

MAX_DEPTH_AGE_SECONDS = 1.0
"""How old the known length of the queue may be."""
DEPTH_TIMEOUT_SECONDS = 0.5
"""How long a request is delayed at most by asking for it."""
OPEN_SECONDS = 5.0
"""How long a queue that did not answer is not asked again: a black hole must not delay every request."""
QUEUE_RETRY_SECONDS = 5
OpenImages = Callable[[str, str], int]
"""Namespace, caller -> images that have not ended."""
BYTES_RETRY_SECONDS = 1
LIST_RETRY_SECONDS = 5


class Quotas:
    """Counts bytes being received, and knows roughly how many images wait.

    Args:
        open_images: What the list of jobs knows.
    """

    def __init__(
        self,
        limits: Limits,
        queue: TaskQueue,
        open_images: OpenImages,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._queue = queue
        self._open_images = open_images
        self._clock = clock
        self._depth = 0
        self._depth_until = float("-inf")
        self._bytes = 0
        self._lists = 0
        self._bytes_of: Counter[str] = Counter()

    @property
    def bytes_in_flight(self) -> int:
        """Return how many bytes are reserved."""
        return self._bytes

    async def check_queue(self, caller: Caller) -> None:
        """Refuse when too many images wait, of the caller or of all.

        A queue that does not answer refuses nobody: accepted jobs lie in the store.

        Raises:
            Problem: `queue_full`.
        """
        most = caller.limits.queued_images or self._limits.max_caller_queued_images
        if caller.name and self._open_images(caller.namespace, caller.name) >= most:
            raise Problem(
                Code.QUEUE_FULL,
                f"{most} of your images have not ended yet.",
                retry_after_seconds=QUEUE_RETRY_SECONDS,
            )
        await self._check_depth()

    def check_images(self, caller: Caller, count: int) -> None:
        """Refuse a job of so many images beside what the caller has open. One job alone is always let in.

        Raises:
            Problem: `queue_full`.
        """
        most = caller.limits.queued_images or self._limits.max_caller_queued_images
        own = self._open_images(caller.namespace, caller.name) if caller.name else 0
        if own and own + count > most:
            what = (
                f"{own} of your images have not ended yet; with these {count} they would be more than {most}."
            )
            raise Problem(Code.QUEUE_FULL, what, retry_after_seconds=QUEUE_RETRY_SECONDS)

    @contextmanager
    def listing(self) -> Iterator[None]:
        """Take one of the places for making long lists.

        Raises:
            Problem: `rate_limited`.
        """
        if self._lists >= self._limits.max_lists_at_once:
            raise Problem(
                Code.RATE_LIMITED,
                "Too many lists of images are being made.",
                retry_after_seconds=LIST_RETRY_SECONDS,
            )
        self._lists += 1
        try:
            yield
        finally:
            self._lists -= 1

    async def _check_depth(self) -> None:
        if self._clock() >= self._depth_until:
            await self._refresh_depth()
        if self._depth >= self._limits.max_queued_images:
            raise Problem(Code.QUEUE_FULL, retry_after_seconds=QUEUE_RETRY_SECONDS)

    @contextmanager
    def receiving(self, count: int, caller: Caller) -> Iterator[None]:
        """Reserve `count` bytes while a body of the caller's is received. One body alone is always let in.

        Raises:
            Problem: `rate_limited`.
        """
        if self._bytes and self._bytes + count > self._limits.max_bytes_in_flight:
            raise Problem(
                Code.RATE_LIMITED,
                "Too many uploads are being received.",
                retry_after_seconds=BYTES_RETRY_SECONDS,
            )
        own, most = (
            self._bytes_of[caller.name],
            caller.limits.bytes_in_flight or self._limits.max_caller_bytes_in_flight,
        )
        if caller.name and own and own + count > most:
            raise Problem(
                Code.RATE_LIMITED,
                "Too many of your uploads are being received.",
                retry_after_seconds=BYTES_RETRY_SECONDS,
            )
        self._add_bytes(count, caller)
        try:
            yield
        finally:
            self._add_bytes(-count, caller)

    def _add_bytes(self, count: int, caller: Caller) -> None:
        self._bytes += count
        self._bytes_of[caller.name] += count
        if not self._bytes_of[caller.name]:
            del self._bytes_of[caller.name]

    async def _refresh_depth(self) -> None:
        self._depth_until = self._clock() + MAX_DEPTH_AGE_SECONDS
        try:
            async with asyncio.timeout(DEPTH_TIMEOUT_SECONDS):
                self._depth = await self._queue.depth()
        except (TimeoutError, Unavailable):
            self._depth, self._depth_until = 0, self._clock() + OPEN_SECONDS
