"""Adds keys to the work queue from wake-ups of workers, and at each resync, which catches missed events.

With every store; the watches of the stores are in `kubernetes` and `sqlite`.
"""

import asyncio
import logging
from collections.abc import Callable

from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import JobStore, ProgressBoard
from imagejobs_contract.runtime import logs
from imagejobs_operator.act.memory import Memory
from imagejobs_operator.act.work_queue import WorkQueue
from imagejobs_operator.health import Health

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Pause before a broken feed starts again."""


async def wake_ups(board: ProgressBoard, queue: WorkQueue, memory: Memory) -> None:
    """Add the keys of jobs with an image that has just ended, for ever.

    After an outage of Redis they are those of all unfinished jobs: their ends may have been missed, and their
    tasks lost.
    """
    while True:
        try:
            async for wake_up in board.wake_ups():
                if wake_up is None:
                    for key in memory.unfinished_jobs():
                        queue.add(key)
                    continue
                memory.record_wake_up(wake_up)
                queue.add(wake_up.key)
        except ImageJobsError as ex:
            log.warning("wake-ups stopped", extra={"reason": ex.message})
        await asyncio.sleep(RETRY_SECONDS)


async def resync(
    store: JobStore, queue: WorkQueue, seconds: float, health: Health, is_due: Callable[[JobKey], bool]
) -> None:
    """Add the keys of all jobs that are due, every `seconds`, for ever.

    The first listing makes the program ready: its log line says so.
    """
    ready = False
    while True:
        try:
            for key in filter(is_due, await store.keys()):
                queue.add(key)
        except ImageJobsError as ex:
            health.record_listing(ex.message)
            log.warning("resync failed", extra={"reason": ex.message})
            await asyncio.sleep(RETRY_SECONDS)
            continue
        health.record_listing()
        if not ready:
            ready = True
            logs.say_ready()
        await asyncio.sleep(seconds)
