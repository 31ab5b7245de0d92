"""When a job has waited or run for too long, and when it is forgotten (pure; time comes from the caller).

Wall time, but for the time in which this operator was not there: after a machine was off for a night, its
jobs go on.
"""

from datetime import datetime, timedelta

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import CallbackState, Reason
from imagejobs_operator.decide.observed import Case, Rules

LONGEST_REST_SECONDS = 3600.0
"""An ended job is looked at so often all the same."""


def overdue(case: Case) -> Reason | None:
    """Return the deadline that has passed, if one has.

    Who waits by right (suspended, or for Kueue's quota) has none.
    """
    if _exempt(case) or due(case) > case.now:
        return None
    return Reason.DEADLINE_EXCEEDED if case.status.started else Reason.QUEUE_DEADLINE_EXCEEDED


def due(case: Case) -> datetime:
    """Return when the deadline of a job passes: that of running once it runs, else that of waiting."""
    since = case.rules.since
    if case.status.started:
        return max(case.status.started, since) + timedelta(seconds=case.job.spec.active_deadline_seconds)
    return max(case.status.queued or since, since) + timedelta(seconds=case.rules.queue_seconds)


def wake_seconds(case: Case) -> float | None:
    """Return after how long to look again for the deadline's sake, or None if the resync comes early enough."""
    left = (due(case) - case.now).total_seconds()
    return left if not _exempt(case) and 0 < left <= case.rules.soon_seconds else None


def task_expires(case: Case) -> float:
    """Return when a task that is sent now can no longer be wanted, in seconds since the epoch."""
    return case.now.timestamp() + case.rules.queue_seconds + case.job.spec.active_deadline_seconds


def forget_at(job: ImageJob) -> datetime | None:
    """Return when a job that ended is deleted."""
    ended = job.status.completed or job.created
    return ended + timedelta(seconds=job.spec.ttl_seconds_after_finished) if ended else None


def rests_until(job: ImageJob, now: datetime, rules: Rules) -> datetime | None:
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
    due = forget_at(job)
    longest = now + timedelta(seconds=LONGEST_REST_SECONDS)
    return min(longest, due - timedelta(seconds=rules.soon_seconds)) if due else longest


def _exempt(case: Case) -> bool:
    child = case.seen.child
    return case.job.spec.suspend or (child.managed and child.suspended)
