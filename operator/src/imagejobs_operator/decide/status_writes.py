"""Decides when a status is worth a write (pure).

Each change of state is written at once, progress of large jobs now and then, an equal status never.

A small job that ends at once is written once. Otherwise it is written when it is queued, perhaps when it runs
for long, and when it ended: with its creation, one event and its deletion that is at most six writes to the
API server in its whole life. So a small job has no event for its start, which its status tells.
"""

from dataclasses import replace
from datetime import datetime

from imagejobs_contract.model import limits
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import ConditionType, Reason, State, Status
from imagejobs_contract.ports import Change
from imagejobs_operator.decide import conditions
from imagejobs_operator.decide.actions import Action, Announce, Emit, Requeue, WriteStatus
from imagejobs_operator.decide.observed import Results
from imagejobs_operator.decide.plan_input import PlanInput

WRITE_SECONDS = 2.0
"""Minimum time between two progress writes of one job. A small job that ends within this time is not written
as running.
"""
QUEUED_SECONDS = 1.0
"""A small job that ends within this time after it was first seen is not written as queued."""
PROGRESS_STEPS = 25
"""Progress writes of one large job at most, however slow it is: with its states, its Job and its Events that
makes less than 40 writes. Live counts are on the board.
"""
ANNOUNCE_SECONDS = 1.0
"""Minimum time between two announcements of live counts of one job."""
PROGRESS = ("counts", "estimated_remaining_seconds")


def throttle(given: PlanInput, status: Status) -> tuple[Action, ...]:
    """Return the actions that publish a new status now, or a requeue for when it may be written.

    Nothing if the status equals the job's.
    """
    before = given.job.status
    if status == before:
        return ()
    if not differs_only_in_progress(before, status):
        early = _seconds_too_early(given, status) if _is_small(given.job) else 0.0
    elif _is_small(given.job) or not _is_a_step(before, status):
        return _announce_progress(given, status)
    else:
        early = _seconds_left(given.seen.history.written, WRITE_SECONDS, given.now)
    if early:
        return (*_announce_progress(given, status), Requeue(early))
    return (WriteStatus(status), announce(given.job, status), *list_news(given.job, status))


def list_news(job: ImageJob, status: Status) -> tuple[Emit, ...]:
    """Return the events that go with a write of the status of a job that goes on.

    One for its start, suspension, resumption, retry, and each new reason for which it cannot continue.
    """
    before, events = job.status, list[Emit]()
    if status.state.final:
        return ()
    if before.attempt and status.attempt > before.attempt:
        events.append(Emit(Reason.RETRIED, f"attempt {status.attempt} begins"))
    if status.state is State.SUSPENDED and before.state is not State.SUSPENDED:
        events.append(Emit(Reason.SUSPENDED, conditions.WAITS[Reason.SUSPENDED]))
    if before.state is State.SUSPENDED and status.state is not State.SUSPENDED:
        events.append(Emit(Reason.RESUMED, conditions.NOT_SUSPENDED[3]))
    if status.state is State.RUNNING and before.state is not State.RUNNING and not _is_small(job):
        events.append(Emit(Reason.STARTED, conditions.WAITS[Reason.RUNNING]))
    was, stalled = before.condition(ConditionType.STALLED), status.condition(ConditionType.STALLED)
    if stalled and stalled.status and not (was and was.status and was.reason is stalled.reason):
        events.append(Emit(stalled.reason, stalled.message, warning=True))
    return tuple(events)


def write_end(given: PlanInput, state: State, reason: Reason, results: Results) -> tuple[Action, ...]:
    """Return the actions that publish the end of a job: status, announcement, event."""
    status = conditions.finished_status(given, (state, reason), results)
    # A job that was cancelled did what was asked of it: no warning.
    event = Emit(reason, conditions.summary(results.counts), warning=state is State.FAILED)
    return (WriteStatus(status), announce(given.job, status), event)


def announce(job: ImageJob, status: Status) -> Announce:
    """Return the announcement of a status to the API."""
    return Announce(Change(job.key, job.uid, status.state, status.counts))


def differs_only_in_progress(before: Status, after: Status) -> bool:
    """Return whether two statuses differ in nothing but the counts and the time computed from them."""
    return replace(after, **{name: getattr(before, name) for name in PROGRESS}) == before


def _seconds_too_early(given: PlanInput, status: Status) -> float:
    """Return how long to hold back the news that a small job continues, because it may end meanwhile."""
    history, before = given.seen.history, given.job.status.state
    if before is State.PENDING and status.state in (State.QUEUED, State.RUNNING) and _is_plain(status):
        return _seconds_left(history.first_seen, QUEUED_SECONDS, given.now)
    if before is State.QUEUED and status.state is State.RUNNING:
        return _seconds_left(history.written, WRITE_SECONDS, given.now)
    return 0.0


def _is_plain(status: Status) -> bool:
    """Return whether a status holds nothing that must be stored or shown at once: a Job's name, trouble."""
    return not status.job_name and not any(
        each.type in (ConditionType.STALLED, ConditionType.CALLBACK_DELIVERED) for each in status.conditions
    )


def _announce_progress(given: PlanInput, status: Status) -> tuple[Action, ...]:
    history = given.seen.history
    announced = history.announced_counts or given.job.status.counts
    # A new total alone is no news: the reader has it from the spec.
    if status.counts == replace(announced, total=status.counts.total):
        return ()
    early = _seconds_left(history.announced, ANNOUNCE_SECONDS, given.now)
    return (Requeue(early),) if early else (announce(given.job, status),)


def _is_small(job: ImageJob) -> bool:
    return job.spec.total <= limits.MAX_STATUS_OUTCOMES


def _is_a_step(before: Status, after: Status) -> bool:
    """Return whether a step of the progress ended since the last write."""
    step = after.counts.done - before.counts.done
    return step > 0 and PROGRESS_STEPS * step >= after.counts.total


def _seconds_left(last: datetime | None, seconds: float, now: datetime) -> float:
    """Return how long to wait; never longer than the interval, even if the clock went back."""
    return min(seconds, max(0.0, seconds - (now - last).total_seconds())) if last else 0.0
