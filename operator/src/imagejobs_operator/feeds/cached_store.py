"""Jobs as the store's feed told of them, so that a look at one that was just told of reads nothing again: what controllers call an informer's cache.

What it says may be some milliseconds old, as what is read may be when it is acted upon. That is safe: a
status is only written over the version it was made from, the feed brings a job back with whatever changed
meanwhile, and after a write that was refused the store is asked. Only small jobs on their way are kept.
"""

from collections.abc import AsyncIterator, Callable

from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.model import limits
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import Status
from imagejobs_contract.ports import JobEvent, JobStore
from imagejobs_contract.stores.forwarding import ForwardingStore

MOST = 1000
"""Jobs that are kept, of up to 16 images: 10 MB at most."""


class RememberedStore(ForwardingStore):
    """Everything is the other store's, whose versions are numbers that grow; see `ports.JobStore`.

    Nothing is remembered but while it is followed.
    """

    def __init__(self, store: JobStore) -> None:
        super().__init__(store)
        self._jobs: dict[JobKey, ImageJob] = {}

    async def get(self, key: JobKey) -> ImageJob:
        """Return the job as it was last told of, else as it stands."""
        return self._jobs.get(key) or await super().get(key)

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        """Write the status."""
        try:
            written = await super().put_status(job, status)
        except ImageJobsError:
            self._jobs.pop(job.key, None)  # it is not as we know it, or nobody knows
            raise
        self._hear(JobEvent(job.key, written))
        return written

    async def change_spec(self, key: JobKey, change: Callable[[Spec], Spec]) -> ImageJob:
        """Change the spec."""
        changed = await super().change_spec(key, change)
        self._hear(JobEvent(key, changed))
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
        """Yield jobs as they are and as they change, and remember them until this ends."""
        try:
            async for seen in super().watch():
                if seen is not None:
                    self._hear(seen)
                yield seen
        finally:
            self._jobs.clear()

    def _hear(self, seen: JobEvent) -> None:
        known = self._jobs.get(seen.key)
        if seen.job is None:
            self._jobs.pop(seen.key, None)
        elif known is None or int(seen.job.resource_version) > int(known.resource_version):
            self._keep(seen.job)

    def _keep(self, job: ImageJob) -> None:
        self._jobs.pop(job.key, None)
        if job.deleting or job.status.state.final or job.spec.total > limits.MAX_POOL_ITEMS:
            return
        self._jobs[job.key] = job
        if len(self._jobs) > MOST:
            del self._jobs[next(iter(self._jobs))]
