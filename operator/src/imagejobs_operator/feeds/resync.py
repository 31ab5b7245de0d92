"""What both bindings feed the queue with besides changes: wake-ups of workers, and a resync of everything that catches what no event told."""

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
"""Before a feed that broke begins again."""


async def wake_ups(board: ProgressBoard, queue: WorkQueue, memory: Memory) -> None:
    """Feed the jobs of which an image ended, for ever."""
    while True:
        try:
            async for woken in board.wake_ups():
                if woken is not None:
                    memory.record_wake_up(woken)
                    queue.add(woken.key)
        except ImageJobsError as ex:
            log.warning("wake-ups stopped", extra={"reason": ex.message})
        await asyncio.sleep(RETRY_SECONDS)


async def resync(
    store: JobStore, queue: WorkQueue, seconds: float, health: Health, is_due: Callable[[JobKey], bool]
) -> None:
    """Feed all jobs that may be due now and then, for ever; say so after the first time, when the operator does its work."""
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
