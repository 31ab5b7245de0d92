"""Tries again what may pass, and only that: waits that double, with jitter, within a bound."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from imagejobs_contract.codes import Code, meaning
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.runtime.backoff import Backoff

T = TypeVar("T")


class Retry(NamedTuple):
    """How often and how long errors that can pass are tried again; all in seconds.

    Attributes:
        first: Longest first wait.
        longest: Longest wait.
        storage: An outage of our own storage is no image's fault: it does not count as attempts but is waited
            for, this long.
    """

    first: float = 0.2
    longest: float = 5.0
    storage: float = 60.0


async def retried(act: Callable[[], Awaitable[T]], attempts: int, retry: Retry) -> T:
    """Do something until it succeeds or is not worth another try.

    Raises:
        ImageFailed: The last one: its code does not pass, or the attempts or the patience with the storage
            are used up.
    """
    backoff = Backoff(retry.first, retry.longest)
    give_up, failures = time.monotonic() + retry.storage, 0
    while True:
        wait = backoff.next()
        try:
            return await act()
        except ImageFailed as ex:
            outage = ex.code is Code.STORAGE_ERROR
            failures += not outage
            used_up = time.monotonic() + wait > give_up if outage else failures >= attempts
            if used_up or not meaning(ex.code).retryable:
                raise
        await asyncio.sleep(wait)
