"""Makes the Indexed Job of an ImageJob, as Kubernetes takes it (pure).

Only the settings shape the pods (`pod_profiles`): the right to create an ImageJob gives no other right. Pods
pass the restricted Pod Security Standard and hold no token.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.spec import Profile
from imagejobs_contract.wire import shards
from imagejobs_contract.wire.origin import Origin, environment
from imagejobs_contract.wire.shards import Exit
from imagejobs_operator.jobs.pod_profiles import PodDefaults, Size

TRIES_PER_SHARD = 5
"""Maximum replacements of a pod that dies; images up to its last checkpoint are not done again. With
Kubernetes' pauses that bridges ten minutes without S3.
"""
JOB_TTL_SECONDS = 600
"""Finished Jobs load the control plane (kubernetes#95492); their results are in S3."""
GRACE_SECONDS = 40
"""One image (30 s), then the last checkpoint."""
DEADLINE_MARGIN_SECONDS = 600
"""Time after our own deadline at which Kubernetes ends the Job, for the case that no operator runs. Its clock
also counts the time before the first pod runs.
"""
USER_ID = 65532
TMP_SIZE = "256Mi"
CA_FOLDER = "/etc/imagejobs-ca"
"""The chart's CA_FILE lies in it."""
PARALLEL = "MAX_PARALLEL"
"""The worker's variable for `Size.parallel`."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PodSettings:
    """Settings of worker pods.

    Attributes:
        image: Its entry point is the worker program.
        env_secrets: Names of Secrets in the job's namespace; their entries become variables.
        env_config_map: Name of a ConfigMap for the same purpose; "" means none.
        service_account: "" means the namespace's default; its token is not mounted in any case.
        sizes: Profile -> resources.
        pod: Defaults for every pod.
        queue_seconds: Maximum wait of a job for its first pod.
        ca_config_map: Name of a ConfigMap in the job's namespace, with the file that CA_FILE names; "" means
            none.
        copied_labels: Labels of an ImageJob that its Job and pods get too.
    """

    image: str
    env_secrets: tuple[str, ...] = ()
    env_config_map: str = ""
    service_account: str = ""
    sizes: Mapping[Profile, Size] = field(default_factory=dict)
    pod: PodDefaults = field(default_factory=PodDefaults)
    queue_seconds: float = 600.0
    ca_config_map: str = ""
    copied_labels: frozenset[str] = frozenset()


def make_job(job: ImageJob, attempt: int, shard_count: int, settings: PodSettings) -> Body:
    """Return the Job of an attempt."""
    deadline = job.spec.active_deadline_seconds + int(settings.queue_seconds) + DEADLINE_MARGIN_SECONDS
    max_failed = job.spec.max_failed_items
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.child_job_name(job.key.name, job.uid, attempt),
            "namespace": job.key.namespace,
            "labels": copy_labels(job, settings.copied_labels) | make_labels(job) | make_queue_labels(job),
            "annotations": {names.ANNOTATION_ATTEMPT: str(attempt)},
            "ownerReferences": [make_owner_reference(job)],
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": shard_count,
            "parallelism": min(job.spec.parallelism, shard_count),
            "backoffLimitPerIndex": TRIES_PER_SHARD,
            # A failed index is at least one failed image.
            "maxFailedIndexes": shard_count if max_failed is None else min(shard_count, max_failed),
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": make_failure_rules()},
            "activeDeadlineSeconds": deadline,
            "ttlSecondsAfterFinished": JOB_TTL_SECONDS,
            "template": {
                "metadata": make_pod_metadata(job, settings),
                "spec": make_pod_spec(job, attempt, settings),
            },
        },
    }


def make_labels(job: ImageJob) -> dict[str, str]:
    """Return the labels of the Job and its pods."""
    return {names.LABEL_MANAGED_BY: names.MANAGER, names.LABEL_JOB: job.key.name}


def copy_labels(job: ImageJob, copied: Collection[str]) -> dict[str, str]:
    """Return the ImageJob's labels that its Job and pods have too, such as those that costs are sorted by."""
    return {name: value for name, value in job.labels.items() if name in copied}


def make_pod_metadata(job: ImageJob, settings: PodSettings) -> Body:
    """Return the metadata of the pods.

    Our own labels, by which we find them, win over those of the settings, and these over the ImageJob's.
    """
    defaults = settings.pod
    annotations = {"annotations": dict(defaults.annotations)} if defaults.annotations else {}
    copied = copy_labels(job, settings.copied_labels)
    return {"labels": {**copied, **defaults.labels, **make_labels(job)}} | annotations


def make_queue_labels(job: ImageJob) -> dict[str, str]:
    """Return the labels for Kueue: the queue from the spec, the priority from the ImageJob's own label."""
    priority = job.labels.get(names.LABEL_PRIORITY, "")
    found = {names.LABEL_QUEUE: job.spec.queue_name or "", names.LABEL_PRIORITY: priority}
    return {name: value for name, value in found.items() if value}


def make_owner_reference(job: ImageJob) -> Body:
    """Return the owner reference by which Kubernetes deletes the Job with the ImageJob.

    It does not block the owner's deletion: that needs a right on finalizers where
    OwnerReferencesPermissionEnforcement is on.
    """
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": job.key.name,
        "uid": job.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def make_failure_rules() -> list[Body]:
    """Return the rules for failed pods. The first match counts: an eviction also ends with exit code 137."""
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [int(Exit.MISCONFIGURED)]}},
        {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [int(Exit.POISON)]}},
    ]


