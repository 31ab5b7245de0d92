"""Indexed Jobs on the Kubernetes API: the one place that reads and writes them.

A Job's name tells the attempt, so a second creation meets the first; its owner's uid tells whether it is
ours.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from kubernetes.aio.client import ApiClient

from imagejobs_contract.errors import AlreadyExists, NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import Uid
from imagejobs_contract.model.times import parse_time
from imagejobs_contract.stores import kubernetes_calls as calls
from imagejobs_operator.decide.observed import Child, End, Presence
from imagejobs_operator.jobs.pod_spec import PodSettings, job_body

LABEL_JOB_NAME = "batch.kubernetes.io/job-name"
LABEL_INDEX = "batch.kubernetes.io/job-completion-index"
FAILED_PODS = 500
"""Looked at for the reason of their end; an Indexed Job has at most 200 indexes and a few tries of each."""
OOM_EXIT = 137

Body = dict[str, Any]


class KubernetesJobs:
    """Implements `parts.Jobs`."""

    def __init__(self, client: ApiClient, settings: PodSettings) -> None:
        self._client = client
        self._settings = settings

    async def look(self, job: ImageJob, attempt: int) -> Child:
        """Return the facts of an attempt's Job; of a failed one, also which of its pods ran out of memory."""
        try:
            body = await calls.send(self._client, "GET", _path(job, attempt))
        except NotFound:
            return Child()
        killed = await self._out_of_memory(job, attempt) if _ended(body) is End.FAILED else frozenset()
        return child_of(body, job.uid, killed)

    async def create(self, job: ImageJob, attempt: int, shards: int) -> None:
        """Create an attempt's Job, unless there is one."""
        with suppress(AlreadyExists):
            await calls.send(
                self._client, "POST", _collection(job), body=job_body(job, attempt, shards, self._settings)
            )

    async def suspend(self, job: ImageJob, attempt: int, suspend: bool) -> None:
        """Suspend the Job, or let it go on."""
        await self._patch(job, attempt, {"suspend": suspend})

    async def set_parallelism(self, job: ImageJob, attempt: int, parallelism: int) -> None:
        """Change how many of its pods run at once."""
        await self._patch(job, attempt, {"parallelism": parallelism})

    async def delete(self, job: ImageJob, attempt: int) -> None:
        """Delete the Job after its pods."""
        with suppress(NotFound):
            await calls.send(
                self._client, "DELETE", _path(job, attempt), body={"propagationPolicy": "Foreground"}
            )

    async def abandon(self, uid: Uid) -> None:
        """Do nothing: a Job goes with its owner."""

    async def _patch(self, job: ImageJob, attempt: int, spec: Body) -> None:
        with suppress(NotFound):
            await calls.send(
                self._client,
                "PATCH",
                _path(job, attempt),
                body={"spec": spec},
                content_type=calls.MERGE_PATCH,
            )

    async def _out_of_memory(self, job: ImageJob, attempt: int) -> frozenset[int]:
        name = names.child_job_name(job.key.name, job.uid, attempt)
        query = {
            "labelSelector": f"{LABEL_JOB_NAME}={name}",
            "fieldSelector": "status.phase=Failed",
            "limit": str(FAILED_PODS),
        }
        answer = await calls.send(
            self._client, "GET", f"/api/v1/namespaces/{job.key.namespace}/pods", query=query
        )
        return out_of_memory(answer.get("items") or ())


def child_of(body: Mapping[str, Any], uid: Uid, killed: frozenset[int] = frozenset()) -> Child:
    """Return the facts of a Job.

    Args:
        body: As the API server sent it.
        uid: Of the ImageJob that should own it.
        killed: Failed indexes that ran out of memory.
    """
    meta, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    if not any(
        each.get("uid") == uid and each.get("controller") for each in meta.get("ownerReferences") or ()
    ):
        return Child(Presence.FOREIGN)
    failed = _condition(body, "Failed")
    return Child(
        presence=Presence.OURS,
        suspended=bool(spec.get("suspend")),
        managed=names.LABEL_QUEUE in (meta.get("labels") or {}),
        parallelism=int(spec.get("parallelism", 1)),
        active=int(status.get("active", 0)),
        ready=int(status.get("ready") or 0),
        created=parse_time(meta.get("creationTimestamp")),
        deleting_since=parse_time(meta.get("deletionTimestamp")),
        ended=_ended(body),
        reason=str(failed.get("reason", "")),
        message=str(failed.get("message", "")),
        out_of_memory=killed,
    )


def out_of_memory(pods: Iterable[Mapping[str, Any]]) -> frozenset[int]:
    """Return the indexes of the pods of which a container was killed for its memory; an evicted pod was not."""
    return frozenset(
        int(pod["metadata"]["labels"][LABEL_INDEX]) for pod in pods if _killed(pod.get("status") or {})
    )


def _killed(status: Mapping[str, Any]) -> bool:
    if any(each.get("type") == "DisruptionTarget" for each in status.get("conditions") or ()):
        return False
    ends = (
        (each.get("state") or {}).get("terminated") or {} for each in status.get("containerStatuses") or ()
    )
    return any(end.get("exitCode") == OOM_EXIT for end in ends)


def _ended(body: Mapping[str, Any]) -> End | None:
    return next((end for end in End if _condition(body, end.value)), None)


def _condition(body: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next(
        (each for each in conditions if each.get("type") == kind and each.get("status") == "True"), {}
    )


def _collection(job: ImageJob) -> str:
    return f"/apis/batch/v1/namespaces/{job.key.namespace}/jobs"


def _path(job: ImageJob, attempt: int) -> str:
    return f"{_collection(job)}/{names.child_job_name(job.key.name, job.uid, attempt)}"
