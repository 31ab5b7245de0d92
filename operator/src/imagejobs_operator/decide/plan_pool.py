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
from imagejobs_operator.decide.observed import Case, Observed, Results

UNATTENDED_SECONDS = 30.0
"""A job that waits so long while no worker shows itself says so."""


def plan(case: Case) -> tuple[Action, ...]:
    """Return the actions for a job that shall go on."""
    if question := ask_results(case):
        return question
    done = outcomes.settled(case)
    if len(done) == case.job.spec.total:
        results = outcomes.results_of(case.job.spec.total, done)
        return (
            *quiet(case.seen),
            *finish(case, *final_state(results.counts, case.job.spec.max_failed_items), results),
        )
    told = status_writes.write(case, _progress(case, done))
    return (*_send(case, done), *told, *_live(told))


def ask_results(case: Case) -> tuple[Action, ...]:
    """Return the question for outcomes of an earlier attempt, where they lie in S3 and were not read."""
    in_storage = case.status.results_key is not None and case.seen.results is None
    return (CollectResults(case.status.attempt, max(1, case.status.shards)),) if in_storage else ()


def quiet(seen: Observed) -> tuple[Action, ...]:
    """Return what stops the work; nothing once it has stopped."""
    return (WithdrawTasks(),) if seen.waiting else ()


def finish(case: Case, state: State, reason: Reason, results: Results) -> tuple[Action, ...]:
    """Return what ends a pool job: many outcomes are in S3 before the status says so."""
    if case.job.spec.total <= limits.MAX_STATUS_OUTCOMES:
        return status_writes.end(case, state, reason, results)
    lines = tuple(results.outcomes[index] for index in sorted(results.outcomes))
    return (WriteResults(lines), *status_writes.end(case, state, reason, results))


def remaining(status: Status, elapsed_seconds: float) -> int | None:
    """Return the seconds that the rest will take if it goes on as it went, or None while nothing is done."""
    done = status.counts.done
    return int(max(0.0, elapsed_seconds) * (status.counts.total - done) / done) if done else None


def _send(case: Case, done: Mapping[int, Outcome]) -> tuple[Action, ...]:
    absent = [
        index for index in range(case.job.spec.total) if index not in done and index not in case.seen.waiting
    ]
    indexes = tuple(absent[: max(0, case.rules.window - len(case.seen.waiting))])
    return (SendTasks(indexes, case.status.attempt, deadlines.task_expires(case)),) if indexes else ()


def _live(told: tuple[Action, ...]) -> tuple[Action, ...]:
    counts = (each.change.counts for each in told if isinstance(each, Announce))
    return tuple(PutCounts(each) for each in counts if each.done)


def _progress(case: Case, done: Mapping[int, Outcome]) -> Status:
    status, seen = case.status, case.seen
    active = seen.counts.active if seen.counts else 0
    counts = outcomes.grown(status.counts, outcomes.results_of(case.job.spec.total, done, active).counts)
    begun = (
        status.started is not None
        or active > 0
        or any(outcome.attempt == status.attempt for outcome in done.values())
    )
    case = case.having(counts=counts)
    if begun:
        elapsed = (case.now - (status.started or case.now)).total_seconds()
        case = case.having(estimated_remaining_seconds=remaining(case.status, elapsed))
    status = conditions.running(case) if begun else conditions.queued(case)
    alone = case.now - max(status.queued or case.now, case.rules.since) >= timedelta(
        seconds=UNATTENDED_SECONDS
    )
    if seen.workers == 0 and alone:
        return conditions.stalled(case, status, Reason.NO_WORKER, "no worker of the pool shows itself")
    return status
