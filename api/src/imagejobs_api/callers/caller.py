"""The caller of a request. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import NO_CALLER, CallerName, JobKey


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """Limits of one caller; None means the setting for all callers."""

    requests_per_minute: int | None = None
    bytes_in_flight: int | None = None
    queued_images: int | None = None
    pool_images: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller, with the permissions of the key that the request carries.

    Attributes:
        namespace: Where the caller's jobs are.
        name: The value of the label `imagejobs.dev/caller` on the caller's jobs; "" where no keys are needed.
        may_write: Whether the key may do more than read.
        key_name: The key's name in the file of callers; the log shows by it which keys are still in use.
        source_prefixes: Prefixes in the bucket from which the caller's jobs may read images, beside its own
            uploads; each ends with a slash.
        output_prefixes: Prefixes under which the caller's jobs may store results; each ends with a slash.
        priority_classes: Classes that the pods of the caller's jobs may have.
        queues: Queues of Kueue that the caller's jobs may name.
        kubectl_jobs: Whether the caller may read the jobs of its namespace that no caller owns: those that
            were made with kubectl.
    """

    namespace: str
    name: CallerName = NO_CALLER
    may_write: bool = True
    key_name: str = ""
    limits: CallerLimits = CallerLimits()
    source_prefixes: tuple[str, ...] = ()
    output_prefixes: tuple[str, ...] = ()
    priority_classes: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    kubectl_jobs: bool = False

    def job_key(self, job_name: str) -> JobKey:
        """Return the key of the caller's job of that name."""
        return JobKey(self.namespace, job_name)

    def owns(self, labels: Mapping[str, str]) -> bool:
        """Return whether a job with these labels belongs to the caller.

        Without API keys every caller owns every job, because callers cannot be distinguished.
        """
        return not self.name or labels.get(names.LABEL_CALLER) == self.name

    def with_label(self, job: ImageJob) -> ImageJob:
        """Return the job with the caller's label."""
        return replace(job, labels={**job.labels, names.LABEL_CALLER: self.name}) if self.name else job
