"""Retries failures that can pass, and no others: waits double, with jitter, within a bound."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from imagejobs_contract.codes import Code, meaning
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.runtime.backoff import Backoff

T = TypeVar("T")


class RetryPolicy(NamedTuple):
    """How failures that can pass are retried; all in seconds.

    Attributes:
        first_wait_seconds: The longest first wait.
        max_wait_seconds: The longest wait.
        storage_seconds: How long an outage of our own storage is waited out. It is no image's fault, so it
            does not count as an attempt.
        max_asked_seconds: The longest wait that a source may ask for. If it asks for longer, the image fails
            at once: an earlier try would be refused, and a longer wait would block others.
    """

    first_wait_seconds: float = 0.2
    max_wait_seconds: float = 5.0
    storage_seconds: float = 60.0
    max_asked_seconds: float = 10.0


async def retry(act: Callable[[], Awaitable[T]], attempts: int, policy: RetryPolicy) -> T:
    """Call `act` until it succeeds or is not worth another try.

    Args:
        act: Called for each try.
        attempts: Tries that may fail; outages of our storage do not count.
        policy: Waits between tries.

    Raises:
        ImageFailed: The last failure: its code does not pass, or the attempts or the time for an outage are
            used up.
    """
    backoff = Backoff(policy.first_wait_seconds, policy.max_wait_seconds)
    give_up, failures = time.monotonic() + policy.storage_seconds, 0
    while True:
        wait = backoff.next()
        try:
            return await act()
        except ImageFailed as ex:
            outage = ex.code is Code.STORAGE_ERROR
            failures += not outage
            used_up = time.monotonic() + wait > give_up if outage else failures >= attempts
            if used_up or not meaning(ex.code).retryable or ex.permanent:
                raise
            if ex.wait_seconds > policy.max_asked_seconds:
                raise
            wait = max(wait, ex.wait_seconds)
        await asyncio.sleep(wait)
