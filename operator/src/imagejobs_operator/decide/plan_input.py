"""The input of a plan: the job, the observed facts, the time, and the policy of this operator."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from imagejobs_contract.model import limits, names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import Status
from imagejobs_contract.runtime.settings import LEASE_SECONDS
from imagejobs_operator.decide import grants, moments
from imagejobs_operator.decide.grants import Grants
from imagejobs_operator.decide.moments import Phase
from imagejobs_operator.decide.observed import Observed


@dataclass(frozen=True, slots=True)
class Policy:
    """How this operator decides; made once from its settings.

    Attributes:
        since: When this process started, by the clock that only counts. Deadlines do not count the time
            before it, in which perhaps no operator ran.
        pool: Whether the pool may be used.
        jobs: Whether Jobs may be used.
        jobs_from: Number of images from which `execution: Auto` means a Job. None: up to `MAX_POOL_ITEMS`
            images go to the pool if it has workers, all others to a Job.
        window: Maximum tasks of one job on the queue, so that a large job does not starve the others.
        lease_seconds: Longest time in which a pool worker may not notice that it has lost its lease.
        queue_seconds: Maximum wait of a job for its first image.
        resync_seconds: Interval of the resync; later events need no requeue of their own.
        callbacks: Whether there is a secret to sign callbacks with.
        grants: What each namespace may use; None where there are no borders, as on one machine, where only
            the API makes jobs.
        class_name: The class whose jobs it runs; None: those without a class.
        believes_claims: Whether what only the API may say of a job is believed, because the cluster guards
            it; None while that is not known.
    """

    since: datetime
    pool: bool = True
    jobs: bool = True
    jobs_from: int | None = None
    window: int = 200
    lease_seconds: float = LEASE_SECONDS
    queue_seconds: float = limits.Limits().queue_seconds
    resync_seconds: float = 30.0
    callbacks: bool = True
    grants: Grants | None = None
    class_name: str | None = None
    believes_claims: bool | None = True

    def runs(self, job: ImageJob) -> bool:
        """Return whether the job is of this operator's class; all others are left to their own."""
        return job.spec.class_name == self.class_name

    def allows_jobs(self, job: ImageJob) -> bool:
        """Return whether a job may have a Job; one that was begun keeps it."""
        if self.grants is None or not self.jobs:
            return self.jobs
        return bool(self.grants.of(job).pods or job.status.job_name)

    def believed(self, job: ImageJob) -> ImageJob:
        """Return the job without uploads that are not believed to be its own: they are deleted with it."""
        if self.believes_claims or names.ANNOTATION_UPLOADS not in job.annotations:
            return job
        kept = {name: value for name, value in job.annotations.items() if name != names.ANNOTATION_UPLOADS}
        return replace(job, annotations=kept)

    def confine(self, job: ImageJob) -> ImageJob:
        """Return the job within the bounds of its namespace."""
        return grants.confine(job, self.grants.of(job)) if self.grants else job


@dataclass(frozen=True, slots=True)
class PlanInput:
    """Everything that one decision depends on.

    Attributes:
        job: The ImageJob as the store has it.
        status: The status to continue from: the job's, or a fresh one where an attempt begins.
        now: By the clock that only counts; everything is measured with it.
    """

    job: ImageJob
    status: Status
    seen: Observed
    now: datetime
    policy: Policy

    @property
    def stamp(self) -> datetime:
        """Return the calendar's time, for what is written down."""
        return moments.stamp(self.job, self.now, self.seen.lead)

    def moment(self, phase: Phase, stamp: datetime | None) -> datetime:
        """Return when a stamp was, by the clock that only counts; now for none."""
        return self.seen.moment(phase, stamp, self.now) if stamp else self.now

    def with_status(self, **changes: Any) -> "PlanInput":
        """Return a copy with these fields of the status changed."""
        return replace(self, status=replace(self.status, **changes))
