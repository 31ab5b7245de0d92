"""Posts events to the Kubernetes API, for people: `kubectl describe imagejob` shows them.

Nothing depends on them.
"""

from contextlib import suppress
from typing import Any

from imagejobs_contract.errors import AlreadyExists
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import Reason
from imagejobs_contract.stores import kubernetes_calls as calls
from imagejobs_contract.stores.kubernetes_client import KubernetesClient
from imagejobs_operator.decide.actions import Emit
from imagejobs_operator.events.log import log_event

CONTROLLER = f"{names.GROUP}/operator"
ACTION = "Reconcile"
MAX_NOTE_CHARACTERS = 1024


class KubernetesEvents:
    """Implements `ports.Events` with Events of `events.k8s.io/v1`.

    There is one Event per reason and attempt, and one for each change of the spec that suspends or resumes: a
    repeat, after a restart or by another operator, has the name of the first and is dropped.
    """

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    async def emit(self, job: ImageJob, event: Emit) -> None:
        """Post one event and write it to the log, because Kubernetes keeps it for an hour only."""
        log_event(job, event)
        body = make_event(job, event, self._client.calendar().strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        with suppress(AlreadyExists):
            await calls.send(
                self._client,
                "POST",
                f"/apis/events.k8s.io/v1/namespaces/{job.key.namespace}/events",
                body=body,
            )


def make_event(job: ImageJob, event: Emit, time: str) -> dict[str, Any]:
    """Return the Event.

    Args:
        time: In RFC 3339, with microseconds.
    """
    name = names.child_job_name(job.key.name, job.uid, 1 + job.spec.retry_failed)
    name = f"{name}.{event.reason.value.lower()}"
    if event.reason in (Reason.SUSPENDED, Reason.RESUMED):
        name = f"{name}-{job.generation}"
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": job.key.namespace},
        "eventTime": time,
        "reportingController": CONTROLLER,
        "reportingInstance": CONTROLLER,
        "action": ACTION,
        "reason": event.reason.value,
        "type": "Warning" if event.warning else "Normal",
        "note": event.message[:MAX_NOTE_CHARACTERS],
        "regarding": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": job.key.name,
            "namespace": job.key.namespace,
            "uid": job.uid,
            "resourceVersion": job.resource_version,
        },
    }
