"""Decide: an ImageJob as it stands, what was read of the world, the time -> the actions to take, in order (pure).

Level-triggered: never "was X, now Y". Whatever was lost, done twice or half done, the next plan starts from
what is there. The order of the questions is the order of precedence: deletion, end, cancel, deadline,
suspend, work.
"""

from datetime import datetime

from imagejobs_contract.codes import Code
from imagejobs_contract.model.attempts import current_attempt, retry_requested
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import FINALIZER
from imagejobs_contract.model.spec import DeletionPolicy
from imagejobs_contract.model.status import Reason, State, final_state
from imagejobs_operator.decide import (
    actions,
    attempts,
    conditions,
    deadlines,
    late_writes,
    outcomes,
    plan_callback,
    plan_job,
    plan_pool,
    status_writes,
)
from imagejobs_operator.decide.actions import Action, Requeue
from imagejobs_operator.decide.attempts import Runner
from imagejobs_operator.decide.observed import Case, Observed, Presence, Results, Rules

FINALIZER_SECONDS = 3600.0
"""Outputs that cannot be deleted for so long after nobody stores any more no longer hold up the deletion of
the job.
"""
TOO_LATE = {
    Reason.DEADLINE_EXCEEDED: "the job's deadline passed",
    Reason.QUEUE_DEADLINE_EXCEEDED: "the job waited too long for a worker",
}


def plan(job: ImageJob, seen: Observed, now: datetime, rules: Rules) -> tuple[Action, ...]:
    """Return what to do about a job, in order; () when nothing is to be done."""
    if job.deleting:
        return _deletion(job, seen, now, rules)
    if job.spec.output.deletion_policy is DeletionPolicy.DELETE and FINALIZER not in job.finalizers:
        return (
            actions.AddFinalizer(),
            Requeue(0.0),
        )  # before there is anything to delete; the API's jobs come with it
    case = Case(job, attempts.opened(job, now, seen.past.met), seen, now, rules)
    if job.status.state.final and not retry_requested(job):
        return _ended(case)
    return _unfinished(case)


def _unfinished(case: Case) -> tuple[Action, ...]:
    runner = attempts.runner(case)
    if case.job.spec.cancel:
        return _stop(case, runner, State.CANCELLED, Reason.CANCELLED)
    if late := deadlines.overdue(case):
        return _stop(case, runner, State.FAILED, late)
    if case.job.spec.suspend:
        return _suspend(case, runner)
    work = _work(case, runner)
    wake = deadlines.wake_seconds(case)
    return work if wake is None else (*work, Requeue(wake))


def _work(case: Case, runner: Runner) -> tuple[Action, ...]:
    if runner is Runner.POOL:
        return plan_pool.plan(case)
    if runner is Runner.JOB:
        return plan_job.plan(case)
    return status_writes.write(
        case, conditions.stalled(case, conditions.pending(case), Reason.NO_RUNNER, _no_runner(case.job))
    )


def _stop(case: Case, runner: Runner, state: State, reason: Reason) -> tuple[Action, ...]:
    """End a job early: first whoever works on it stops, so that the last outcomes are known, then the end is written."""
    if withdraw := plan_pool.quiet(case.seen):
        return (*withdraw, *plan_job.quiet(case), Requeue(0.0))
    if wait := plan_job.quiet(case):
        return wait
    if runner is Runner.JOB:
        return _stop_job(case, state, reason)
    return _stop_pool(case, state, reason) if runner is Runner.POOL else _stop_unbegun(case, state, reason)


def _stop_pool(case: Case, state: State, reason: Reason) -> tuple[Action, ...]:
    if question := plan_pool.ask_results(case):
        return question
    done, total = outcomes.settled(case), case.job.spec.total
    if state is State.FAILED and len(done) == total:
        return plan_pool.plan(case)
    if state is State.FAILED:
        done = outcomes.with_failures(case, done, Code.PROCESSING_TIMEOUT, TOO_LATE[reason])
    return plan_pool.finish(case, state, reason, outcomes.results_of(total, done))


