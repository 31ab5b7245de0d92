"""A JobStore that also updates the index, so that a caller finds its own change in the next list."""

from collections.abc import AsyncIterator, Callable, Sequence

from imagejobs_api.listing.index import Index
from imagejobs_contract.errors import Invalid, NotFound
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.ports import JobEvent, JobStore, Page


class IndexedStore:
    """Everything is the other store's; see `ports.JobStore`."""

    def __init__(self, store: JobStore, index: Index) -> None:
        self._store = store
        self._index = index

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job."""
        return self._put(await self._store.create(job))

    async def get(self, key: JobKey) -> ImageJob:
        """Return the job as it stands."""
        try:
            return self._put(await self._store.get(key))
        except NotFound:
            self._index.drop(key)
            raise

    async def list(
        self,
        namespace: str | None,
        state: State | None = None,
        limit: int = 100,
        cursor: str = "",
        *,
        caller: str | None = None,
    ) -> Page:
        """Return a page of jobs."""
        return await self._store.list(namespace, state, limit, cursor, caller=caller)

    async def keys(self) -> Sequence[JobKey]:
        """Return the keys of all jobs."""
        return await self._store.keys()

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        """Write the status."""
        return self._put(await self._store.put_status(job, status))

    async def change_spec(self, key: JobKey, change: Callable[[Spec], Spec]) -> ImageJob:
        """Change the spec."""
        return self._put(await self._store.change_spec(key, change))

    async def delete(self, key: JobKey, uid: str | None = None) -> None:
        """Ask for deletion; a job with finalizers stays for a while."""
        await self._store.delete(key, uid)
        try:
            await self.get(key)
        except (NotFound, Invalid):
            self._index.drop(key)

    async def add_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Let the job's deletion wait for a finalizer."""
        await self._store.add_finalizer(job, finalizer)

    async def remove_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Take a finalizer off."""
        await self._store.remove_finalizer(job, finalizer)

    def watch(self) -> AsyncIterator[JobEvent | None]:
        """Yield jobs as they are and as they change."""
        return self._store.watch()

    async def close(self) -> None:
        """Give connections back."""
        await self._store.close()

    def _put(self, job: ImageJob) -> ImageJob:
        self._index.put(job)
        return job
