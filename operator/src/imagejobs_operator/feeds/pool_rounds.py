"""Asks Redis once, for all jobs that wait for the pool, what the resync would otherwise ask for each of them.

Their tasks may be lost, an outcome may have come without its wake-up, and the pool may have no worker.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import TaskQueue
from imagejobs_operator.act.memory import Memory

log = logging.getLogger(__name__)

SOON_SECONDS = 0.5
"""After `ask_soon`: at a start the jobs come by thousands, and one question is for all of them."""


class PoolRounds:
    """Asks in rounds, and adds the keys of jobs at which there is something to do.

    After an outage of Redis `resync.follow_wake_ups` adds all unfinished jobs, so a round that fails is left
    out.

    Args:
        tasks: Is asked.
        memory: Knows the jobs.
        add: Takes the keys.
        now: The clock that only counts.
        seconds: Between two rounds.
    """

    def __init__(
        self,
        tasks: TaskQueue,
        memory: Memory,
        add: Callable[[JobKey], None],
        now: Callable[[], datetime],
        seconds: float,
    ) -> None:
        self._tasks = tasks
        self._memory = memory
        self._add = add
        self._now = now
        self._seconds = seconds
        self._soon = asyncio.Event()

    def ask_soon(self) -> None:
        """Begin the next round at once: what a job needs was guessed from its status."""
        self._soon.set()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._soon.wait(), self._seconds)
                await asyncio.sleep(min(SOON_SECONDS, self._seconds))
            self._soon.clear()
            try:
                await self.ask()
            except ImageJobsError as ex:
                log.debug("a round of the pool failed", extra={"reason": ex.message})

    async def ask(self) -> None:
        """Ask once.

        Raises:
            ImageJobsError: Redis does not answer, or refuses.
        """
        known = self._memory.pool_facts()
        for key in await self._tasks.find_changed(known) if known else ():
            self._add(key)
        for key in self._memory.pool.record_workers(await self._tasks.workers(), self._now()):
            self._add(key)
