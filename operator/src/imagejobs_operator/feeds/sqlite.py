"""Feeds the queue from the changes of SQLite. No Kubernetes, no kopf."""

import asyncio
import logging

from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.ports import JobStore
from imagejobs_operator.act.work_queue import WorkQueue
from imagejobs_operator.feeds.resync import RETRY_SECONDS

log = logging.getLogger(__name__)


async def follow(store: JobStore, queue: WorkQueue) -> None:
    """Feed each job that changes, for ever."""
    while True:
        try:
            async for seen in store.watch():
                if seen is not None:
                    queue.add(seen.key)
        except ImageJobsError as ex:
            log.warning("changes stopped", extra={"reason": ex.message})
        await asyncio.sleep(RETRY_SECONDS)
