"""When a job has waited or run for too long, and when it is deleted (pure; the caller passes the time).

Time is measured on the clock that only counts (`moments`): setting a calendar ends no job. A deadline leaves
out the time before this operator started: after a machine was off for a night, its jobs go on.
"""

from datetime import datetime, timedelta

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import Reason, State, Status
from imagejobs_operator.decide.moments import Phase
from imagejobs_operator.decide.observed import Observed
from imagejobs_operator.decide.plan_input import PlanInput

MIN_TASK_SECONDS = 86_400.0
"""Shortest lifetime of a task. The operator withdraws the tasks of a job that is late; what outlives it is
rare, and must not be thrown away because Redis' clock was set.
"""
UNATTENDED_SECONDS = 30.0
"""A job that has waited this long while the pool has no worker is reported as stalled."""
DELETION_SECONDS = 90.0
"""Maximum wait for the pods of a deleted Job; the pods of a lost node never go."""


def passed_deadline(given: PlanInput) -> Reason | None:
    """Return the deadline that has passed, or None.

    A job that waits with permission (suspended, for Kueue's quota, or for pods of its owner) has no deadline.
    """
    if has_no_deadline(given) or deadline_of(given) > given.now:
        return None
    return Reason.DEADLINE_EXCEEDED if given.status.started else Reason.QUEUE_DEADLINE_EXCEEDED


def awaits_pods(status: Status) -> bool:
    """Return whether the status says that the job waits for pods of its owner, or for Kueue.

    It then has no time of queueing.
    """
    return status.state is State.QUEUED and status.queued is None


def deadline_of(given: PlanInput) -> datetime:
    """Return when a running job must have ended, or when a waiting job must have started."""
    since = given.policy.since
    if given.status.started:
        started = given.moment(Phase.STARTED, given.status.started)
        return max(started, since) + timedelta(seconds=given.job.spec.active_deadline_seconds)
    queued = given.moment(Phase.QUEUED, given.status.queued) if given.status.queued else since
    return max(queued, since) + timedelta(seconds=given.policy.queue_seconds)


def seconds_to_deadline(given: PlanInput) -> float | None:
    """Return the seconds to the deadline, or None if the resync comes first or there is no deadline."""
    left = (deadline_of(given) - given.now).total_seconds()
    return left if not has_no_deadline(given) and 0 < left <= given.policy.resync_seconds else None


def task_lifetime_seconds(given: PlanInput) -> float:
    """Return the age at which a task is no longer wanted, should no operator be left that withdraws it."""
    return max(MIN_TASK_SECONDS, given.policy.queue_seconds + given.job.spec.active_deadline_seconds)


def estimate_remaining_seconds(status: Status, elapsed_seconds: float) -> int | None:
    """Return the seconds that the open images will take at the speed so far; None before the first end."""
    done = status.counts.done
    return int(max(0.0, elapsed_seconds) * (status.counts.total - done) / done) if done else None


def deletion_time(job: ImageJob, seen: Observed, now: datetime) -> datetime | None:
    """Return when a finished job is deleted; None for one that a tool would make again, and so run again."""
    if not names.KEPT_BY.isdisjoint(job.labels) or not names.KEPT_BY.isdisjoint(job.annotations):
        return None
    stamp = job.status.completed or job.created
    ended = seen.moment(Phase.COMPLETED, stamp, now) if stamp else None
    return ended + timedelta(seconds=job.spec.ttl_seconds_after_finished) if ended else None


def has_no_deadline(given: PlanInput) -> bool:
    """Return whether the job waits with permission."""
    child = given.seen.child
    return given.job.spec.suspend or child.suspended or awaits_pods(given.job.status)
