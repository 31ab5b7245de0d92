"""The status of a job in each of its states, with the conditions that kstatus and `kubectl wait` read (pure).

Texts hold nothing that changes by itself: a status that says the same is not written again.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from imagejobs_contract.model import limits
from imagejobs_contract.model.attempts import desired_attempt
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import (
    Callback,
    CallbackState,
    Condition,
    ConditionType,
    Reason,
    State,
    Status,
)
from imagejobs_contract.wire import s3_keys
from imagejobs_operator.decide.observed import Case, Results

MAX_MESSAGE = 1024
UNSIGNED = "nobody is told: the operator has nothing to sign with (WEBHOOK_SECRETS)"
ACCEPTED = "the spec can be run as it stands"
WAITS = {
    Reason.QUEUED: "the images wait for a worker",
    Reason.RUNNING: "images are being worked on",
    Reason.SUSPENDED: "the job was asked to wait",
}
"""Why a job is not finished, for people."""
NOT_FINISHED = "the job has not ended"
Fact = tuple[ConditionType, bool, Reason, str]
"""A condition without its time."""
SUSPENDED_NOT: Fact = (ConditionType.SUSPENDED, False, Reason.NOT_SUSPENDED, "nobody asked the job to wait")
GOING_ON = frozenset({ConditionType.RECONCILING, ConditionType.STALLED})
"""What stands there only while a job is on its way, or cannot go on."""


def pending(case: Case) -> Status:
    """Return the status of a job that nobody has taken up yet."""
    return _going_on(case.having(state=State.PENDING), Reason.QUEUED)


def queued(case: Case) -> Status:
    """Return the status of a job whose images wait."""
    return _going_on(case.having(state=State.QUEUED), Reason.QUEUED)


def running(case: Case) -> Status:
    """Return the status of a job of which an image was taken."""
    return _going_on(
        case.having(state=State.RUNNING, started=case.status.started or case.now), Reason.RUNNING
    )


def suspended(case: Case) -> Status:
    """Return the status of a job that was asked to wait; its clocks start anew when it goes on, as a Job's do."""
    counts = replace(case.status.counts, active=0)
    case = case.having(
        state=State.SUSPENDED, counts=counts, queued=None, started=None, estimated_remaining_seconds=None
    )
    waits = (ConditionType.SUSPENDED, True, Reason.SUSPENDED, WAITS[Reason.SUSPENDED])
    return _with(_accepted(case), case.now, waits, *_not_finished(Reason.SUSPENDED), without=GOING_ON)


def stalled(case: Case, status: Status, reason: Reason, message: str) -> Status:
    """Return a status that says why the job cannot go on.

    It is tried again, and loses the condition once it can.
    """
    before = case.job.status.condition(ConditionType.STALLED)
    return _stuck(status, before.since if before and before.since else case.now, reason, message)


def refused(job: ImageJob, now: datetime, message: str) -> Status:
    """Return the status of a job whose spec cannot be run as it stands."""
    status = replace(job.status, observed_generation=job.generation)
    status = _with(status, now, (ConditionType.ACCEPTED, False, Reason.INVALID_SPEC, message[:MAX_MESSAGE]))
    return _stuck(status, now, Reason.INVALID_SPEC, message)


def finished(case: Case, end: tuple[State, Reason], results: Results) -> Status:
    """Return the status of a job that ended."""
    state, reason = end
    started = case.status.started or case.status.queued or case.now
    case = case.having(
        state=state,
        started=started,
        completed=case.now,
        duration_seconds=max(0, int((case.now - started).total_seconds())),
    )
    status = _with_results(case, results)
    message = sentence(results.counts)
    complete, failed = state in (State.SUCCEEDED, State.PARTIALLY_SUCCEEDED), state is State.FAILED
    facts: tuple[Fact, ...] = (
        SUSPENDED_NOT,
        (ConditionType.FINISHED, True, reason, message),
        (ConditionType.COMPLETE, complete, reason, message),
        (ConditionType.FAILED, failed, reason if failed else Reason.NOT_FAILED, message),
    )
    status = _with(status, case.now, *facts, without=GOING_ON)
    return callback_due(case, status, status.attempt) if case.job.spec.callback_url else status


