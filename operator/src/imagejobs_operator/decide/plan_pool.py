"""What to do for a job that the pool works on (pure).

Facts are the outcomes; the queue only tells which of the other images need not be sent. What Redis forgot is
therefore sent again.
"""

from collections.abc import Mapping
from datetime import timedelta

from imagejobs_contract.model import limits
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import Reason, State, Status, final_state
from imagejobs_operator.decide import conditions, deadlines, outcomes, status_writes
from imagejobs_operator.decide.actions import (
    Action,
    Announce,
    CollectResults,
    PutCounts,
    SendTasks,
    WithdrawTasks,
    WriteResults,
)
from imagejobs_operator.decide.observed import Observed, PlanInput, Results

UNATTENDED_SECONDS = 30.0
"""A job that waits so long while no worker shows itself says so."""


def plan(given: PlanInput) -> tuple[Action, ...]:
    """Return the actions for a job that shall go on."""
    if question := collect_results(given):
        return question
    done = outcomes.current(given)
    if len(done) == given.job.spec.total:
        results = outcomes.summarise(given.job.spec.total, done)
        return (
            *cancel_tasks(given.seen),
            *finish(given, *final_state(results.counts, given.job.spec.max_failed_items), results),
        )
    told = status_writes.throttle(given, _progress(given, done))
    return (*_send(given, done), *told, *_put_counts(told))


def collect_results(given: PlanInput) -> tuple[Action, ...]:
    """Return the question for outcomes of an earlier attempt, where they lie in S3 and were not read."""
    in_storage = given.status.results_key is not None and given.seen.results is None
    return (CollectResults(given.status.attempt, max(1, given.status.shards)),) if in_storage else ()


def cancel_tasks(seen: Observed) -> tuple[Action, ...]:
    """Return what stops the work; nothing once it has stopped."""
    return (WithdrawTasks(),) if seen.waiting else ()


def finish(given: PlanInput, state: State, reason: Reason, results: Results) -> tuple[Action, ...]:
    """Return what ends a pool job: many outcomes are in S3 before the status says so."""
    if given.job.spec.total <= limits.MAX_STATUS_OUTCOMES:
        return status_writes.write_end(given, state, reason, results)
    lines = tuple(results.outcomes[index] for index in sorted(results.outcomes))
    return (WriteResults(lines), *status_writes.write_end(given, state, reason, results))


def estimate_remaining_seconds(status: Status, elapsed_seconds: float) -> int | None:
    """Return the seconds that the rest will take if it goes on as it went, or None while nothing is done."""
    done = status.counts.done
    return int(max(0.0, elapsed_seconds) * (status.counts.total - done) / done) if done else None


def _send(given: PlanInput, done: Mapping[int, Outcome]) -> tuple[Action, ...]:
    absent = [
        index
        for index in range(given.job.spec.total)
        if index not in done and index not in given.seen.waiting
    ]
    indexes = tuple(absent[: max(0, given.policy.window - len(given.seen.waiting))])
    return (SendTasks(indexes, given.status.attempt, deadlines.task_expiry(given)),) if indexes else ()


def _put_counts(told: tuple[Action, ...]) -> tuple[Action, ...]:
    counts = (each.change.counts for each in told if isinstance(each, Announce))
    return tuple(PutCounts(each) for each in counts if each.done)


def _progress(given: PlanInput, done: Mapping[int, Outcome]) -> Status:
    status, seen = given.status, given.seen
    active = seen.counts.active if seen.counts else 0
    counts = outcomes.monotonic(status.counts, outcomes.summarise(given.job.spec.total, done, active).counts)
    begun = (
        status.started is not None
        or active > 0
        or any(outcome.attempt == status.attempt for outcome in done.values())
    )
    given = given.with_status(counts=counts)
    if begun:
        elapsed = (given.now - (status.started or given.now)).total_seconds()
        given = given.with_status(
            estimated_remaining_seconds=estimate_remaining_seconds(given.status, elapsed)
        )
    status = conditions.running_status(given) if begun else conditions.queued_status(given)
    alone = given.now - max(status.queued or given.now, given.policy.since) >= timedelta(
        seconds=UNATTENDED_SECONDS
    )
    if seen.workers == 0 and alone:
        return conditions.stalled_status(
            given, status, Reason.NO_WORKER, "no worker of the pool shows itself"
        )
    return status
