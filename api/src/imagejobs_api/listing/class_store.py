"""A JobStore with the jobs of one class only: those of another installation are as good as none.

Two installations may share a namespace (docs/adr/0032-classes.md), with callers of the same name in both.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from imagejobs_contract.errors import NotFound
from imagejobs_contract.model.imagejob import ImageJob, UnreadableJob
from imagejobs_contract.model.names import CallerName, JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import JobEvent, JobStore, Page
from imagejobs_contract.stores.forwarding import ForwardingStore


class ClassStore(ForwardingStore):
    """Everything is the other store's; see `ports.JobStore`.

    Args:
        class_name: New jobs get it, and jobs of another are not found; None: jobs without a class.
    """

    def __init__(self, store: JobStore, class_name: str | None) -> None:
        super().__init__(store)
        self._class_name = class_name

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job, in the class."""
        return await super().create(replace(job, spec=replace(job.spec, class_name=self._class_name)))

    async def get(self, key: JobKey, *, caller: CallerName | None = None) -> ImageJob:
        """Return a job of the class."""
        try:
            job = await super().get(key, caller=caller)
        except UnreadableJob as ex:
            self._check(ex.job)
            raise
        self._check(job)
        return job

    async def list(
        self,
        namespace: str | None,
        state: State | None = None,
        limit: int = 100,
        cursor: str = "",
        *,
        caller: CallerName | None = None,
    ) -> Page:
        """Return a page of the class's jobs; others of its place in the store are left out."""
        page = await super().list(namespace, state, limit, cursor, caller=caller)
        return replace(page, jobs=tuple(filter(self._holds, page.jobs)))

    async def change_spec(
        self,
        key: JobKey,
        change: Callable[[Spec], Spec],
        check: Callable[[ImageJob], None] | None = None,
    ) -> ImageJob:
        """Change the spec of a job of the class."""

        def check_both(job: ImageJob) -> None:
            self._check(job)
            if check:
                check(job)

        return await super().change_spec(key, change, check_both)

    async def watch(self) -> AsyncIterator[JobEvent | None]:
        """Yield the class's jobs as they are and as they change; another's as one that is gone."""
        async for event in super().watch():
            is_foreign = event is not None and event.job is not None and not self._holds(event.job)
            yield JobEvent(event.key, None) if event is not None and is_foreign else event

    def _holds(self, job: ImageJob) -> bool:
        return job.spec.class_name == self._class_name

    def _check(self, job: ImageJob) -> None:
        if not self._holds(job):
            raise NotFound(f"there is no job {job.key} of this class")
