"""An ImageJob -> the Indexed Job that runs it, as Kubernetes takes it (pure).

Pods are shaped by the settings only (`podshape`): who may create an ImageJob gets no other right by it. They
pass the restricted Pod Security Standard and hold no token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.spec import Profile
from imagejobs_contract.wire import shards
from imagejobs_contract.wire.origin import Origin, environment
from imagejobs_contract.wire.shards import Exit
from imagejobs_operator.jobs.pod_profiles import PodShape, Size

TRIES_PER_SHARD = 5
"""A pod that dies is replaced so often; what it had checkpointed is not done again. With Kubernetes' pauses
that bridges ten minutes without S3.
"""
JOB_TTL_SECONDS = 600
"""Finished Jobs load the control plane (kubernetes#95492); their results lie in S3."""
GRACE_SECONDS = 40
"""One image (30 s), then the last checkpoint."""
DEADLINE_MARGIN_SECONDS = 600
"""Kubernetes ends the Job by itself so long after our own deadline, should we be away. Its clock also counts
the time before the first pod runs.
"""
USER = 65532
TMP_SIZE = "256Mi"
PARALLEL = "MAX_PARALLEL"
"""The worker's variable for `Size.parallel`."""
LABEL_PRIORITY = "kueue.x-k8s.io/priority-class"

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What the operator was told about worker pods.

    Attributes:
        image: Its entry point is the worker program.
        env_secrets: Names of Secrets in the job's namespace whose entries become variables.
        env_config_map: The same of a ConfigMap; "" means none.
        service_account: "" means the namespace's default; its token is not mounted in any case.
        sizes: Of each profile.
        pod: What every pod gets.
        queue_seconds: How long a job may wait for its first pod.
    """

    image: str
    env_secrets: tuple[str, ...] = ()
    env_config_map: str = ""
    service_account: str = ""
    sizes: Mapping[Profile, Size] = field(default_factory=dict)
    pod: PodShape = field(default_factory=PodShape)
    queue_seconds: float = 600.0


def job_body(job: ImageJob, attempt: int, shard_count: int, settings: PodSettings) -> Body:
    """Return the Job of an attempt."""
    deadline = job.spec.active_deadline_seconds + int(settings.queue_seconds) + DEADLINE_MARGIN_SECONDS
    max_failed = job.spec.max_failed_items
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.child_job_name(job.key.name, job.uid, attempt),
            "namespace": job.key.namespace,
            "labels": labels(job) | queue_labels(job),
            "annotations": {names.ANNOTATION_ATTEMPT: str(attempt)},
            "ownerReferences": [owner(job)],
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": shard_count,
            "parallelism": min(job.spec.parallelism, shard_count),
            "backoffLimitPerIndex": TRIES_PER_SHARD,
            # A failed index is at least one failed image.
            "maxFailedIndexes": shard_count if max_failed is None else min(shard_count, max_failed),
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": failure_rules()},
            "activeDeadlineSeconds": deadline,
            "ttlSecondsAfterFinished": JOB_TTL_SECONDS,
            "template": {
                "metadata": pod_metadata(job, settings.pod),
                "spec": pod_spec(job, attempt, settings),
            },
        },
    }


def labels(job: ImageJob) -> dict[str, str]:
    """Return the labels of the Job and its pods."""
    return {names.LABEL_MANAGED_BY: names.MANAGER, names.LABEL_JOB: job.key.name}


def pod_metadata(job: ImageJob, shape: PodShape) -> Body:
    """Return what the pods carry: our own labels, by which they are found, win."""
    annotations = {"annotations": dict(shape.annotations)} if shape.annotations else {}
    return {"labels": {**shape.labels, **labels(job)}} | annotations


def queue_labels(job: ImageJob) -> dict[str, str]:
    """Return what Kueue reads: the queue of the spec, the priority of the ImageJob's own label."""
    found = {names.LABEL_QUEUE: job.spec.queue_name or "", LABEL_PRIORITY: job.labels.get(LABEL_PRIORITY, "")}
    return {name: value for name, value in found.items() if value}


def owner(job: ImageJob) -> Body:
    """Return the reference by which the Job goes when the ImageJob goes.

    It does not block the owner's deletion: that needs a right on finalizers where
    OwnerReferencesPermissionEnforcement is on.
    """
    return {
        "apiVersion": names.API_VERSION, "kind": names.KIND, "name": job.key.name, "uid": job.uid, "controller": True, "blockOwnerDeletion": False,
    }  # fmt: skip


def failure_rules() -> list[Body]:
    """Return how Kubernetes reads the end of a pod; the first rule that fits counts, and an eviction ends with code 137 too."""
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [int(Exit.MISCONFIGURED)]}},
        {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [int(Exit.POISON)]}},
    ]


def pod_spec(job: ImageJob, attempt: int, settings: PodSettings) -> Body:
    """Return the pods of the Job; a priority class that the ImageJob names wins over that of the settings."""
    optional = dict(settings.pod.scheduling)
    optional |= {name: value for name, value in _named(job, settings).items() if value}
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(job, attempt, settings)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": TMP_SIZE}}],
    } | optional  # fmt: skip


def _named(job: ImageJob, settings: PodSettings) -> dict[str, str]:
    return {
        "priorityClassName": job.spec.priority_class_name or "",
        "serviceAccountName": settings.service_account,
    }


def _container(job: ImageJob, attempt: int, settings: PodSettings) -> Body:
    sources = [{"configMapRef": {"name": settings.env_config_map}}] if settings.env_config_map else []
    sources += [{"secretRef": {"name": each}} for each in settings.env_secrets]
    size = settings.sizes.get(job.spec.profile, Size())
    pull = {"imagePullPolicy": settings.pod.pull_policy} if settings.pod.pull_policy else {}
    return {
        "name": "worker",
        "image": settings.image,
        "args": ["shard"],
        "env": _variables(job, attempt, size, settings.pod),
        "envFrom": sources,
        "resources": dict(size.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - an emptyDir of the pod's own
    } | pull


def _variables(job: ImageJob, attempt: int, size: Size, shape: PodShape) -> list[Body]:
    """Return the variables of a pod; of two with one name Kubernetes takes the last, and which shard it is nobody else may say."""
    shard = {
        shards.ENV_NAME: job.key.name, shards.ENV_NAMESPACE: job.key.namespace, shards.ENV_UID: job.uid, shards.ENV_ATTEMPT: str(attempt),
        **environment(job, Origin.of(job)),
    }  # fmt: skip
    by_name: dict[str, Body] = {PARALLEL: {"name": PARALLEL, "value": str(size.parallel)}}
    by_name |= {each["name"]: dict(each) for each in shape.env}
    by_name |= {name: {"name": name, "value": value} for name, value in shard.items()}
    return list(by_name.values())
