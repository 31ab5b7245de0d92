"""When a job has waited or run for too long, and when it is forgotten (pure; time comes from the caller).

Wall time, but for the time in which this operator was not there: after a machine was off for a night, its
jobs go on.
"""

from datetime import datetime, timedelta

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import CallbackState, Reason
from imagejobs_operator.decide.observed import PlanInput, Policy

MAX_RESYNC_SKIP_SECONDS = 3600.0
"""An ended job is looked at so often all the same."""


def passed_deadline(given: PlanInput) -> Reason | None:
    """Return the deadline that has passed, if one has.

    Who waits by right (suspended, or for Kueue's quota) has none.
    """
    if _has_no_deadline(given) or deadline_of(given) > given.now:
        return None
    return Reason.DEADLINE_EXCEEDED if given.status.started else Reason.QUEUE_DEADLINE_EXCEEDED


def deadline_of(given: PlanInput) -> datetime:
    """Return when the deadline of a job passes: that of running once it runs, else that of waiting."""
    since = given.policy.since
    if given.status.started:
        return max(given.status.started, since) + timedelta(seconds=given.job.spec.active_deadline_seconds)
    return max(given.status.queued or since, since) + timedelta(seconds=given.policy.queue_seconds)


def seconds_to_deadline(given: PlanInput) -> float | None:
    """Return after how long to look again for the deadline's sake, or None if the resync comes early enough."""
    left = (deadline_of(given) - given.now).total_seconds()
    return left if not _has_no_deadline(given) and 0 < left <= given.policy.resync_seconds else None


def task_expiry(given: PlanInput) -> float:
    """Return when a task that is sent now can no longer be wanted, in seconds since the epoch."""
    return given.now.timestamp() + given.policy.queue_seconds + given.job.spec.active_deadline_seconds


def deletion_time(job: ImageJob) -> datetime | None:
    """Return when a job that ended is deleted."""
    ended = job.status.completed or job.created
    return ended + timedelta(seconds=job.spec.ttl_seconds_after_finished) if ended else None


def skip_resync_until(job: ImageJob, now: datetime, policy: Policy) -> datetime | None:
    """Return until when only an event brings anything to do about a job as it stands; None if the resync must not leave it out.

    So many ended jobs may be kept that to look at all of them again and again would take a core.
    """
    ended, status = job.status.completed, job.status
    settled = (
        status.state.final
        and not job.deleting
        and not (status.callback and status.callback.state is CallbackState.PENDING)
    )
    if not settled or ended is None:
        return None
    due = deletion_time(job)
    longest = now + timedelta(seconds=MAX_RESYNC_SKIP_SECONDS)
    return min(longest, due - timedelta(seconds=policy.resync_seconds)) if due else longest


def _has_no_deadline(given: PlanInput) -> bool:
    child = given.seen.child
    return given.job.spec.suspend or (child.managed and child.suspended)
