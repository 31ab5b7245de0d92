"""Decides the actions for a job that the pool works on (pure).

The facts are the outcomes. The queue only shows which of the other images need not be sent; images that Redis
lost are therefore sent again.
"""

from collections.abc import Mapping
from datetime import timedelta

from imagejobs_contract.model import limits
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import ConditionType, Reason, State, Status, final_state
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
from imagejobs_operator.decide.moments import Phase
from imagejobs_operator.decide.observed import Observed, Results
from imagejobs_operator.decide.plan_input import PlanInput

WAITING = frozenset({State.QUEUED, State.RUNNING})
"""States in which a job waits for workers of the pool."""


def plan(given: PlanInput) -> tuple[Action, ...]:
    """Return the actions for a job that is to continue."""
    if question := collect_results(given):
        return question
    done = outcomes.find_current(given)
    if len(done) == given.job.spec.total:
        results = outcomes.summarise(given.job.spec.total, done, given.status.attempt)
        state, reason = final_state(results.counts, given.job.spec.max_failed_items)
        return (*cancel_tasks(given.seen), *finish(given, state, reason, results))
    writes = status_writes.throttle(given, _progress_status(given, done))
    return (*_send_tasks(given, done), *writes, *_put_counts(writes))


def collect_results(given: PlanInput) -> tuple[Action, ...]:
    """Return the action that reads outcomes of an earlier attempt, if they are in S3 and were not read."""
    in_storage = given.status.results_key is not None and given.seen.results is None
    return (CollectResults(given.status.attempt),) if in_storage else ()


def cancel_tasks(seen: Observed) -> tuple[Action, ...]:
    """Return the action that stops the work, or nothing if no task is left."""
    return (WithdrawTasks(),) if seen.in_queue else ()


def finish(given: PlanInput, state: State, reason: Reason, results: Results) -> tuple[Action, ...]:
    """Return the actions that end a pool job; outcomes that do not fit into the status go to S3 first."""
    if given.job.spec.total <= limits.MAX_STATUS_OUTCOMES:
        return status_writes.write_end(given, state, reason, results)
    lines = tuple(results.outcomes[index] for index in sorted(results.outcomes))
    return (WriteResults(lines), *status_writes.write_end(given, state, reason, results))


def says_no_worker(status: Status) -> bool:
    """Return whether the status says that the pool has no worker."""
    stalled = status.condition(ConditionType.STALLED)
    waits = status.state in WAITING and not status.job_name
    return waits and stalled is not None and stalled.status and stalled.reason is Reason.NO_WORKER


def _send_tasks(given: PlanInput, done: Mapping[int, Outcome]) -> tuple[Action, ...]:
    waiting = given.seen.in_queue
    absent = [index for index in range(given.job.spec.total) if index not in done and index not in waiting]
    indexes = tuple(absent[: max(0, given.policy.window - len(waiting))])
    return (
        (SendTasks(indexes, given.status.attempt, deadlines.task_lifetime_seconds(given)),) if indexes else ()
    )


def _put_counts(writes: tuple[Action, ...]) -> tuple[Action, ...]:
    counts = (each.change.counts for each in writes if isinstance(each, Announce))
    return tuple(PutCounts(each) for each in counts if each.done)


def _progress_status(given: PlanInput, done: Mapping[int, Outcome]) -> Status:
    status, seen = given.status, given.seen
    active = seen.counts.active if seen.counts else 0
    summed = outcomes.summarise(given.job.spec.total, done, status.attempt, active)
    counts = outcomes.monotonic(status.counts, summed.counts)
    started = (
        status.started is not None
        or active > 0
        or any(outcome.attempt == status.attempt for outcome in done.values())
    )
    given = given.with_status(counts=counts)
    if started:
        elapsed = (given.now - given.moment(Phase.STARTED, status.started)).total_seconds()
        seconds = deadlines.estimate_remaining_seconds(given.status, elapsed)
        given = given.with_status(estimated_remaining_seconds=seconds)
    status = conditions.running_status(given) if started else conditions.queued_status(given)
    if seen.workers == 0 and seen.speaks and _is_unattended(given, status):
        return conditions.stalled_status(given, status, Reason.NO_WORKER, "the pool has no running worker")
    return status


def _is_unattended(given: PlanInput, status: Status) -> bool:
    if says_no_worker(given.job.status):
        return True
    waits_since = max(given.moment(Phase.QUEUED, status.queued), given.policy.since)
    return given.now - waits_since >= timedelta(seconds=deadlines.UNATTENDED_SECONDS)
