"""A JobStore that also updates the index, so that a caller finds its own change in the next list."""

from collections.abc import Callable

from imagejobs_api.listing.index import Index
from imagejobs_contract.errors import Invalid, NotFound
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import CallerName, JobKey, Uid
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import Status
from imagejobs_contract.ports import JobStore
from imagejobs_contract.stores.forwarding import ForwardingStore


class IndexedStore(ForwardingStore):
    """Everything is the other store's; see `ports.JobStore`."""

    def __init__(self, store: JobStore, index: Index) -> None:
        super().__init__(store)
        self._index = index

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job."""
        return self._put(await super().create(job))

    async def get(self, key: JobKey, *, caller: CallerName | None = None) -> ImageJob:
        """Return the job as it stands."""
        try:
            return self._put(await super().get(key, caller=caller))
        except NotFound:
            if caller is None:  # else it may be another caller's
                self._index.drop(key)
            raise

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        """Write the status."""
        return self._put(await super().put_status(job, status))

    async def change_spec(
        self,
        key: JobKey,
        change: Callable[[Spec], Spec],
        check: Callable[[ImageJob], None] | None = None,
    ) -> ImageJob:
        """Change the spec."""
        return self._put(await super().change_spec(key, change, check))

    async def delete(self, key: JobKey, uid: Uid | None = None) -> None:
        """Ask for deletion; a job with finalizers stays for a while."""
        await super().delete(key, uid)
        try:
            await self.get(key)
        except (NotFound, Invalid):
            self._index.drop(key)

    def _put(self, job: ImageJob) -> ImageJob:
        self._index.put(job)
        return job