def _stop_job(case: Case, state: State, reason: Reason) -> tuple[Action, ...]:
    results = case.seen.results
    if results is None:
        return plan_job.ask_results(case)
    if not results.prepared:
        return _stop_unbegun(case, state, reason)
    if state is State.FAILED and (filling := plan_job.fill(case, Code.PROCESSING_TIMEOUT, TOO_LATE[reason])):
        return filling
    if state is State.FAILED and Code.PROCESSING_TIMEOUT not in results.failure_codes:
        # All images had ended in time; only their end was not written.
        state, reason = final_state(results.counts, case.job.spec.max_failed_items)
    return status_writes.end(case, state, reason, results)


def _stop_unbegun(case: Case, state: State, reason: Reason) -> tuple[Action, ...]:
    unbegun = (
        Results(case.status.counts)
        if state is State.CANCELLED
        else outcomes.without_lines(case, Code.PROCESSING_TIMEOUT)
    )
    return status_writes.end(case, state, reason, unbegun)


def _suspend(case: Case, runner: Runner) -> tuple[Action, ...]:
    """Stop the work, unless none is left: a job whose last image ended just before has nothing to wait for."""
    if still := (*plan_pool.quiet(case.seen), *plan_job.suspend(case)):
        return (*still, Requeue(0.0)) if case.seen.waiting else still
    if runner is Runner.POOL and (question := plan_pool.ask_results(case)):
        return question
    over = (
        len(outcomes.settled(case)) == case.job.spec.total
        if runner is Runner.POOL
        else bool(case.seen.child.ended)
    )
    return _work(case, runner) if over else status_writes.write(case, conditions.suspended(case))


def _no_runner(job: ImageJob) -> str:
    if job.spec.manifest:
        return "a manifest needs Jobs, which this operator may not or cannot create"
    return "neither the pool nor Jobs may run it as it is asked for"


def _ended(case: Case) -> tuple[Action, ...]:
    status = plan_callback.news(case, conditions.acknowledged(case.job))
    told = (*status_writes.write(case, status), *plan_callback.tell(case.job.status, status))
    if plan_callback.waits(status):
        return told or plan_callback.send(case)
    at = deadlines.forget_at(case.job)
    left = (at - case.now).total_seconds() if at else None
    if left is not None and left <= 0 and FINALIZER in case.job.finalizers:
        return (
            actions.DeleteImageJob(),
            Requeue(0.0),
        )  # its outputs are found by its files: they go together, while it waits
    if left is not None and left <= 0:
        return (actions.DeleteFiles(), actions.Forget(), actions.DeleteImageJob())
    wake = (Requeue(left),) if left is not None and left <= case.rules.soon_seconds else ()
    return (*told, *wake)


def _deletion(job: ImageJob, seen: Observed, now: datetime, rules: Rules) -> tuple[Action, ...]:
    ours = seen.child.presence is Presence.OURS and seen.child.deleting_since is None
    stop = (
        (actions.WithdrawTasks(), actions.DeleteJob(current_attempt(job)))
        if ours
        else (actions.WithdrawTasks(),)
    )
    if FINALIZER not in job.finalizers:
        return stop  # it waits for somebody else
    since = seen.past.deleting_since
    if since and (now - since).total_seconds() >= FINALIZER_SECONDS + late_writes.longest(rules):
        return (
            actions.Emit(Reason.STORAGE_UNAVAILABLE, "its outputs could not be deleted", warning=True),
            actions.RemoveFinalizer(),
        )
    if (left := late_writes.left(job, seen, now, rules)) > 0:
        return (*stop, Requeue(left))
    outputs = actions.DeleteOutputs(max(1, job.status.shards or attempts.shards(job.spec)))
    return (*stop, outputs, actions.DeleteFiles(), actions.Forget(), actions.RemoveFinalizer())
