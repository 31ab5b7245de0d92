"""JobStore on the Kubernetes API, which checks, prunes and versions jobs by manifests/crd.yaml.

Every write names the version that it was made from; writes that are safe to repeat are repeated here, at
most `MAX_TRIES` times.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from imagejobs_contract.errors import Conflict, NotFound
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import CallerName, JobKey, Uid
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.spec_json import spec_body
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.model.status_json import status_body
from imagejobs_contract.ports import JobEvent, Page
from imagejobs_contract.stores import kubernetes_calls as calls
from imagejobs_contract.stores import kubernetes_feed as watches
from imagejobs_contract.stores import kubernetes_objects as objects
from imagejobs_contract.stores.kubernetes_calls import connect
from imagejobs_contract.stores.kubernetes_client import KubernetesClient
from imagejobs_contract.stores.spec_cache import SpecCache

__all__ = ["KubernetesStore", "connect"]

T = TypeVar("T")

MAX_TRIES = 5
"""Of a change while others write the same job."""


class KubernetesStore:
    """ImageJobs of some namespaces, or of all if None.

    The store owns the client, which `connect` makes, and closes it.
    """

    def __init__(self, client: KubernetesClient, namespaces: Sequence[str] | None = None) -> None:
        self._client = client
        self._specs = SpecCache()
        self._namespaces: tuple[str | None, ...] = (None,) if namespaces is None else tuple(namespaces)

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job. See `ports.JobStore`."""
        path = objects.collection_path(job.key.namespace)
        return ImageJob.from_body(await calls.send(self._client, "POST", path, body=objects.new_body(job)))

    async def get(self, key: JobKey, *, caller: CallerName | None = None) -> ImageJob:
        """Return a job. See `ports.JobStore`."""
        return self._specs.read_job(await (self._body_of(key, caller) if caller else self._body(key)))

    async def list(
        self,
        namespace: str | None,
        state: State | None = None,
        limit: int = 100,
        cursor: str = "",
        *,
        caller: CallerName | None = None,
    ) -> Page:
        """Return a page of jobs; it is newest first within itself, and ends where a namespace ends.

        See `ports.JobStore`.
        """
        watched = self._namespaces if namespace is None else (namespace,)
        place, token = objects.read_cursor(cursor, len(watched))
        query = {
            "limit": str(limit),
            "continue": token,
            "fieldSelector": objects.state_selector(state),
            "labelSelector": objects.caller_selector(caller),
        }
        answer = await watches.list_page(self._client, watched[place], query)
        jobs = sorted(
            filter(None, map(objects.read_if_valid, answer["items"])),
            key=lambda job: (str(job.created), job.key.name),
            reverse=True,
        )
        return Page(
            tuple(jobs), objects.format_cursor(place, answer["metadata"].get("continue", ""), len(watched))
        )

    async def keys(self, namespace: str | None = None) -> Sequence[JobKey]:
        """Return the keys of all jobs in this store's namespaces, or in one; only their metadata is read."""
        asked = self._namespaces if namespace is None else (namespace,)
        return [key for each in asked for key in await watches.list_keys(self._client, each)]

    async def count(self, namespace: str | None = None) -> int | None:
        """Return the number of these keys by one small request for each namespace; None if it is not told."""
        number = 0
        for each in self._namespaces if namespace is None else (namespace,):
            here = await watches.count_jobs(self._client, each)
            if here is None:
                return None
            number += here
        return number

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        """Write the status if the job did not change; an equal status is not written.

        See `ports.JobStore`.
        """
        patch = objects.merge_patch(status_body(job.status), status_body(status))
        if not patch:
            return job
        try:
            return await self._patch(job, {"status": patch}, "/status")
        except Conflict:
            if (await self._body(job.key))["metadata"]["uid"] != job.uid:
                raise NotFound(f"there is no job {job.key} with uid {job.uid}") from None
            raise

    async def change_spec(
        self,
        key: JobKey,
        change: Callable[[Spec], Spec],
        check: Callable[[ImageJob], None] | None = None,
    ) -> ImageJob:
        """Change mutable fields of the spec; an equal spec is not written. See `ports.JobStore`."""

        async def attempt() -> ImageJob:
            job = await self.get(key)
            if check:
                check(job)
            patch = objects.merge_patch(spec_body(job.spec), spec_body(change(job.spec)))
            return await self._patch(job, {"spec": patch}) if patch else job

        return await _retry_conflicts(attempt)

    async def delete(self, key: JobKey, uid: Uid | None = None) -> None:
        """Ask for deletion; the objects that the job owns are deleted in the background.

        See `ports.JobStore`.
        """
        options: dict[str, Any] = {
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid} if uid else {},
        }
        with contextlib.suppress(NotFound, Conflict):  # a conflict says that another job has the name
            await calls.send(self._client, "DELETE", objects.job_path(key), body=options)

    async def add_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Let the job's deletion wait for a finalizer. See `ports.JobStore`."""
        await self._change_finalizers(
            job, lambda before, deleting: before if deleting or finalizer in before else [*before, finalizer]
        )

    async def remove_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Remove a finalizer, also of a job whose spec cannot be read. See `ports.JobStore`."""
        await self._change_finalizers(job, lambda before, _: [each for each in before if each != finalizer])

    async def _change_finalizers(
        self, job: ImageJob, change: Callable[[Sequence[str], bool], Sequence[str]]
    ) -> None:
        """Change the finalizers.

        Args:
            change: Is called with the finalizers, and with whether the job is being deleted: then no new
                ones are allowed.
        """

        async def attempt() -> None:
            meta = (await self._body(job.key))["metadata"]
            before = meta.get("finalizers", [])
            after = change(before, "deletionTimestamp" in meta)
            if meta["uid"] == job.uid and after != before:
                patch = {
                    "metadata": {
                        "uid": job.uid,
                        "resourceVersion": meta["resourceVersion"],
                        "finalizers": after,
                    }
                }
                await calls.send(
                    self._client,
                    "PATCH",
                    objects.job_path(job.key),
                    body=patch,
                    content_type=calls.MERGE_PATCH,
                )

        with contextlib.suppress(NotFound):
            await _retry_conflicts(attempt)

    def watch(self) -> AsyncIterator[JobEvent | None]:
        """Yield every job, then each that changes or is deleted; goes on after any failure.

        See `ports.JobStore`.
        """
        return watches.watch_namespaces(self._client, self._namespaces)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()

    async def _body(self, key: JobKey) -> dict[str, Any]:
        return await calls.send(self._client, "GET", objects.job_path(key))

    async def _body_of(self, key: JobKey, caller: CallerName) -> dict[str, Any]:
        """Return a job's object if the caller owns it: the server sends nothing of another's."""
        objects.job_path(key)  # refuses a name that no ImageJob can have
        query = {
            "fieldSelector": f"metadata.name={key.name}",
            "labelSelector": objects.caller_selector(caller),
        }
        for found in (await watches.list_page(self._client, key.namespace, query))["items"] or ():
            body: dict[str, Any] = found
            return body
        raise NotFound(f"there is no job {key} of {caller}")

    async def _patch(self, job: ImageJob, patch: dict[str, Any], subresource: str = "") -> ImageJob:
        body = {"metadata": {"uid": job.uid, "resourceVersion": job.resource_version}} | patch
        path = objects.job_path(job.key) + subresource
        return ImageJob.from_body(
            await calls.send(self._client, "PATCH", path, body=body, content_type=calls.MERGE_PATCH)
        )


async def _retry_conflicts(attempt: Callable[[], Awaitable[T]]) -> T:
    for _ in range(MAX_TRIES - 1):
        with contextlib.suppress(Conflict):
            return await attempt()
    return await attempt()
