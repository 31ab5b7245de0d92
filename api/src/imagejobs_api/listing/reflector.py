"""Keeps the index in step with the store: all that is there first, then what changes.

Begins again after any failure.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from imagejobs_api.listing.index import Index
from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.ports import JobStore

RESTART_SECONDS = 1.0
STALE_SECONDS = 150.0
"""After so long without a word that all was told, the list is not relied on; the API server says it each
minute.
"""

log = logging.getLogger(__name__)


class Reflector:
    """Notes every job that the store tells of.

    Attributes:
        is_ready: The index holds what the store holds, but for what changes at this moment.
    """

    def __init__(
        self,
        store: JobStore,
        index: Index,
        namespaces: Iterable[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._index = index
        self._namespaces = frozenset(namespaces)
        self._clock = clock
        self._synced_at = clock()
        self.has_synced = False

    @property
    def age_seconds(self) -> float:
        """Return how long ago the store last said that it had told all; it does so at least each minute."""
        return self._clock() - self._synced_at

    def covers(self, namespace: str) -> bool:
        """Tell whether a namespace is followed, and up to date."""
        return self.has_synced and namespace in self._namespaces and self.age_seconds < STALE_SECONDS

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._list_and_watch()
            except Exception as ex:
                log.warning(
                    "the list of jobs is not followed",
                    extra={"reason": str(ex)},
                    exc_info=None if isinstance(ex, ImageJobsError) else ex,
                )
            self.has_synced = False
            await asyncio.sleep(RESTART_SECONDS)

    async def _list_and_watch(self) -> None:
        unseen = set(self._index.keys())
        async for seen in self._store.watch():
            if seen is None:
                self._synced_at = self._clock()
                for key in unseen:  # they went while nobody followed
                    self._index.drop(key)
                unseen, self.has_synced = set(), True
            elif seen.job is None:  # what cannot be read is not listed
                unseen.discard(seen.key)
                self._index.drop(seen.key)
            else:
                unseen.discard(seen.key)
                self._index.put(seen.job)
