"""Back-pressure: refuses with 429, before a body is read, if this process or the pool has too much to do.

It is ours because the `limits` library counts requests per time (`rate_limits`). This module counts the bytes
in work and the tasks that wait (ADR 16).
"""

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
"""The known length of the queue is read again when it is older than this."""
DEPTH_TIMEOUT_SECONDS = 0.5
"""How long a request waits for that at most."""
OPEN_SECONDS = 5.0
"""How long the queue is not asked again after a failure: lost packets must not delay every request."""
QUEUE_RETRY_SECONDS = 5
BYTES_RETRY_SECONDS = 1
LIST_RETRY_SECONDS = 5

OpenImages = Callable[[str, str], int]
"""Namespace and caller -> the number of images that have not ended."""


class Quotas:
    """Counts the bytes being received and the lists being made, and knows roughly how many images wait.

    Both intakes share one, which lives as long as the app.

    Args:
        open_images: Answered by the list of jobs that this process keeps.
        pool_images: The same of the images that the pool works on.
        samples: The same of samples, also of those that have ended.
    """

    def __init__(
        self,
        limits: Limits,
        queue: TaskQueue,
        open_images: OpenImages,
        clock: Callable[[], float] = time.monotonic,
        *,
        pool_images: OpenImages = lambda namespace, caller: 0,
        samples: OpenImages = lambda namespace, caller: 0,
    ) -> None:
        self._limits = limits
        self._pool_images = pool_images
        self._samples = samples
        self._queue = queue
        self._open_images = open_images
        self._clock = clock
        self._depth = 0
        self._depth_until = float("-inf")
        self._bytes = 0
        self._lists = 0
        self._bytes_by_caller: Counter[str] = Counter()

    @property
    def bytes_in_flight(self) -> int:
        """Return how many bytes are reserved."""
        return self._bytes

    async def check_queue(self, caller: Caller) -> None:
        """Refuse a request if too many images wait, of the caller or of all callers.

        If the queue does not answer, no request is refused: accepted jobs are safe in the store.

        Raises:
            Problem: `queue_full`.
        """
        most = self._max_images(caller)
        if caller.name and self._open_images(caller.namespace, caller.name) >= most:
            raise _queue_full(f"{most} of your images have not ended yet.")
        most = caller.limits.pool_images or self._limits.max_caller_pool_images
        if caller.name and self._pool_images(caller.namespace, caller.name) >= most:
            raise _queue_full(f"{most} of your images wait for the pool.")
        if self._clock() >= self._depth_until:
            await self._refresh_depth()
        if self._depth >= self._limits.max_queued_images:
            raise _queue_full()

    def check_samples(self, caller: Caller) -> None:
        """Refuse a sample if the caller, or all callers without keys, have too many of them.

        Raises:
            Problem: `queue_full`.
        """
        most = self._limits.max_caller_samples
        if self._samples(caller.namespace, caller.name) >= most:
            raise _queue_full(f"{most} samples are not deleted yet. Delete those that you have seen.")

    def check_images(self, caller: Caller, count: int) -> None:
        """Refuse a job of `count` images beside those that the caller has open.

        A job is never refused for its own size: it passes if the caller has no other open image.

        Raises:
            Problem: `queue_full`.
        """
        most = self._max_images(caller)
        own = self._open_images(caller.namespace, caller.name) if caller.name else 0
        if own and own + count > most:
            raise _queue_full(
                f"{own} of your images have not ended yet; with these {count} they would be more than {most}."
            )

    @contextmanager
    def hold_list_slot(self) -> Iterator[None]:
        """Hold one of the slots for making long lists of images, for the length of the block.

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

    @contextmanager
    def reserve_bytes(self, count: int, caller: Caller) -> Iterator[None]:
        """Reserve `count` bytes while a body of the caller is received.

        A body is never refused for its own size: it passes if no other body is being received.

        Raises:
            Problem: `rate_limited`.
        """
        if self._bytes and self._bytes + count > self._limits.max_bytes_in_flight:
            raise _too_many_bytes("Too many uploads are being received.")
        own = self._bytes_by_caller[caller.name]
        most = caller.limits.bytes_in_flight or self._limits.max_caller_bytes_in_flight
        if caller.name and own and own + count > most:
            raise _too_many_bytes("Too many of your uploads are being received.")
        self._add_bytes(count, caller)
        try:
            yield
        finally:
            self._add_bytes(-count, caller)

    def _max_images(self, caller: Caller) -> int:
        return caller.limits.queued_images or self._limits.max_caller_queued_images

    def _add_bytes(self, count: int, caller: Caller) -> None:
        self._bytes += count
        self._bytes_by_caller[caller.name] += count
        if not self._bytes_by_caller[caller.name]:
            del self._bytes_by_caller[caller.name]

    async def _refresh_depth(self) -> None:
        self._depth_until = self._clock() + MAX_DEPTH_AGE_SECONDS
        try:
            async with asyncio.timeout(DEPTH_TIMEOUT_SECONDS):
                self._depth = await self._queue.depth()
        except (TimeoutError, Unavailable):
            self._depth, self._depth_until = 0, self._clock() + OPEN_SECONDS


def _queue_full(message: str = "") -> Problem:
    return Problem(Code.QUEUE_FULL, message, retry_after_seconds=QUEUE_RETRY_SECONDS)


def _too_many_bytes(message: str) -> Problem:
    return Problem(Code.RATE_LIMITED, message, retry_after_seconds=BYTES_RETRY_SECONDS)
