"""Reads the jobs that clients watch: each job once for all its watchers.

Nothing is queued for a client: a slow one skips the states in between and gets the newest. Without Redis the
store is still polled.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from imagejobs_api.progress.snapshot import JobSnapshot
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.errors import ImageJobsError, Invalid, NotFound
from imagejobs_contract.model import limits
from imagejobs_contract.model.attempts import current_attempt
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import Change, JobStore

MIN_INTERVAL_SECONDS = 0.5
"""Between two reads of one job, and so between two events of one stream."""
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 1.0, 10.0
"""When a job is read again without an announcement; the time doubles after each read that found no change."""
RESULTS_POLL_SECONDS = 10.0
"""Between two reads of the images of a large job, whose outcomes are in a file of up to 24 MB."""
MAX_CONCURRENT_READS = 16
"""Jobs that are read at the same time."""

log = logging.getLogger(__name__)


class Watcher:
    """One event stream that watches a job.

    Attributes:
        changed: Set when the job changed, was deleted, or the server stops.
    """

    def __init__(self, watched: "WatchedJob") -> None:
        self.watched = watched
        self.changed = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Return when the job may have changed, at the latest after that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        self.changed.clear()


class WatchedJob:
    """One job with its watchers.

    Attributes:
        snapshot: The last one; None before the first read.
        is_deleted: The store does not have the job any more; another one may have its name.
        indexes: Image -> number of streams that watch it alone.
        announced: Set when the job is to be read soon.
        images_read_at: When the images of a large job were last read, on the event loop's clock.
    """

    def __init__(self, key: JobKey) -> None:
        self.key = key
        self.snapshot: JobSnapshot | None = None
        self.is_deleted = False
        self.watchers: set[Watcher] = set()
        self.indexes: Counter[int] = Counter()
        self.announced = asyncio.Event()
        self.images_read_at = float("-inf")

    def notify(self) -> None:
        """Wake all watchers."""
        for watcher in self.watchers:
            watcher.changed.set()


class JobWatchers:
    """Reads all jobs that event streams watch, and wakes the streams when a job changed.

    `Announcements` calls `on_change`; each event stream is in a `watch` block. A task for each watched job
    runs from its first watcher to its last. Lives as long as the app.
    """

    def __init__(self, store: JobStore, counts: LiveCounts, outcomes: Outcomes) -> None:
        self._store = store
        self._counts = counts
        self._outcomes = outcomes
        self._watched: dict[JobKey, WatchedJob] = {}
        self._tasks: dict[JobKey, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self.closing = False

    def on_change(self, change: Change) -> None:
        """Read this job soon, if it is watched."""
        if watched := self._watched.get(change.key):
            watched.announced.set()

    def on_shutdown(self) -> None:
        """End all streams, because the server stops: clients connect again, to another server."""
        self.closing = True
        for watched in self._watched.values():
            watched.notify()

    @contextmanager
    def watch(self, key: JobKey, index: int | None) -> Iterator[Watcher]:
        """Watch a job, or one image of it, for the length of the block."""
        watched = self._watched.get(key)
        if watched is None or watched.is_deleted:
            watched = self._start(key)
        watcher = Watcher(watched)
        watched.watchers.add(watcher)
        watched.indexes.update(() if index is None else [index])
        watcher.changed.set()
        if watched.snapshot and watched.snapshot.event(index) is None:
            watched.announced.set()
        try:
            yield watcher
        finally:
            watched.watchers.discard(watcher)
            watched.indexes.subtract(() if index is None else [index])
            if not watched.watchers:
                self._stop(watched)

    def _start(self, key: JobKey) -> WatchedJob:
        watched = self._watched[key] = WatchedJob(key)
        self._tasks[key] = asyncio.create_task(self._run(watched))
        return watched

    def _stop(self, watched: WatchedJob) -> None:
        if self._watched.get(watched.key) is watched:  # else that of the next job of this name
            del self._watched[watched.key]
            self._tasks.pop(watched.key).cancel()

    async def _run(self, watched: WatchedJob) -> None:
        pause = MIN_POLL_SECONDS
        while not watched.is_deleted:
            async with self._slots:
                changed = await self._refresh(watched)
            if changed:
                watched.notify()
            pause = MIN_POLL_SECONDS if changed else min(2 * pause, MAX_POLL_SECONDS)
            await asyncio.sleep(MIN_INTERVAL_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause - MIN_INTERVAL_SECONDS):
                    await watched.announced.wait()
            watched.announced.clear()

    async def read(
        self,
        job: ImageJob,
        wanted: Iterable[int],
        before: JobSnapshot | None = None,
        *,
        with_images: bool = True,
    ) -> JobSnapshot:
        """Return a snapshot of the job.

        Args:
            wanted: Images whose outcomes are wanted.
            before: The last snapshot; the outcomes in it are not read again.
            with_images: Whether outcomes may be read now.
        """
        same = before is not None and current_attempt(before.job) == current_attempt(job)
        known = before.outcomes if before and same else {}
        missing = [index for index in wanted if index not in known] if with_images else []
        found = await self._outcomes.get_many(job, missing) if missing else {}
        read = before.read_indexes if before and same and not job.status.state.final else frozenset(known)
        return JobSnapshot(job, await self._counts.get(job), read.union(missing), {**known, **found})

    async def _refresh(self, watched: WatchedJob) -> bool:
        """Read the job and return whether it changed; a job that cannot be read now is read later."""
        try:
            job = await self._store.get(watched.key)
            if watched.snapshot and watched.snapshot.job.uid != job.uid:
                watched.is_deleted = True
                return True
            wanted = [index for index, count in watched.indexes.items() if count > 0]
            snapshot = await self.read(
                job, wanted, watched.snapshot, with_images=self._may_read_images(watched, job)
            )
        except (NotFound, Invalid):
            watched.is_deleted = True
            return True
        except ImageJobsError as ex:
            log.warning(
                "a job that is followed cannot be read",
                extra={"job_id": watched.key.name, "reason": ex.message},
            )
            return False
        except Exception:
            log.exception("a job that is followed cannot be looked at")
            return False
        changed, watched.snapshot = snapshot != watched.snapshot, snapshot
        return changed

    def _may_read_images(self, watched: WatchedJob, job: ImageJob) -> bool:
        if job.spec.total <= limits.MAX_ITEMS or job.status.state.final:
            return True
        now = asyncio.get_running_loop().time()
        due = now - watched.images_read_at >= RESULTS_POLL_SECONDS
        if due:
            watched.images_read_at = now
        return due
