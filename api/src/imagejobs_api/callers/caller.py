"""One caller, as a request knows it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import NO_CALLER, CallerName, JobKey


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """What one caller may take up; None is the setting that holds for all."""

    requests_per_minute: int | None = None
    bytes_in_flight: int | None = None
    queued_images: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        namespace: Where the caller's jobs are.
        name: Stands in the label `imagejobs.dev/caller` of the caller's jobs; "" is anybody, where no keys
            are needed.
        may_write: Whether the key that was shown may do more than read.
        key_name: What the file calls that key, so that the log tells which ones are still in use.
        source_prefixes: Where in the bucket the caller may have images read, beside its own uploads; each
            ends with a slash.
        output_prefixes: Where it may have results put.
    """

    namespace: str
    name: CallerName = NO_CALLER
    may_write: bool = True
    key_name: str = ""
    limits: CallerLimits = CallerLimits()
    source_prefixes: tuple[str, ...] = ()
    output_prefixes: tuple[str, ...] = ()

    def job_key(self, job_name: str) -> JobKey:
        """Return where the caller's job of that name is."""
        return JobKey(self.namespace, job_name)

    def owns(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a job with these labels is the caller's own.

        Anybody owns all: nobody can be told apart then.
        """
        return not self.name or labels.get(names.LABEL_CALLER) == self.name

    def marked(self, job: ImageJob) -> ImageJob:
        """Return the job with the caller's label."""
        return replace(job, labels={**job.labels, names.LABEL_CALLER: self.name}) if self.name else job
