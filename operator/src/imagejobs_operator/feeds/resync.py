"""Adds keys to the work queue from wake-ups of workers, and at each resync, which catches missed events.

With every store; the watches of the stores are in `kubernetes` and `sqlite`.
"""

import asyncio
import logging
from collections.abc import Callable

from imagejobs_contract.errors import ImageJobsError, Misconfigured, NotFound
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import JobStore, ProgressBoard
from imagejobs_contract.runtime import logs
from imagejobs_contract.runtime.backoff import Backoff
from imagejobs_operator.act.memory import Memory
from imagejobs_operator.act.work_queue import WorkQueue
from imagejobs_operator.feeds.namespaces import Namespaces
from imagejobs_operator.health import Health

log = logging.getLogger(__name__)

RETRY_SECONDS, MAX_RETRY_SECONDS = 1.0, 30.0
"""Pause before a broken feed starts again, and the longest before the next listing."""


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
    store: JobStore,
    queue: WorkQueue,
    seconds: float,
    health: Health,
    namespaces: Namespaces,
    is_due: Callable[[JobKey], bool],
    is_known: Callable[[JobKey], bool] = lambda key: True,
) -> None:
    """Add the keys of all jobs that are due, every `seconds`, for ever.

    A namespace that cannot be listed is left out until it can. The first listing makes the program ready: its
    log line says so.
    """
    wanted = _Wanted(is_due, is_known)
    ready, waits = False, Backoff(RETRY_SECONDS, MAX_RETRY_SECONDS)
    while True:
        wanted.begin()
        fault = await _add_due(store, queue, namespaces, wanted.check)
        health.record_listing(fault)
        if fault:
            log.warning("resync failed", extra={"reason": fault})
            await asyncio.sleep(min(seconds, waits.next()))
            continue
        waits.reset()
        if not ready:
            ready = True
            logs.say_ready()
        await asyncio.sleep(seconds)


class _Wanted:
    """Says which keys a resync adds.

    A job that no watch has delivered yet is added by the next resync, if it is still unknown then: a start
    over thousands of ended jobs need not read them one by one.
    """

    def __init__(self, is_due: Callable[[JobKey], bool], is_known: Callable[[JobKey], bool]) -> None:
        self._is_due = is_due
        self._is_known = is_known
        self._awaited: set[JobKey] = set()
        self._unknown: set[JobKey] = set()

    def begin(self) -> None:
        """Begin a resync."""
        self._awaited, self._unknown = self._unknown, set()

    def check(self, key: JobKey) -> bool:
        """Return whether this resync adds a key."""
        if self._is_known(key):
            return self._is_due(key)
        self._unknown.add(key)
        return key in self._awaited


async def _add_due(
    store: JobStore, queue: WorkQueue, namespaces: Namespaces, is_due: Callable[[JobKey], bool]
) -> str:
    """Add the keys of all namespaces that can be listed; return the fault if none can be."""
    for namespace in namespaces.watched:
        try:
            keys = await store.keys(namespace)
        except (Misconfigured, NotFound) as ex:
            namespaces.record(namespace, ex.message)
        except ImageJobsError as ex:
            return ex.message
        else:
            namespaces.record(namespace)
            for key in filter(is_due, keys):
                queue.add(key)
    return namespaces.fault()
