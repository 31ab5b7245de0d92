"""Keeps the index in step with the store: all that is there first, then what changes. Begins again after any failure."""

import asyncio
import logging
from collections.abc import Iterable

from imagejobs_api.listing.index import Index
from imagejobs_contract.errors import ImageJobsError, Invalid, NotFound
from imagejobs_contract.names import JobKey
from imagejobs_contract.ports import JobStore

READERS = 8
"""Jobs that are read at once."""
WAITING_KEYS = 1000
"""Beyond this the feed waits."""
AGAIN_SECONDS = 1.0

log = logging.getLogger(__name__)


class Follower:
    """Reads every job that the store says has changed.

    Attributes:
        is_ready: The index holds what the store holds, but for what changes at this moment.
    """

    def __init__(self, store: JobStore, index: Index, namespaces: Iterable[str]) -> None:
        self._store = store
        self._index = index
        self._namespaces = frozenset(namespaces)
        self._waiting: set[JobKey] = set()
        self._missing: set[JobKey] | None = None

    @property
    def is_ready(self) -> bool:
        """Tell whether all that was there at the beginning was read."""
        return self._missing is not None and not self._missing

    def covers(self, namespace: str) -> bool:
        """Tell whether a namespace is followed, and up to date."""
        return self.is_ready and namespace in self._namespaces

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
            except Exception as ex:
                log.warning("the list of jobs is not followed", extra={"reason": str(ex)}, exc_info=None if _is_known(ex) else ex)
            self._missing = None
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        there = set(await self._store.keys())
        for key in self._index.keys() - there:
            self._index.drop(key)
        self._waiting.clear()
        self._missing = there
        queue: asyncio.Queue[JobKey] = asyncio.Queue(WAITING_KEYS)
        async with asyncio.TaskGroup() as group:
            for _ in range(READERS):
                group.create_task(self._read(queue))
            async for key in self._store.changes():
                if key not in self._waiting:
                    self._waiting.add(key)
                    await queue.put(key)

    async def _read(self, queue: asyncio.Queue[JobKey]) -> None:
        while True:
            key = await queue.get()
            self._waiting.discard(key)  # a change while it is being read is another one
            await refresh(self._store, self._index, key)
            if self._missing:
                self._missing.discard(key)


async def refresh(store: JobStore, index: Index, key: JobKey) -> None:
    """Read one job into the index, or out of it."""
    try:
        index.put(await store.get(key))
    except (NotFound, Invalid):  # what cannot be read is not listed
        index.drop(key)


def _is_known(ex: Exception) -> bool:
    known = ex.exceptions if isinstance(ex, ExceptionGroup) else (ex,)
    return all(isinstance(each, ImageJobsError) for each in known)
