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
from imagejobs_operator.decide.observed import Case, Results

WRITE_SECONDS = 2.0
"""Between two progress writes of one job; also, a small job that is done within this time is not written as
running.
"""
QUEUED_SECONDS = 1.0
"""A small job that is done within this time of its first look is not written as queued."""
ANNOUNCE_SECONDS = 1.0
"""Between two announcements of live counts of one job."""
PROGRESS = ("counts", "estimated_remaining_seconds")


def write(case: Case, status: Status) -> tuple[Action, ...]:
    """Return what makes a new status known, where it differs from the job's."""
    before = case.job.status
    if status == before:
        return ()
    if not only_progress(before, status):
        early = _early(case, status) if _is_small(case.job) else 0.0
    elif _is_small(case.job) or not _is_a_step(before, status):
        return _live(case, status)
    else:
        early = _remaining(case.seen.past.written, WRITE_SECONDS, case.now)
    return (
        (*_live(case, status), Requeue(early))
        if early
        else (WriteStatus(status), announcement(case.job, status))
    )


def end(case: Case, state: State, reason: Reason, results: Results) -> tuple[Action, ...]:
    """Return what makes the end of a job known."""
    status = conditions.finished(case, (state, reason), results)
    good = state is not State.FAILED  # a job that was cancelled did as it was told
    told = Emit(reason, conditions.sentence(results.counts), warning=not good)
    return (WriteStatus(status), announcement(case.job, status), told)


def announcement(job: ImageJob, status: Status) -> Announce:
    """Return what tells the API how the job stands."""
    return Announce(Change(job.key, job.uid, status.state, status.counts))


def only_progress(before: Status, after: Status) -> bool:
    """Tell whether nothing but the counts and what follows from them differs."""
    return replace(after, **{name: getattr(before, name) for name in PROGRESS}) == before


def _early(case: Case, status: Status) -> float:
    """Return how many seconds too early it is to write that a small job goes on: it may end meanwhile."""
    past, before = case.seen.past, case.job.status.state
    if before is State.PENDING and status.state in (State.QUEUED, State.RUNNING) and _is_plain(status):
        return _remaining(past.met, QUEUED_SECONDS, case.now)
    if before is State.QUEUED and status.state is State.RUNNING:
        return _remaining(past.written, WRITE_SECONDS, case.now)
    return 0.0


def _is_plain(status: Status) -> bool:
    """Tell whether a status says nothing that must be kept or seen at once: which Job does the work, or what is wrong."""
    return not status.job_name and not any(
        each.type in (ConditionType.STALLED, ConditionType.CALLBACK_DELIVERED) for each in status.conditions
    )


def _live(case: Case, status: Status) -> tuple[Action, ...]:
    past = case.seen.past
    told = past.announced_counts or case.job.status.counts
    if status.counts == replace(
        told, total=status.counts.total
    ):  # the total is no news: it stands in the spec
        return ()
    early = _remaining(past.announced, ANNOUNCE_SECONDS, case.now)
    return (Requeue(early),) if early else (announcement(case.job, status),)


def _is_small(job: ImageJob) -> bool:
    return job.spec.total <= limits.MAX_STATUS_OUTCOMES


def _is_a_step(before: Status, after: Status) -> bool:
    step = after.counts.done - before.counts.done
    return step > 0 and 100 * step >= after.counts.total


def _remaining(last: datetime | None, seconds: float, now: datetime) -> float:
    """Return how long to wait; never longer than the interval, even when the clock went back."""
    return min(seconds, max(0.0, seconds - (now - last).total_seconds())) if last else 0.0
