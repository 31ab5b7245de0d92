"""What is known of the jobs that somebody follows: each is looked up once for all who follow it, however many they are.

Nothing is queued for anybody: who is slow misses what lies between and gets what is true then. Without Redis
the store is looked at all the same.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from imagejobs_api.progress.snapshot import Moment
from imagejobs_api.view import states
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.errors import ImageJobsError, Invalid, NotFound
from imagejobs_contract.model import limits
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import Change, JobStore

SHORTEST_SECONDS = 0.5
"""Between two looks at one job, and so between two events of one stream."""
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 10.0
"""How soon a job is looked at that nothing was announced of: twice as long each time that nothing had
changed.
"""
LINES_SECONDS = 10.0
"""Between two looks for one image of a large job, whose outcomes lie in a file of up to 24 MB."""
LOOKS = 16
"""Jobs that are looked at at once."""

log = logging.getLogger(__name__)


class Follower:
    """One stream's view of a feed."""

    def __init__(self, feed: "Feed") -> None:
        self.feed = feed
        self.news = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Return when there may be news, at the latest after that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.news.wait()
        self.news.clear()


class Feed:
    """One job that is followed.

    Attributes:
        moment: How it stands; None before the first look.
        gone: It was deleted.
    """

    def __init__(self, key: JobKey) -> None:
        self.key = key
        self.moment: Moment | None = None
        self.gone = False
        self.followers: set[Follower] = set()
        self.indexes: Counter[int] = Counter()
        self.announced = asyncio.Event()
        self.lines_looked = float("-inf")

    def tell(self) -> None:
        """Let all followers look."""
        for follower in self.followers:
            follower.news.set()


class Feeds:
    """Looks at all jobs that are followed."""

    def __init__(self, store: JobStore, counts: LiveCounts, outcomes: Outcomes) -> None:
        self._store = store
        self._counts = counts
        self._outcomes = outcomes
        self._feeds: dict[JobKey, Feed] = {}
        self._tasks: dict[JobKey, asyncio.Task[None]] = {}
        self._gate = asyncio.Semaphore(LOOKS)
        self.closing = False

    def hear(self, change: Change) -> None:
        """Look at a job soon."""
        if feed := self._feeds.get(change.key):
            feed.announced.set()

    def release(self) -> None:
        """End all streams, as the server stops: clients connect again, to another one."""
        self.closing = True
        for feed in self._feeds.values():
            feed.tell()

    @contextmanager
    def follow(self, key: JobKey, index: int | None) -> Iterator[Follower]:
        """Follow a job, or one image of it, for the length of the block."""
        feed = self._feeds.get(key) or self._start(key)
        follower = Follower(feed)
        feed.followers.add(follower)
        feed.indexes.update(() if index is None else [index])
        follower.news.set()
        if feed.moment and feed.moment.event(index) is None:
            feed.announced.set()
        try:
            yield follower
        finally:
            feed.followers.discard(follower)
            feed.indexes.subtract(() if index is None else [index])
            if not feed.followers:
                self._stop(feed)

    def _start(self, key: JobKey) -> Feed:
        feed = self._feeds[key] = Feed(key)
        self._tasks[key] = asyncio.create_task(self._run(feed))
        return feed

    def _stop(self, feed: Feed) -> None:
        del self._feeds[feed.key]
        self._tasks.pop(feed.key).cancel()

    async def _run(self, feed: Feed) -> None:
        pause = FIRST_SECONDS
        while not feed.gone:
            async with self._gate:
                changed = await self._look(feed)
            if changed:
                feed.tell()
            pause = FIRST_SECONDS if changed else min(2 * pause, LONGEST_SECONDS)
            await asyncio.sleep(SHORTEST_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause - SHORTEST_SECONDS):
                    await feed.announced.wait()
            feed.announced.clear()

    async def look(
        self, job: ImageJob, wanted: Iterable[int], before: Moment | None = None, *, lines: bool = True
    ) -> Moment:
        """Return how the job stands.

        Args:
            wanted: Images that are to be looked up.
            before: How it stood last, so that images that had ended need not be looked up again.
            lines: Whether images may be looked up now.
        """
        same = before is not None and _attempt(before.job) == _attempt(job)
        known = before.outcomes if before and same else {}
        missing = [index for index in wanted if index not in known] if lines else []
        found = await self._outcomes.each(job, missing) if missing else {}
        looked = before.looked if before and same and not job.status.state.final else frozenset(known)
        return Moment(job, await self._counts.of(job), looked.union(missing), {**known, **found})

    async def _look(self, feed: Feed) -> bool:
        """Look at the job, and tell whether there is news; what cannot be read now is read later."""
        try:
            job = await self._store.get(feed.key)
            wanted = [index for index, count in feed.indexes.items() if count > 0]
            moment = await self.look(job, wanted, feed.moment, lines=self._may_look_for_images(feed, job))
        except (NotFound, Invalid):
            feed.gone = True
            return True
        except ImageJobsError as ex:
            log.warning(
                "a job that is followed cannot be read", extra={"job_id": feed.key.name, "reason": ex.message}
            )
            return False
        except Exception:
            log.exception("a job that is followed cannot be looked at")
            return False
        changed, feed.moment = moment != feed.moment, moment
        return changed

    def _may_look_for_images(self, feed: Feed, job: ImageJob) -> bool:
        if job.spec.total <= limits.MAX_ITEMS or job.status.state.final:
            return True
        now = asyncio.get_running_loop().time()
        due = now - feed.lines_looked >= LINES_SECONDS
        if due:
            feed.lines_looked = now
        return due


def _attempt(job: ImageJob) -> int:
    return states.attempt(job.status) + states.is_reopening(job)
