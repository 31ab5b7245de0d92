"""Reads and writes Indexed Jobs on the Kubernetes API. No other module does.

A Job's name holds the attempt, so a second creation finds the first. The uid of its owner shows whether it is
ours.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from imagejobs_contract.errors import AlreadyExists, Misconfigured, NotFound, PriorityClassNotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.times import parse_time
from imagejobs_contract.stores import kubernetes_calls as calls
from imagejobs_contract.stores.kubernetes_client import KubernetesClient
from imagejobs_operator.decide.observed import ChildEnd, ChildJob, Presence
from imagejobs_operator.jobs.pod_spec import PodSettings, make_job

LABEL_JOB_NAME = "batch.kubernetes.io/job-name"
LABEL_INDEX = "batch.kubernetes.io/job-completion-index"
MAX_FAILED_PODS = 500
"""Maximum failed pods that are read for their reasons; an Indexed Job has at most 200 indexes, with a few
tries each.
"""
OOM_EXIT_CODE = 137

Body = dict[str, Any]


class KubernetesJobs:
    """Implements `ports.ChildJobs` with Jobs of `batch/v1`."""

    def __init__(self, client: KubernetesClient, settings: PodSettings) -> None:
        self._client = client
        self._settings = settings

    async def get(self, job: ImageJob, attempt: int) -> ChildJob:
        """Return facts about the Job of an attempt; if it failed, also which indexes ran out of memory."""
        try:
            body = await calls.send(self._client, "GET", _path(job, attempt))
        except NotFound:
            return ChildJob()
        killed = (
            await self._find_out_of_memory(job, attempt) if _end_of(body) is ChildEnd.FAILED else frozenset()
        )
        return read_child_job(body, job.uid, killed)

    async def find_all(self, job: ImageJob) -> dict[int, ChildJob]:
        """Return facts about all Jobs that the ImageJob owns, by attempt."""
        query = {"labelSelector": f"{names.LABEL_JOB}={job.key.name}"}
        answer = await calls.send(self._client, "GET", _collection(job), query=query)
        found = {
            names.attempt_of_child_job(body["metadata"]["name"]): read_child_job(body, job.uid)
            for body in answer.get("items") or ()
        }
        return {attempt: child for attempt, child in found.items() if child.presence is Presence.OURS}

    async def create(self, job: ImageJob, attempt: int, shards: int) -> None:
        """Create the Job of an attempt, unless it exists."""
        body = make_job(job, attempt, shards, self._settings)
        await self._check_priority_class(body["spec"]["template"]["spec"].get("priorityClassName"))
        with suppress(AlreadyExists):
            await calls.send(self._client, "POST", _collection(job), body=body)

    async def suspend(self, job: ImageJob, attempt: int, suspend: bool) -> None:
        """Suspend the Job, or resume it; an annotation says that it was us."""
        mark = {names.ANNOTATION_SUSPENDED: "true" if suspend else None}
        await self._patch(job, attempt, {"suspend": suspend}, {"annotations": mark})

    async def set_parallelism(self, job: ImageJob, attempt: int, parallelism: int) -> None:
        """Change the number of pods that run at once."""
        await self._patch(job, attempt, {"parallelism": parallelism})

    async def delete(self, job: ImageJob, attempt: int) -> None:
        """Delete the Job after its pods."""
        with suppress(NotFound):
            await calls.send(
                self._client, "DELETE", _path(job, attempt), body={"propagationPolicy": "Foreground"}
            )

    async def stop_all(self, uid: str) -> None:
        """Do nothing: Kubernetes deletes a Job with its owner."""

    async def _check_priority_class(self, name: str | None) -> None:
        """Refuse a class that does not exist: the server takes the Job, and then none of its pods.

        Without the right to look, the Job is made, and its pods are refused.
        """
        if not name:
            return
        try:
            await calls.send(self._client, "GET", f"/apis/scheduling.k8s.io/v1/priorityclasses/{name}")
        except NotFound:
            raise PriorityClassNotFound(
                f"there is no PriorityClass {name} in this cluster; the job begins when there is one"
            ) from None
        except Misconfigured:
            return

    async def _patch(self, job: ImageJob, attempt: int, spec: Body, metadata: Body | None = None) -> None:
        with suppress(NotFound):
            await calls.send(
                self._client,
                "PATCH",
                _path(job, attempt),
                body={"spec": spec, "metadata": metadata or {}},
                content_type=calls.MERGE_PATCH,
            )

    async def _find_out_of_memory(self, job: ImageJob, attempt: int) -> frozenset[int]:
        name = names.child_job_name(job.key.name, job.uid, attempt)
        query = {
            "labelSelector": f"{LABEL_JOB_NAME}={name}",
            "fieldSelector": "status.phase=Failed",
            "limit": str(MAX_FAILED_PODS),
        }
        answer = await calls.send(
            self._client, "GET", f"/api/v1/namespaces/{job.key.namespace}/pods", query=query
        )
        return find_out_of_memory(answer.get("items") or ())


def read_child_job(body: Mapping[str, Any], uid: str, killed: frozenset[int] = frozenset()) -> ChildJob:
    """Return facts about a Job.

    Args:
        body: The Job as the API server sent it.
        uid: The uid of the ImageJob that should own it.
        killed: Failed indexes that ran out of memory.
    """
    meta, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    if not any(
        each.get("uid") == uid and each.get("controller") for each in meta.get("ownerReferences") or ()
    ):
        return ChildJob(Presence.FOREIGN)
    failed = _find_condition(body, "Failed")
    return ChildJob(
        presence=Presence.OURS,
        suspended=bool(spec.get("suspend")),
        managed=names.LABEL_QUEUE in (meta.get("labels") or {}),
        held=bool(spec.get("suspend")) and names.ANNOTATION_SUSPENDED not in (meta.get("annotations") or {}),
        parallelism=int(spec.get("parallelism", 1)),
        active=int(status.get("active", 0)),
        ready=int(status.get("ready") or 0),
        created=parse_time(meta.get("creationTimestamp")),
        deleting_since=parse_time(meta.get("deletionTimestamp")),
        ended=_end_of(body),
        reason=str(failed.get("reason", "")),
        message=str(failed.get("message", "")),
        out_of_memory=killed,
    )


def find_out_of_memory(pods: Iterable[Mapping[str, Any]]) -> frozenset[int]:
    """Return the indexes of pods in which a container was killed for its memory; eviction does not count."""
    return frozenset(
        int(pod["metadata"]["labels"][LABEL_INDEX])
        for pod in pods
        if _is_out_of_memory(pod.get("status") or {})
    )


def _is_out_of_memory(status: Mapping[str, Any]) -> bool:
    if any(each.get("type") == "DisruptionTarget" for each in status.get("conditions") or ()):
        return False
    ends = (
        (each.get("state") or {}).get("terminated") or {} for each in status.get("containerStatuses") or ()
    )
    return any(end.get("exitCode") == OOM_EXIT_CODE for end in ends)


def _end_of(body: Mapping[str, Any]) -> ChildEnd | None:
    return next((end for end in ChildEnd if _find_condition(body, end.value)), None)


def _find_condition(body: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next(
        (each for each in conditions if each.get("type") == kind and each.get("status") == "True"), {}
    )


def _collection(job: ImageJob) -> str:
    return f"/apis/batch/v1/namespaces/{job.key.namespace}/jobs"


def _path(job: ImageJob, attempt: int) -> str:
    return f"{_collection(job)}/{names.child_job_name(job.key.name, job.uid, attempt)}"
