"""The base of JobStores that add something to another one: a cache, an index."""

from collections.abc import AsyncIterator, Callable, Sequence

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import CallerName, JobKey, Uid
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.ports import JobEvent, JobStore, Page


class ForwardingStore(JobStore):
    """Forwards every call to another store; a subclass overrides the calls to which it adds something.

    It owns the other store: `close` closes it. What a call does and raises is written in `ports.JobStore`.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job."""
        return await self._store.create(job)

    async def get(self, key: JobKey, *, caller: CallerName | None = None) -> ImageJob:
        """Return a job."""
        return await self._store.get(key, caller=caller)

    async def list(
        self,
        namespace: str | None,
        state: State | None = None,
        limit: int = 100,
        cursor: str = "",
        *,
        caller: CallerName | None = None,
    ) -> Page:
        """Return a page of jobs."""
        return await self._store.list(namespace, state, limit, cursor, caller=caller)

    async def keys(self, namespace: str | None = None) -> Sequence[JobKey]:
        """Return the keys of all jobs, or of one namespace."""
        return await self._store.keys(namespace)

    async def count(self, namespace: str | None = None) -> int | None:
        """Return the number of these keys, or None."""
        return await self._store.count(namespace)

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        """Write the status."""
        return await self._store.put_status(job, status)

    async def change_spec(
        self,
        key: JobKey,
        change: Callable[[Spec], Spec],
        check: Callable[[ImageJob], None] | None = None,
    ) -> ImageJob:
        """Change the spec."""
        return await self._store.change_spec(key, change, check)

    async def delete(self, key: JobKey, uid: Uid | None = None) -> None:
        """Ask for deletion."""
        await self._store.delete(key, uid)

    async def add_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Let the job's deletion wait for a finalizer."""
        await self._store.add_finalizer(job, finalizer)

    async def remove_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Remove a finalizer."""
        await self._store.remove_finalizer(job, finalizer)

    def watch(self) -> AsyncIterator[JobEvent | None]:
        """Yield jobs as they are and as they change."""
        return self._store.watch()

    async def close(self) -> None:
        """Close the other store."""
        await self._store.close()
