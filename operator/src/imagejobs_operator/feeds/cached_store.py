"""An informer cache: `get` returns the job that the watch last delivered instead of reading the store again.

A cached job may be some milliseconds old, as may a job that was read. That is safe: a status is only written
over the version from which it was made, the watch delivers a job again with each change, and after a refused
write the store is read. Only small unfinished jobs are cached.

The SQLite store leaves changes out of its watch that were read or written through it, and kopf brings them.
So an event that was on its way while a newer version was read is not cached: nothing would replace it.
"""

from collections.abc import AsyncIterator, Callable

from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.model import limits
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import CallerName, JobKey, Uid
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import Status
from imagejobs_contract.ports import JobEvent, JobStore
from imagejobs_contract.stores.forwarding import ForwardingStore

MAX_JOBS = 10_000
"""Maximum cached jobs, each of up to 16 images and some 8 kB. Also the number of jobs whose newest version is
remembered.
"""


class CachedStore(ForwardingStore):
    """Implements `ports.JobStore` over another store, whose resource versions must be growing numbers.

    The reconciler reads and writes through it, the feed watches through it. It caches only while a watch
    runs.
    """

    def __init__(self, store: JobStore) -> None:
        super().__init__(store)
        self._jobs: dict[JobKey, ImageJob] = {}
        self._versions: dict[JobKey, int] = {}
        self._watched: set[str | None] = set()

    async def get(self, key: JobKey, *, caller: CallerName | None = None) -> ImageJob:
        """Return the cached job, else the stored one."""
        cached = self._jobs.get(key)
        if cached is not None and caller in (None, cached.caller):
            return cached
        job = await super().get(key, caller=caller)
        if self._is_newest(job) and self._jobs.get(key, job).resource_version != job.resource_version:
            del self._jobs[key]  # an older one, delivered while this one was read
        return job

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        """Write the status."""
        try:
            written = await super().put_status(job, status)
        except ImageJobsError:
            self._jobs.pop(job.key, None)  # the cached job is old, or may be
            raise
        self._update(JobEvent(job.key, written))
        return written

    async def change_spec(
        self,
        key: JobKey,
        change: Callable[[Spec], Spec],
        check: Callable[[ImageJob], None] | None = None,
    ) -> ImageJob:
        """Change the spec."""
        changed = await super().change_spec(key, change, check)
        self._update(JobEvent(key, changed))
        return changed

    async def delete(self, key: JobKey, uid: Uid | None = None) -> None:
        """Ask for deletion."""
        await super().delete(key, uid)
        self._jobs.pop(key, None)

    async def add_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Let the job's deletion wait for a finalizer."""
        await super().add_finalizer(job, finalizer)
        self._jobs.pop(job.key, None)

    async def remove_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Take a finalizer off."""
        await super().remove_finalizer(job, finalizer)
        self._jobs.pop(job.key, None)

    async def watch(self) -> AsyncIterator[JobEvent | None]:
        """Yield jobs as they are and as they change, and cache them until the watch ends."""
        try:
            async for seen in super().watch():
                if seen is not None:
                    self.deliver(seen)
                yield seen
        finally:
            self.end_watch(None)

    def deliver(self, seen: JobEvent, watch: str | None = None) -> bool:
        """Cache a job of a watch from outside; return whether it is news.

        It is none if the store has read or written that very version: an echo of our own write.

        Args:
            seen: The event.
            watch: The namespace that is watched; None watches all.
        """
        self._watched.add(watch)
        if seen.job is None:
            self._jobs.pop(seen.key, None)
            self._versions.pop(seen.key, None)
            return True
        is_echo = str(self._versions.get(seen.key, "")) == seen.job.resource_version
        self._update(seen)
        return not is_echo

    def end_watch(self, watch: str | None) -> None:
        """Forget the jobs of a watch that ended."""
        self._watched.discard(watch)
        for kept in (self._jobs, self._versions):
            for key in [key for key in kept if watch in (None, key.namespace)]:
                del kept[key]

    def _update(self, seen: JobEvent) -> None:
        if seen.job is None:
            self._jobs.pop(seen.key, None)
        elif self._is_newest(seen.job) and self._is_watched(seen.key):
            self._keep(seen.job)

    def _is_watched(self, key: JobKey) -> bool:
        return key.namespace in self._watched or None in self._watched

    def _is_newest(self, job: ImageJob) -> bool:
        """Return whether no newer version of the job was seen, and remember this one."""
        version = int(job.resource_version)
        if version < self._versions.get(job.key, 0):
            return False
        self._versions.pop(job.key, None)
        self._versions[job.key] = version
        if len(self._versions) > MAX_JOBS:
            del self._versions[next(iter(self._versions))]
        return True

    def _keep(self, job: ImageJob) -> None:
        self._jobs.pop(job.key, None)
        if job.deleting or job.status.state.final or job.spec.total > limits.MAX_POOL_ITEMS:
            return
        self._jobs[job.key] = job
        if len(self._jobs) > MAX_JOBS:
            del self._jobs[next(iter(self._jobs))]
