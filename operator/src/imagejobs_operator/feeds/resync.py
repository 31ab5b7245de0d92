"""Adds keys to the work queue from wake-ups of workers, and at each resync, which catches missed events.

With every store; the watches of the stores are in `kubernetes` and `sqlite`.
"""

import asyncio
import logging
from collections.abc import Callable
from itertools import islice

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
"""Pause before a broken feed starts again, and the longest before the store is asked again."""
ROUNDS_PER_LISTING = 20
"""Rounds of the resync of which one lists all keys though their number is right: each 10 minutes by default.
Over 10,000 jobs on a cluster a listing is 20 requests for 500 keys each, the number of jobs one request for
one.
"""
MAX_MISSED_KEYS = 500
"""Jobs that no watch has told of and that one round adds. Each of them is read, and a start over thousands of
jobs on a small share of a core takes longer than two rounds.
"""


async def follow_wake_ups(board: ProgressBoard, queue: WorkQueue, memory: Memory) -> None:
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
    known: Callable[[str | None], set[JobKey]],
) -> None:
    """Add the keys of all jobs that are due, every `seconds`, for ever.

    A namespace that cannot be asked is left out until it can. The first answer makes the program ready: its
    log line says so.

    Args:
        store: Is asked for the number of its jobs, and for their keys if it is not that of the known jobs.
        queue: Takes the keys.
        seconds: Between two rounds.
        health: Records whether the store answers.
        namespaces: Are asked one after another.
        is_due: Whether there may be something to do for a known job.
        known: Returns the known jobs of a namespace.
    """
    rounds = _Rounds(store, is_due, known)
    ready, waits = False, Backoff(RETRY_SECONDS, MAX_RETRY_SECONDS)
    while True:
        rounds.begin()
        fault = await _add_due(rounds, queue, namespaces)
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


class _Rounds:
    """Finds the keys that a resync adds.

    The watches tell of nearly everything. What they missed shows in the number of jobs, or at the latest in
    the listing of every `ROUNDS_PER_LISTING`th round: a job that nobody knows, and one that is gone. A start
    over thousands of ended jobs need not read them one by one: the first round only counts, and an unknown
    job is added by the second listing in which it is unknown.
    """

    def __init__(
        self, store: JobStore, is_due: Callable[[JobKey], bool], known: Callable[[str | None], set[JobKey]]
    ) -> None:
        self._store = store
        self._is_due = is_due
        self._known = known
        self._round = 0
        self._awaited: set[JobKey] = set()
        self._unknown: set[JobKey] = set()

    def begin(self) -> None:
        """Begin a round."""
        self._round += 1
        self._awaited, self._unknown = self._unknown, set()

    async def find(self, namespace: str | None) -> list[JobKey]:
        """Return the keys of a namespace that this round adds.

        Raises:
            ImageJobsError: The namespace cannot be asked.
        """
        known = self._known(namespace)
        count = await self._store.count(namespace)
        if self._round == 1 or (self._round % ROUNDS_PER_LISTING and count == len(known)):
            return list(filter(self._is_due, known))
        listed = set(await self._store.keys(namespace))
        unknown = listed - known
        self._unknown |= unknown
        missed = islice(unknown & self._awaited, MAX_MISSED_KEYS)
        return [*filter(self._is_due, listed & known), *missed, *(known - listed)]


async def _add_due(rounds: _Rounds, queue: WorkQueue, namespaces: Namespaces) -> str:
    """Add the keys of all namespaces that can be asked; return the fault if none can be."""
    for namespace in namespaces.watched:
        try:
            keys = await rounds.find(namespace)
        except (Misconfigured, NotFound) as ex:
            namespaces.record(namespace, ex.message)
        except ImageJobsError as ex:
            return ex.message
        else:
            namespaces.record(namespace)
            for key in keys:
                queue.add(key)
    return namespaces.fault()
