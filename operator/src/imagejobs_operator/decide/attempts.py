"""Says which attempt an ImageJob is in, with which status it starts, and what its Job is called (pure)."""

from dataclasses import replace
from datetime import datetime

from imagejobs_contract.model import limits, names
from imagejobs_contract.model.attempts import current_attempt, retry_requested
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status


def shard_count(spec: Spec) -> int:
    """Return the number of shards of a Job; equal in each attempt, because results are stored by shard."""
    return min(-(-spec.total // spec.items_per_pod), limits.MAX_SHARDS)


def child_job_name(job: ImageJob, status: Status) -> str:
    """Return the name of the attempt's Job."""
    return names.child_job_name(job.key.name, job.uid, status.attempt)


def starting_status(job: ImageJob, stamp: datetime, first_seen: datetime | None = None) -> Status:
    """Return the status to continue from: the job's, or a fresh one where an attempt begins.

    Args:
        stamp: The time to write down.
        first_seen: When this process first saw the job: it waits since then, even if that was not written.
    """
    status, total = job.status, job.spec.total
    if retry_requested(job):
        attempt, codes = current_attempt(job), job.spec.retry_codes
        return replace(
            status,
            state=State.PENDING,
            counts=Counts(total, succeeded=status.counts.succeeded),
            failures=(),
            failure_codes=(),
            outcomes=tuple(each for each in status.outcomes if each.counts_in(attempt, codes)),
            attempt=attempt,
            queued=stamp,
            started=None,
            completed=None,
            duration_seconds=None,
            callback=None,
        )
    if not status.attempt:
        return replace(status, counts=Counts(total), attempt=current_attempt(job), queued=first_seen or stamp)
    return status if status.queued else replace(status, queued=stamp)
