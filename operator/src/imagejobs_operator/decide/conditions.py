"""Builds the status for each state, with the conditions that kstatus and `kubectl wait` read (pure).

Messages hold nothing that changes by itself (no times, no counters): an equal status is not written again.
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
from imagejobs_operator.decide.moments import Phase
from imagejobs_operator.decide.observed import Results
from imagejobs_operator.decide.plan_input import PlanInput

MAX_MESSAGE_CHARACTERS = 1024
MAX_TOLD_PLACE = 10
"""Jobs of an owner whose place in its queue is told: each end of one changes all of them."""
UNSIGNED = "the callback is not sent: the operator has no secret to sign it with (WEBHOOK_SECRETS)"
ACCEPTED = "the spec is valid"
WAITS = {
    Reason.QUEUED: "the images wait for a worker",
    Reason.RUNNING: "images are being processed",
    Reason.SUSPENDED: "spec.suspend is true",
}
"""Reason -> message for a job that is not finished."""
NOT_FINISHED = "the job has not ended"
Fact = tuple[ConditionType, bool, Reason, str]
"""A condition without its time."""
NOT_SUSPENDED: Fact = (ConditionType.SUSPENDED, False, Reason.NOT_SUSPENDED, "spec.suspend is false")
ONLY_WHILE_UNFINISHED = frozenset({ConditionType.RECONCILING, ConditionType.STALLED})
"""Conditions that a suspended job does not have, nor one that ended well."""


def pending_status(given: PlanInput) -> Status:
    """Return the status of a job that has not started."""
    return _reconciling(given.with_status(state=State.PENDING), Reason.QUEUED)


def queued_status(given: PlanInput) -> Status:
    """Return the status of a job whose images wait for a worker."""
    return _reconciling(given.with_status(state=State.QUEUED), Reason.QUEUED)


def held_status(given: PlanInput) -> Status:
    """Return the status of a job whose Job others have suspended; its deadline starts when that ends."""
    message = f"the Job {given.status.job_name} is suspended, and not by imagejobs: whoever did it resumes it"
    return _reconciling(given.with_status(state=State.QUEUED, queued=None), Reason.QUEUED, message)


def awaiting_status(given: PlanInput, place: int) -> Status:
    """Return the status of a job that waits for pods of its owner; its deadline starts when it gets some.

    Args:
        place: Its place among the owner's waiting jobs, from 1. It changes by itself, once for each job that
            gets pods; far behind it is not told, so that an end costs few writes.
    """
    told = f"place {place}" if place <= MAX_TOLD_PLACE else f"behind place {MAX_TOLD_PLACE}"
    given = given.with_status(state=State.QUEUED, queued=None)
    return _reconciling(
        given, Reason.QUEUED, f"the pods of its owner or namespace are all in use by other jobs: {told}"
    )


def unadmitted_status(given: PlanInput) -> Status:
    """Return the status of a job whose Job Kueue has not admitted, or has stopped for another.

    Its deadlines start again when Kueue admits it.
    """
    counts = replace(given.status.counts, active=0)
    given = given.with_status(
        state=State.QUEUED, counts=counts, queued=None, started=None, estimated_remaining_seconds=None
    )
    return _reconciling(given, Reason.QUEUED, "Kueue has not admitted its Job: see its LocalQueue")


def running_status(given: PlanInput) -> Status:
    """Return the status of a job with at least one image that a worker has started."""
    return _reconciling(
        given.with_status(state=State.RUNNING, started=given.status.started or _not_before_queued(given)),
        Reason.RUNNING,
    )


def suspended_status(given: PlanInput) -> Status:
    """Return the status of a suspended job; its deadlines start again when it resumes, as with a Job."""
    counts = replace(given.status.counts, active=0)
    given = given.with_status(
        state=State.SUSPENDED, counts=counts, queued=None, started=None, estimated_remaining_seconds=None
    )
    waits = (ConditionType.SUSPENDED, True, Reason.SUSPENDED, WAITS[Reason.SUSPENDED])
    return _with_conditions(
        _accepted(given), given.stamp, waits, *_not_finished(Reason.SUSPENDED), without=ONLY_WHILE_UNFINISHED
    )


def stalled_status(given: PlanInput, status: Status, reason: Reason, message: str) -> Status:
    """Return the status with the condition Stalled, which says why the job cannot continue.

    The operator keeps trying; the condition goes when the job continues.
    """
    before = given.job.status.condition(ConditionType.STALLED)
    return _stalled(status, before.since if before and before.since else given.stamp, reason, message)


def refused_status(
    job: ImageJob, now: datetime, message: str, reason: Reason = Reason.INVALID_SPEC
) -> Status:
    """Return the status of a job whose spec is not accepted."""
    status = replace(job.status, observed_generation=job.generation)
    status = _with_conditions(
        status, now, (ConditionType.ACCEPTED, False, reason, message[:MAX_MESSAGE_CHARACTERS])
    )
    return _stalled(status, now, reason, message)


def finished_status(given: PlanInput, end: tuple[State, Reason], results: Results) -> Status:
    """Return the status of a finished job."""
    state, reason = end
    status = given.status
    began = (
        given.moment(Phase.STARTED, status.started)
        if status.started
        else given.moment(Phase.QUEUED, status.queued)
    )
    started = status.started or status.queued or given.stamp
    given = given.with_status(
        state=state,
        started=started,
        completed=max(started, given.stamp),
        duration_seconds=max(0, int((given.now - began).total_seconds())),
    )
    status = _with_results(given, results)
    message = summary(results.counts)
    complete, failed = state in (State.SUCCEEDED, State.PARTIALLY_SUCCEEDED), state is State.FAILED
    facts: tuple[Fact, ...] = (
        NOT_SUSPENDED,
        (ConditionType.FINISHED, True, reason, message),
        (ConditionType.COMPLETE, complete, reason, message),
        (ConditionType.FAILED, failed, reason if failed else Reason.NOT_FAILED, message),
    )
    if failed:  # kstatus knows no other sign: without it Flux and Helm take a failed job for a good one
        facts += ((ConditionType.STALLED, True, reason, message),)
    status = _with_conditions(status, given.stamp, *facts, without=ONLY_WHILE_UNFINISHED)
    return with_callback_due(given, status, status.attempt) if given.job.spec.callback_url else status


def with_callback_due(given: PlanInput, status: Status, attempt: int) -> Status:
    """Return the status of a finished job whose callback is due."""
    due = Callback(
        CallbackState.PENDING, attempt, given.job.spec.repeat_callback, since=given.stamp, next=given.stamp
    )
    reason, message = (
        (Reason.CALLBACK_PENDING, "the callback has not been delivered yet")
        if given.policy.callbacks
        else (Reason.CALLBACK_UNSIGNED, UNSIGNED)
    )
    return with_callback(given, status, due, reason, message)


def with_callback(
    given: PlanInput, status: Status, callback: Callback, reason: Reason, message: str
) -> Status:
    """Return the status with this callback and the condition CallbackDelivered."""
    delivered = callback.state is CallbackState.DELIVERED
    fact = (ConditionType.CALLBACK_DELIVERED, delivered, reason, message[:MAX_MESSAGE_CHARACTERS])
    return _with_conditions(replace(status, callback=callback), given.stamp, fact)


def summary(counts: Counts) -> str:
    """Return one sentence about how a job ended."""
    left = counts.total - counts.done
    return f"{counts.succeeded} of {counts.total} images succeeded, {counts.failed} failed" + (
        f", {left} were not processed" if left else ""
    )


def acknowledged_status(job: ImageJob) -> Status:
    """Return the status of a finished job after a change of its spec that starts no attempt."""
    return replace(
        job.status,
        observed_generation=job.generation,
        attempt=max(job.status.attempt, desired_attempt(job.spec)),
    )


def _not_before_queued(given: PlanInput) -> datetime:
    return max(given.stamp, given.status.queued or given.stamp)


def _with_results(given: PlanInput, results: Results) -> Status:
    small = given.job.spec.total <= limits.MAX_STATUS_OUTCOMES
    in_status = small and not given.status.job_name
    return replace(
        _accepted(given),
        counts=results.counts,
        failures=results.failures,
        failure_codes=results.failure_codes,
        bytes_in=results.bytes_in,
        bytes_out=results.bytes_out,
        cpu_milliseconds=results.cpu_milliseconds,
        attempt_receipt=results.attempt_receipt if given.status.attempt > 1 else None,
        estimated_remaining_seconds=None,
        outcomes=tuple(results.outcomes[index] for index in sorted(results.outcomes)) if small else (),
        results_key=None if in_status else f"{s3_keys.job(given.job.uid)}results/",
    )


def _reconciling(given: PlanInput, reason: Reason, message: str = "") -> Status:
    reconciling = (ConditionType.RECONCILING, True, reason, message or WAITS[reason])
    facts = (NOT_SUSPENDED, *_not_finished(reason), reconciling)
    return _with_conditions(_accepted(given), given.stamp, *facts, without=ONLY_WHILE_UNFINISHED)


def _accepted(given: PlanInput) -> Status:
    """Return the status with condition Accepted and the observed generation.

    The generation stays the old one while the new one asks for an attempt that has not begun.
    """
    behind = desired_attempt(given.job.spec) > given.status.attempt and not given.job.spec.cancel
    status = replace(
        given.status, observed_generation=given.status.observed_generation if behind else given.job.generation
    )
    class_name = given.job.spec.class_name
    message = f"{ACCEPTED}; the operator of class {class_name} runs it" if class_name else ACCEPTED
    facts: tuple[Fact, ...] = ((ConditionType.ACCEPTED, True, Reason.ACCEPTED, message),)
    if given.job.spec.callback_url and not given.policy.callbacks:
        # Shown while there is time to set the secret. The API refuses such a job; kubectl does not.
        facts += ((ConditionType.CALLBACK_DELIVERED, False, Reason.CALLBACK_UNSIGNED, UNSIGNED),)
    return _with_conditions(status, given.stamp, *facts, without={ConditionType.CALLBACK_DELIVERED})


def _not_finished(reason: Reason) -> tuple[Fact, ...]:
    others = (
        (kind, False, Reason.NOT_FINISHED, NOT_FINISHED)
        for kind in (ConditionType.COMPLETE, ConditionType.FAILED)
    )
    return ((ConditionType.FINISHED, False, reason, WAITS[reason]), *others)


def _stalled(status: Status, now: datetime, reason: Reason, message: str) -> Status:
    """Return the status with condition Stalled and without Reconciling, as kstatus wants it.

    Finished tells the same, because `kubectl get` shows its reason.
    """
    message = message[:MAX_MESSAGE_CHARACTERS]
    return _with_conditions(
        status,
        now,
        (ConditionType.FINISHED, False, reason, message),
        (ConditionType.STALLED, True, reason, message),
        without={ConditionType.RECONCILING},
    )


def _with_conditions(
    status: Status, now: datetime, *facts: Fact, without: Collection[ConditionType] = ()
) -> Status:
    """Return the status with all of these conditions.

    In one call: each copy of a status costs some microseconds, and a job has many.
    """
    generation = status.observed_generation
    return status.with_conditions(*(Condition(*fact, now, generation) for fact in facts), without=without)
