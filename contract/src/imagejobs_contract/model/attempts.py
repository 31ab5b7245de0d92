"""Which attempt an ImageJob is in, and whether another is due (pure).

The operator acts on these rules and the API shows a job by them, so they are written once.
"""

from dataclasses import replace

from imagejobs_contract.errors import Fault
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State


def desired_attempt(spec: Spec) -> int:
    """Return the attempt that the spec asks for, from 1."""
    return 1 + spec.retry_failed


def retry_requested(job: ImageJob) -> bool:
    """Return whether a finished job is about to run its failed images again.

    `spec.retryFailed` asks for it; a status that records no attempt counts as attempt 0. If a retry
    is cancelled before it starts, the attempt still starts, and then ends as Cancelled: otherwise the job
    would keep an end that can be neither retried nor cancelled.
    """
    status = job.status
    behind = desired_attempt(job.spec) > status.attempt and status.counts.succeeded < job.spec.total
    return status.state.final and status.state is not State.CANCELLED and behind


def late_commands(job: ImageJob, wanted: Spec) -> list[Fault]:
    """Return a fault for each command that a change of the spec gives a job which has ended.

    These are the CRD's rules, for the store that has no CRD. A retry and a command may come in one change.
    """
    if not job.status.state.final or retry_requested(replace(job, spec=wanted)):
        return []
    given = [name for name in ("cancel", "suspend") if getattr(wanted, name) and not getattr(job.spec, name)]
    return [Fault(f"spec.{name}", f"the job has ended: it is {job.status.state}") for name in given]


def current_attempt(job: ImageJob) -> int:
    """Return the attempt that runs, that ran last, or that is about to begin."""
    if retry_requested(job) or not job.status.attempt:
        return desired_attempt(job.spec)
    return job.status.attempt