def callback_due(case: Case, status: Status, attempt: int) -> Status:
    """Return the status of an ended job of which somebody is to be told."""
    due = Callback(
        CallbackState.PENDING, attempt, case.job.spec.repeat_callback, since=case.now, next=case.now
    )
    reason, message = (
        (Reason.CALLBACK_PENDING, "the receiver has not been told yet")
        if case.rules.callbacks
        else (Reason.CALLBACK_UNSIGNED, UNSIGNED)
    )
    return callback_ended(case, status, due, reason, message)


def callback_ended(case: Case, status: Status, callback: Callback, reason: Reason, message: str) -> Status:
    """Return the status after a try to tell somebody, or without one."""
    delivered = callback.state is CallbackState.DELIVERED
    told = (ConditionType.CALLBACK_DELIVERED, delivered, reason, message[:MAX_MESSAGE])
    return _with(replace(status, callback=callback), case.now, told)


def sentence(counts: Counts) -> str:
    """Return how a job ended, for people."""
    left = counts.total - counts.done
    return f"{counts.succeeded} of {counts.total} images succeeded, {counts.failed} failed" + (
        f", {left} were not done" if left else ""
    )


def acknowledged(job: ImageJob) -> Status:
    """Return the status of an ended job after a change of its spec that changes nothing about it."""
    return replace(
        job.status,
        observed_generation=job.generation,
        attempt=max(job.status.attempt, desired_attempt(job.spec)),
    )


def _with_results(case: Case, results: Results) -> Status:
    small = case.job.spec.total <= limits.MAX_STATUS_OUTCOMES
    return replace(
        _accepted(case), counts=results.counts, failures=results.failures, failure_codes=results.failure_codes, bytes_in=results.bytes_in,
        bytes_out=results.bytes_out, estimated_remaining_seconds=None,
        outcomes=tuple(results.outcomes[index] for index in sorted(results.outcomes)) if small else (),
        results_key=None if small and not case.status.job_name else f"{s3_keys.job(case.job.uid)}results/",
    )  # fmt: skip


def _going_on(case: Case, reason: Reason) -> Status:
    facts = (SUSPENDED_NOT, *_not_finished(reason), (ConditionType.RECONCILING, True, reason, WAITS[reason]))
    return _with(_accepted(case), case.now, *facts, without=GOING_ON)


def _accepted(case: Case) -> Status:
    """Return the status with the generation that was acted upon: not yet the newest, if that asks for an attempt that is still to come."""
    behind = desired_attempt(case.job.spec) > case.status.attempt and not case.job.spec.cancel
    status = replace(
        case.status, observed_generation=case.status.observed_generation if behind else case.job.generation
    )
    facts: tuple[Fact, ...] = ((ConditionType.ACCEPTED, True, Reason.ACCEPTED, ACCEPTED),)
    if case.job.spec.callback_url and not case.rules.callbacks:
        # Told while there is time to set it; the API takes no such job.
        facts += ((ConditionType.CALLBACK_DELIVERED, False, Reason.CALLBACK_UNSIGNED, UNSIGNED),)
    return _with(status, case.now, *facts, without={ConditionType.CALLBACK_DELIVERED})


def _not_finished(reason: Reason) -> tuple[Fact, ...]:
    others = (
        (kind, False, Reason.NOT_FINISHED, NOT_FINISHED)
        for kind in (ConditionType.COMPLETE, ConditionType.FAILED)
    )
    return ((ConditionType.FINISHED, False, reason, WAITS[reason]), *others)


def _stuck(status: Status, now: datetime, reason: Reason, message: str) -> Status:
    """Return the status of what cannot go on, which is not reconciling then."""
    return _with(
        status,
        now,
        (ConditionType.STALLED, True, reason, message[:MAX_MESSAGE]),
        without={ConditionType.RECONCILING},
    )


def _with(status: Status, now: datetime, *facts: Fact, without: Collection[ConditionType] = ()) -> Status:
    """Return the status with all of these conditions at once: each copy of a status costs some microseconds, and a job passes many."""
    generation = status.observed_generation
    return status.with_conditions(*(Condition(*fact, now, generation) for fact in facts), without=without)
