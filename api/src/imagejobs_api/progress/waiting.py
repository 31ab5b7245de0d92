"""Holds answers until a job is final or the time is up.

Announcements only say when to read the store, which alone is right. Without Redis the store is still read
once a second.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from imagejobs_api.http.connection import Receive, until_disconnected
from imagejobs_contract.errors import Invalid, NotFound, Unavailable
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import Change, JobStore

POLL_SECONDS = 1.0
"""Between two reads without an announcement: Redis may be away, or lose announcements."""

log = logging.getLogger(__name__)


class Watch:
    """One held answer to a request for one job; made before the job, so that no announcement is missed."""

    def __init__(self, waiting: "Waiting", key: JobKey) -> None:
        self._waiting = waiting
        self._key = key
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Make it read the store now."""
        self._woken.set()

    async def until_final(self, seconds: float, receive: Receive) -> ImageJob | None:
        """Return the job once it is final.

        When the time is up, the client is gone or the server stops, return the job as it was last read, or
        None.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        gone = asyncio.ensure_future(until_disconnected(receive))
        gone.add_done_callback(lambda _: self.wake())
        job = None
        try:
            while await self._wait_for_change(deadline) and not gone.done():
                job = await self._waiting.read(self._key) or job
                if job is not None and job.status.state.final:
                    break
            return job
        finally:
            gone.cancel()

    async def _wait_for_change(self, deadline: float) -> bool:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0 or self._waiting.closing:
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), min(left, POLL_SECONDS))
        self._woken.clear()
        return not self._waiting.closing


class Waiting:
    """Keeps the watches of all held answers, and wakes them when `Announcements` reports an end.

    Lives as long as the app.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._watches: dict[JobKey, set[Watch]] = {}
        self.closing = False

    @contextmanager
    def watch(self, key: JobKey) -> Iterator[Watch]:
        """Watch a job for the length of the block; it need not exist yet."""
        watch = Watch(self, key)
        self._watches.setdefault(key, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[key].discard(watch)
            if not self._watches[key]:
                del self._watches[key]

    async def read(self, key: JobKey) -> ImageJob | None:
        """Return the job as the store has it now; None if it cannot be read."""
        try:
            return await self._store.get(key)
        except (NotFound, Unavailable, Invalid) as ex:
            log.warning(
                "a job that is waited for cannot be read", extra={"job_id": key.name, "reason": ex.message}
            )
            return None

    def on_shutdown(self) -> None:
        """Make all held answers go out with what is known, because the server stops."""
        self.closing = True
        for watches in self._watches.values():
            for watch in watches:
                watch.wake()

    def on_change(self, change: Change) -> None:
        """Wake the answers that wait for this job, if it has ended."""
        if change.state.final:
            for watch in self._watches.get(change.key, ()):
                watch.wake()
