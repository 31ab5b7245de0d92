"""What is known of the jobs that somebody follows: each is looked up once for all who follow it, however many they are.

Nothing is queued for anybody: who is slow misses what lies between and gets what is true then. Without Redis
the store is looked at all the same.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from imagejobs_api.progress.snapshot import JobSnapshot
from imagejobs_api.view import states
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.errors import ImageJobsError, Invalid, NotFound
from imagejobs_contract.model import limits
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import Change, JobStore

MIN_INTERVAL_SECONDS = 0.5
"""Between two looks at one job, and so between two events of one stream."""
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 1.0, 10.0
"""How soon a job is looked at that nothing was announced of: twice as long each time that nothing had
changed.
"""
RESULTS_POLL_SECONDS = 10.0
"""Between two looks for one image of a large job, whose outcomes lie in a file of up to 24 MB."""
MAX_CONCURRENT_READS = 16
"""Jobs that are looked at at once."""

log = logging.getLogger(__name__)


class Watcher:
    """One stream's view of a feed."""

    def __init__(self, feed: "WatchedJob") -> None:
        self.watched = feed
        self.changed = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Return when there may be news, at the latest after that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        self.changed.clear()


class WatchedJob:
    """One job that is followed.

    Attributes:
        moment: How it stands; None before the first look.
        gone: It was deleted.
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
        """Let all followers look."""
        for follower in self.watchers:
            follower.changed.set()


class JobWatchers:
    """Looks at all jobs that are followed."""

    def __init__(self, store: JobStore, counts: LiveCounts, outcomes: Outcomes) -> None:
        self._store = store
        self._counts = counts
        self._outcomes = outcomes
        self._watched: dict[JobKey, WatchedJob] = {}
        self._tasks: dict[JobKey, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self.closing = False

    def on_change(self, change: Change) -> None:
        """Look at a job soon."""
        if feed := self._watched.get(change.key):
            feed.announced.set()

    def on_shutdown(self) -> None:
        """End all streams, as the server stops: clients connect again, to another one."""
        self.closing = True
        for feed in self._watched.values():
            feed.notify()

    @contextmanager
    def watch(self, key: JobKey, index: int | None) -> Iterator[Watcher]:
        """Follow a job, or one image of it, for the length of the block."""
        feed = self._watched.get(key) or self._start(key)
        follower = Watcher(feed)
        feed.watchers.add(follower)
        feed.indexes.update(() if index is None else [index])
        follower.changed.set()
        if feed.snapshot and feed.snapshot.event(index) is None:
            feed.announced.set()
        try:
            yield follower
        finally:
            feed.watchers.discard(follower)
            feed.indexes.subtract(() if index is None else [index])
            if not feed.watchers:
                self._stop(feed)

    def _start(self, key: JobKey) -> WatchedJob:
        feed = self._watched[key] = WatchedJob(key)
        self._tasks[key] = asyncio.create_task(self._run(feed))
        return feed

    def _stop(self, feed: WatchedJob) -> None:
        del self._watched[feed.key]
        self._tasks.pop(feed.key).cancel()

    async def _run(self, feed: WatchedJob) -> None:
        pause = MIN_POLL_SECONDS
        while not feed.is_deleted:
            async with self._slots:
                changed = await self._refresh(feed)
            if changed:
                feed.notify()
            pause = MIN_POLL_SECONDS if changed else min(2 * pause, MAX_POLL_SECONDS)
            await asyncio.sleep(MIN_INTERVAL_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause - MIN_INTERVAL_SECONDS):
                    await feed.announced.wait()
            feed.announced.clear()

    async def read(
        self, job: ImageJob, wanted: Iterable[int], before: JobSnapshot | None = None, *, lines: bool = True
    ) -> JobSnapshot:
        """Return how the job stands.

        Args:
            wanted: Images that are to be looked up.
            before: How it stood last, so that images that had ended need not be looked up again.
            lines: Whether images may be looked up now.
        """
        same = before is not None and _attempt(before.job) == _attempt(job)
        known = before.outcomes if before and same else {}
        missing = [index for index in wanted if index not in known] if lines else []
        found = await self._outcomes.get_many(job, missing) if missing else {}
        looked = before.read_indexes if before and same and not job.status.state.final else frozenset(known)
        return JobSnapshot(job, await self._counts.get(job), looked.union(missing), {**known, **found})

    async def _refresh(self, feed: WatchedJob) -> bool:
        """Look at the job, and tell whether there is news; what cannot be read now is read later."""
        try:
            job = await self._store.get(feed.key)
            wanted = [index for index, count in feed.indexes.items() if count > 0]
            moment = await self.read(job, wanted, feed.snapshot, lines=self._may_read_images(feed, job))
        except (NotFound, Invalid):
            feed.is_deleted = True
            return True
        except ImageJobsError as ex:
            log.warning(
                "a job that is followed cannot be read", extra={"job_id": feed.key.name, "reason": ex.message}
            )
            return False
        except Exception:
            log.exception("a job that is followed cannot be looked at")
            return False
        changed, feed.snapshot = moment != feed.snapshot, moment
        return changed

    def _may_read_images(self, feed: WatchedJob, job: ImageJob) -> bool:
        if job.spec.total <= limits.MAX_ITEMS or job.status.state.final:
            return True
        now = asyncio.get_running_loop().time()
        due = now - feed.images_read_at >= RESULTS_POLL_SECONDS
        if due:
            feed.images_read_at = now
        return due


def _attempt(job: ImageJob) -> int:
    return states.attempt(job.status) + states.is_reopening(job)
