"""Copies the store into the index: first all jobs, then each change. Begins again after any failure.

The name is that of the same part in Kubernetes' client-go.
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
"""Age of the store's last confirmation that it sent everything, from which on the index is not used.

The API server confirms it each minute.
"""

log = logging.getLogger(__name__)


class Reflector:
    """Keeps the index up to date with the jobs that the store watches.

    The app runs `run` beside the requests; `JobList` asks `covers` before it uses the index.

    Attributes:
        has_synced: The index holds what the store holds, except changes of this moment.
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
        self._confirmed_at = clock()
        self.has_synced = False

    @property
    def age_seconds(self) -> float:
        """Return the seconds since the store last confirmed that it had sent everything."""
        return self._clock() - self._confirmed_at

    def covers(self, namespace: str) -> bool:
        """Return whether the index has this namespace, up to date."""
        return self.has_synced and namespace in self._namespaces and self.age_seconds < STALE_SECONDS

    async def run(self) -> None:
        """Watch until cancelled."""
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
        async for event in self._store.watch():
            if event is None:
                self._confirmed_at = self._clock()
                for key in unseen:  # deleted while the watch was down
                    self._index.drop(key)
                unseen, self.has_synced = set(), True
            elif event.job is None:  # deleted, or unreadable and so not listed
                unseen.discard(event.key)
                self._index.drop(event.key)
            else:
                unseen.discard(event.key)
                self._index.put(event.job)
