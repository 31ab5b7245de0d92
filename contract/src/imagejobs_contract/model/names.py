"""Names of objects, labels and annotations in Kubernetes, and the ids that clients see."""

import os
import re
import time
from typing import NamedTuple, NewType

Uid = NewType("Uid", str)
"""The uid of an ImageJob; "" before it is created."""
S3Key = NewType("S3Key", str)
"""The key of one object in the bucket."""
UploadId = NewType("UploadId", str)
"""S3's id of a multipart upload."""
CallerName = NewType("CallerName", str)
"""A caller's name as `imagejobs.dev/caller` has it; "" for no caller."""
NO_UID, NO_CALLER = Uid(""), CallerName("")
UNOWNED = CallerName("-")
"""Asked for in place of a caller's name: the jobs that no caller owns. No caller can have this name."""

GROUP = "imagejobs.dev"
VERSION = "v1alpha1"
PLURAL = "imagejobs"
KIND = "ImageJob"
API_VERSION = f"{GROUP}/{VERSION}"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "imagejobs-operator"
LABEL_JOB = f"{GROUP}/imagejob"
"""On the Jobs and pods of an ImageJob: its name."""
LABEL_CALLER = f"{GROUP}/caller"
LABEL_SAMPLE = f"{GROUP}/sample"
"""Set by the API on jobs that only show what options do: `true`. Lists leave them out."""
LABEL_QUEUE = "kueue.x-k8s.io/queue-name"
LABEL_PRIORITY = "kueue.x-k8s.io/priority-class"
ANNOTATION_ATTEMPT = f"{GROUP}/attempt"
ANNOTATION_SUSPENDED = f"{GROUP}/suspended"
"""On a Job that the operator has suspended. One that is suspended without it, somebody else has suspended."""
ANNOTATION_UPLOADS = f"{GROUP}/uploads"
"""Set by the API on the jobs whose sources it stored: the S3 prefix that goes when the job goes."""
ANNOTATION_REQUEST = f"{GROUP}/request-id"
"""Set by the API: the id of the request that made the job, as in its log."""
ANNOTATION_TRACEPARENT = f"{GROUP}/traceparent"
"""Set by the API on jobs that are traced; others may set it too."""
ANNOTATION_SOURCES = f"{GROUP}/sources"
"""Set by the API on its jobs: the S3 prefixes that the keys of their images may lie under, as a JSON list."""
ANNOTATION_TITLE = f"{GROUP}/title"
"""The caller's name for the job, for people."""
KEPT_BY = frozenset(
    {
        "argocd.argoproj.io/instance",
        "argocd.argoproj.io/tracking-id",
        "helm.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/name",
        "meta.helm.sh/release-name",
    }
)
"""Labels and annotations of tools that make an object again when it is gone: Argo CD, Flux, Helm."""
FINALIZER = f"{GROUP}/outputs"
"""The job's deletion waits until its outputs are deleted: on all jobs with `deletionPolicy: Delete`, on
others when a caller asks for it.
"""

LOCAL_NAMESPACE = "default"
MAX_NAME_LENGTH = 46
"""Leaves room for `-<uid8>-<attempt>` and an Indexed pod's `-<index>` within 63 characters."""
NAME_PATTERN = "[a-z0-9]([-a-z0-9]{0,44}[a-z0-9])?"

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_FRESH = re.compile(f"j[{_ALPHABET}]{{19}}", re.ASCII)
_SUB_JOB = re.compile(r"(.+)-(0|[1-9][0-9]{0,6})", re.ASCII)


class JobKey(NamedTuple):
    """Where an ImageJob is found."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def new_job_id(now_seconds: float | None = None) -> str:
    """Return a fresh id of 20 characters without a hyphen, which sorts by time.

    After the `j` it has 9 characters of milliseconds and 10 random ones (50 bits).
    """
    millis = int((time.time() if now_seconds is None else now_seconds) * 1000)
    digits = ""
    for _ in range(9):
        millis, rest = divmod(millis, 32)
        digits = _ALPHABET[rest] + digits
    return "j" + digits + "".join(_ALPHABET[each % 32] for each in os.urandom(10))


def created_seconds(identifier: str) -> float | None:
    """Return the time at which `new_job_id` made an id, in seconds since the epoch; None for other ids."""
    if not _FRESH.fullmatch(identifier):
        return None
    millis = 0
    for digit in identifier[1:10]:
        millis = millis * 32 + _ALPHABET.index(digit)
    return millis / 1000


def sub_job_id(job_id: str, index: int) -> str:
    """Return the id of one image of a batch."""
    return f"{job_id}-{index}"


def split_sub_job(identifier: str) -> tuple[str, int] | None:
    """Return (job id, index) if the id has the form of a sub-job's, else None.

    A job that was made with kubectl may itself be called `holiday-3`: look for a job of the whole id first.
    """
    match = _SUB_JOB.fullmatch(identifier)
    return (match[1], int(match[2])) if match else None


def child_job_name(name: str, uid: str, attempt: int) -> str:
    """Return the deterministic name of the Job that runs an attempt: a second creation meets the first."""
    return f"{name}-{uid.replace('-', '')[:8]}-{attempt}"


def attempt_of_child_job(name: str) -> int:
    """Return the attempt that a Job runs, by the name that `child_job_name` gave it; 0 for any other name."""
    attempt = name.rpartition("-")[2]
    return int(attempt) if attempt.isdecimal() else 0
