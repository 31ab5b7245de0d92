"""When a status is worth a write (pure): each change of state at once, progress of long jobs now and then, nothing that says the same.

A small job that ends at once is written once. Else it is written when it is queued, perhaps when it runs
long, and when it ended: with its creation, one event and its deletion that is at most six writes to the API
server in its whole life.
"""

from dataclasses import replace
from datetime import datetime

from imagejobs_contract.model import limits
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import ConditionType, Reason, State, Status
from imagejobs_contract.ports import Change
from imagejobs_operator.decide import conditions
from imagejobs_operator.decide.actions import Action, Announce, Emit, Requeue, WriteStatus
from imagejobs_operator.decide.observed import PlanInput, Results

WRITE_SECONDS = 2.0
"""Between two progress writes of one job; also, a small job that is done within this time is not written as
running.
"""
QUEUED_SECONDS = 1.0
"""A small job that is done within this time of its first look is not written as queued."""
ANNOUNCE_SECONDS = 1.0
"""Between two announcements of live counts of one job."""
PROGRESS = ("counts", "estimated_remaining_seconds")


def throttle(given: PlanInput, status: Status) -> tuple[Action, ...]:
    """Return what makes a new status known, where it differs from the job's."""
    before = given.job.status
    if status == before:
        return ()
    if not differs_only_in_progress(before, status):
        early = _seconds_too_early(given, status) if _is_small(given.job) else 0.0
    elif _is_small(given.job) or not _is_a_step(before, status):
        return _announce_progress(given, status)
    else:
        early = _seconds_left(given.seen.history.written, WRITE_SECONDS, given.now)
    return (
        (*_announce_progress(given, status), Requeue(early))
        if early
        else (WriteStatus(status), announce(given.job, status))
    )


def write_end(given: PlanInput, state: State, reason: Reason, results: Results) -> tuple[Action, ...]:
    """Return what makes the end of a job known."""
    status = conditions.finished_status(given, (state, reason), results)
    good = state is not State.FAILED  # a job that was cancelled did as it was told
    told = Emit(reason, conditions.summary(results.counts), warning=not good)
    return (WriteStatus(status), announce(given.job, status), told)


def announce(job: ImageJob, status: Status) -> Announce:
    """Return what tells the API how the job stands."""
    return Announce(Change(job.key, job.uid, status.state, status.counts))


def differs_only_in_progress(before: Status, after: Status) -> bool:
    """Tell whether nothing but the counts and what follows from them differs."""
    return replace(after, **{name: getattr(before, name) for name in PROGRESS}) == before


def _seconds_too_early(given: PlanInput, status: Status) -> float:
    """Return how many seconds too early it is to write that a small job goes on: it may end meanwhile."""
    history, before = given.seen.history, given.job.status.state
    if before is State.PENDING and status.state in (State.QUEUED, State.RUNNING) and _is_plain(status):
        return _seconds_left(history.first_seen, QUEUED_SECONDS, given.now)
    if before is State.QUEUED and status.state is State.RUNNING:
        return _seconds_left(history.written, WRITE_SECONDS, given.now)
    return 0.0


def _is_plain(status: Status) -> bool:
    """Tell whether a status says nothing that must be kept or seen at once: which Job does the work, or what is wrong."""
    return not status.job_name and not any(
        each.type in (ConditionType.STALLED, ConditionType.CALLBACK_DELIVERED) for each in status.conditions
    )


def _announce_progress(given: PlanInput, status: Status) -> tuple[Action, ...]:
    history = given.seen.history
    told = history.announced_counts or given.job.status.counts
    if status.counts == replace(
        told, total=status.counts.total
    ):  # the total is no news: it stands in the spec
        return ()
    early = _seconds_left(history.announced, ANNOUNCE_SECONDS, given.now)
    return (Requeue(early),) if early else (announce(given.job, status),)


def _is_small(job: ImageJob) -> bool:
    return job.spec.total <= limits.MAX_STATUS_OUTCOMES


def _is_a_step(before: Status, after: Status) -> bool:
    step = after.counts.done - before.counts.done
    return step > 0 and 100 * step >= after.counts.total


def _seconds_left(last: datetime | None, seconds: float, now: datetime) -> float:
    """Return how long to wait; never longer than the interval, even when the clock went back."""
    return min(seconds, max(0.0, seconds - (now - last).total_seconds())) if last else 0.0