def make_pod_spec(job: ImageJob, attempt: int, settings: PodSettings) -> Body:
    """Return the spec of the pods; the ImageJob's priority class wins over that of the settings."""
    optional = dict(settings.pod.scheduling)
    optional |= {name: value for name, value in _make_optional_fields(job, settings).items() if value}
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_make_container(job, attempt, settings)],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": TMP_SIZE}},
            *_make_ca_volumes(settings),
            *settings.pod.volumes,
        ],
    } | optional


def _make_optional_fields(job: ImageJob, settings: PodSettings) -> dict[str, str]:
    return {
        "priorityClassName": job.spec.priority_class_name or "",
        "serviceAccountName": settings.service_account,
    }


def _make_container(job: ImageJob, attempt: int, settings: PodSettings) -> Body:
    sources = [{"configMapRef": {"name": settings.env_config_map}}] if settings.env_config_map else []
    sources += [{"secretRef": {"name": each}} for each in settings.env_secrets]
    size = settings.sizes.get(job.spec.profile, Size())
    pull = {"imagePullPolicy": settings.pod.pull_policy} if settings.pod.pull_policy else {}
    return {
        "name": "worker",
        "image": settings.image,
        "args": ["shard"],
        "env": _make_variables(job, attempt, size, settings.pod),
        "envFrom": [*sources, *settings.pod.env_from],
        "resources": dict(size.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - an emptyDir of the pod's own
            *(
                {"name": each["name"], "mountPath": CA_FOLDER, "readOnly": True}
                for each in _make_ca_volumes(settings)
            ),
            *settings.pod.volume_mounts,
        ],
    } | pull


def _make_ca_volumes(settings: PodSettings) -> list[Body]:
    return [{"name": "ca", "configMap": {"name": settings.ca_config_map}}] if settings.ca_config_map else []


def _make_variables(job: ImageJob, attempt: int, size: Size, defaults: PodDefaults) -> list[Body]:
    """Return the variables of a pod, one per name; the ones that name the shard win over all others."""
    shard = {
        shards.ENV_NAME: job.key.name,
        shards.ENV_NAMESPACE: job.key.namespace,
        shards.ENV_UID: job.uid,
        shards.ENV_ATTEMPT: str(attempt),
        **shards.retry_variables(job.spec.retry_codes),
        **environment(job, Origin.of(job)),
    }
    by_name: dict[str, Body] = {PARALLEL: {"name": PARALLEL, "value": str(size.parallel)}}
    by_name |= {each["name"]: dict(each) for each in defaults.env}
    by_name |= {name: {"name": name, "value": value} for name, value in shard.items()}
    return list(by_name.values())
