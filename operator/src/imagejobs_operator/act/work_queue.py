"""A queue of keys: each is queued once at most, worked on by one worker at a time, with its own back-off.

It does not know the work. The `Result` of the work decides when a key is queued again; an event queues it at
once. The error of one key never delays another.

It is ours because we found no maintained work queue of this kind for Python (Go's client-go has one), and
kopf's is part of its watch (ADR 16).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from imagejobs_contract.errors import ImageJobsError, Unavailable
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.runtime import backoff, gate
from imagejobs_contract.runtime.gate import Closed

log = logging.getLogger(__name__)

FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.1, 30.0
"""Delay after the first failure of a key, doubled with each further one, and its maximum. It is shorter where
a system was away: its gate decides how often it is asked.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """When a key is queued next.

    Attributes:
        requeue_after_seconds: The key is queued after this time without any event; None leaves it to events
            and the resync.
        min_interval_seconds: The key is not queued earlier, so that one reconcile handles many events of a
            busy job.
    """

    requeue_after_seconds: float | None = None
    min_interval_seconds: float = 0.0


Work = Callable[[JobKey], Awaitable[Result]]


class WorkQueue:
    """Passes keys to `work`, up to `concurrency` at a time.

    The feeds and the callback dispatcher call `add`; `run` calls the work. One queue lives as long as the
    program, on one event loop.
    """

    def __init__(self, work: Work, concurrency: int) -> None:
        self._work = work
        self._concurrency = concurrency
        self._ready: asyncio.Queue[JobKey] = asyncio.Queue()
        self._queued: dict[JobKey, float] = {}
        self._busy: dict[JobKey, float] = {}
        self._throttled: set[JobKey] = set()
        self._dirty: dict[JobKey, float] = {}
        self._timers: dict[JobKey, asyncio.TimerHandle] = {}
        self._failures: dict[JobKey, int] = {}
        self._refused: set[JobKey] = set()

    def add(self, key: JobKey) -> None:
        """Queue a key, to be worked on as soon as possible; nothing happens if it is queued."""
        now = time.monotonic()
        if key in self._busy or key in self._throttled:
            self._dirty.setdefault(key, now)
        elif key not in self._queued:
            self._queued[key] = now
            self._ready.put_nowait(key)

    def add_refused(self) -> None:
        """Queue the keys that failed because a system was away: it answers again."""
        refused, self._refused = self._refused, set()
        for key in refused:
            self.add(key)

    def oldest_seconds(self) -> float:
        """Return how long the oldest key has waited or been worked on; high if the program is stuck."""
        now = time.monotonic()
        return max((now - since for since in (*self._queued.values(), *self._busy.values())), default=0.0)

    def __len__(self) -> int:
        return len(self._queued) + len(self._busy)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._run())

    async def _run(self) -> None:
        while True:
            key = await self._ready.get()
            await self._work_on(key)

    async def _work_on(self, key: JobKey) -> None:
        self._busy[key] = self._queued.pop(key)
        self._set_timer(key, None)
        self._refused.discard(key)
        try:
            result = await self._work(key)
            self._failures.pop(key, None)
        except Exception as ex:  # noqa: BLE001 - logged by _failed; the queue outlives any error of one key
            result = Result(self._failed(key, ex))
        del self._busy[key]
        self._set_timer(key, result.requeue_after_seconds)
        if result.min_interval_seconds:
            self._throttled.add(key)
            asyncio.get_running_loop().call_later(result.min_interval_seconds, self._unthrottle, key)
        else:
            self._unthrottle(key)

    def _unthrottle(self, key: JobKey) -> None:
        self._throttled.discard(key)
        if self._dirty.pop(key, None) is not None:
            self.add(key)

    def _set_timer(self, key: JobKey, seconds: float | None) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if seconds is not None:
            self._timers[key] = asyncio.get_running_loop().call_later(seconds, self._requeue, key)

    def _requeue(self, key: JobKey) -> None:
        del self._timers[key]
        self.add(key)

    def _failed(self, key: JobKey, ex: Exception) -> float:
        if isinstance(ex, Unavailable):
            self._refused.add(key)
        if isinstance(ex, Closed):  # nobody was asked
            return ex.retry_after_seconds or FIRST_DELAY_SECONDS
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = backoff.delay_seconds(failures, FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS)
        if isinstance(ex, Unavailable):
            # Any key may be the probe of the gate, which sees to it that one is enough.
            delay = max(min(delay, gate.LONGEST_SECONDS), ex.retry_after_seconds or 0.0)
        known = isinstance(ex, ImageJobsError)
        facts = {
            "job_id": key.name,
            "namespace": key.namespace,
            "failures": failures,
            "again_seconds": delay,
            "reason": str(ex),
        }
        told = logging.DEBUG if isinstance(ex, Unavailable) else logging.WARNING  # the gate tells it once
        log.log(
            told if known else logging.ERROR,
            "reconcile failed",
            extra=facts,
            exc_info=None if known else ex,
        )
        return delay
