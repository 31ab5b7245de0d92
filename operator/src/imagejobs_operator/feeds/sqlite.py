"""Adds keys to the work queue from the watch of the SQLite store."""

import asyncio
import logging

from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.ports import JobStore
from imagejobs_operator.act.work_queue import WorkQueue
from imagejobs_operator.feeds.resync import RETRY_SECONDS

log = logging.getLogger(__name__)


async def follow(store: JobStore, queue: WorkQueue) -> None:
    """Add the key of each job that changes, for ever."""
    while True:
        try:
            async for seen in store.watch():
                if seen is not None:
                    queue.add(seen.key)
        except ImageJobsError as ex:
            log.warning("changes stopped", extra={"reason": ex.message})
        await asyncio.sleep(RETRY_SECONDS)
