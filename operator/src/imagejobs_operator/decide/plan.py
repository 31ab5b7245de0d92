"""Decide: an ImageJob as it stands, what was read of the world, the time -> the actions to take, in order (pure).

Level-triggered: never "was X, now Y". Whatever was lost, done twice or half done, the next plan starts from
what is there. The order of the questions is the order of precedence: deletion, end, cancel, deadline,
suspend, work.
"""

from datetime import datetime

from imagejobs_contract.codes import Code
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
from imagejobs_operator.decide.observed import Observed, PlanInput, Policy, Presence, Results

FINALIZER_SECONDS = 3600.0
"""Outputs that cannot be deleted for so long after nobody stores any more no longer hold up the deletion of
the job.
"""
TOO_LATE = {
    Reason.DEADLINE_EXCEEDED: "the job's deadline passed",
    Reason.QUEUE_DEADLINE_EXCEEDED: "the job waited too long for a worker",
}


def plan(job: ImageJob, seen: Observed, now: datetime, policy: Policy) -> tuple[Action, ...]:
    """Return what to do about a job, in order; () when nothing is to be done."""
    if job.deleting:
        return _plan_deletion(job, seen, now, policy)
    if job.spec.output.deletion_policy is DeletionPolicy.DELETE and FINALIZER not in job.finalizers:
        return (
            actions.AddFinalizer(),
            Requeue(0.0),
        )  # before there is anything to delete; the API's jobs come with it
    given = PlanInput(job, attempts.starting_status(job, now, seen.history.first_seen), seen, now, policy)
    if job.status.state.final and not attempts.reopens(job):
        return _plan_ended(given)
    return _plan_unfinished(given)


def _plan_unfinished(given: PlanInput) -> tuple[Action, ...]:
    runner = attempts.choose_runner(given)
    if given.job.spec.cancel:
        return _stop(given, runner, State.CANCELLED, Reason.CANCELLED)
    if late := deadlines.passed_deadline(given):
        return _stop(given, runner, State.FAILED, late)
    if given.job.spec.suspend:
        return _suspend(given, runner)
    work = _plan_work(given, runner)
    wake = deadlines.seconds_to_deadline(given)
    return work if wake is None else (*work, Requeue(wake))


def _plan_work(given: PlanInput, runner: Runner) -> tuple[Action, ...]:
    if runner is Runner.POOL:
        return plan_pool.plan(given)
    if runner is Runner.JOB:
        return plan_job.plan(given)
    return status_writes.throttle(
        given,
        conditions.stalled_status(
            given, conditions.pending_status(given), Reason.NO_RUNNER, _no_runner(given.job)
        ),
    )


def _stop(given: PlanInput, runner: Runner, state: State, reason: Reason) -> tuple[Action, ...]:
    """End a job early: first whoever works on it stops, so that the last outcomes are known, then the end is written."""
    if withdraw := plan_pool.cancel_tasks(given.seen):
        return (*withdraw, *plan_job.delete_job(given), Requeue(0.0))
    if wait := plan_job.delete_job(given):
        return wait
    if runner is Runner.JOB:
        return _stop_job(given, state, reason)
    return (
        _stop_pool(given, state, reason) if runner is Runner.POOL else _stop_unstarted(given, state, reason)
    )


def _stop_pool(given: PlanInput, state: State, reason: Reason) -> tuple[Action, ...]:
    if question := plan_pool.collect_results(given):
        return question
    done, total = outcomes.current(given), given.job.spec.total
    if state is State.FAILED and len(done) == total:
        return plan_pool.plan(given)
    if state is State.FAILED:
        done = outcomes.fill_missing(given, done, Code.PROCESSING_TIMEOUT, TOO_LATE[reason])
    return plan_pool.finish(given, state, reason, outcomes.summarise(total, done))


def _stop_job(given: PlanInput, state: State, reason: Reason) -> tuple[Action, ...]:
    results = given.seen.results
    if results is None:
        return plan_job.collect_results(given)
    if not results.prepared:
        return _stop_unstarted(given, state, reason)
    if state is State.FAILED and (
        filling := plan_job.fill_missing(given, Code.PROCESSING_TIMEOUT, TOO_LATE[reason])
    ):
        return filling
    if state is State.FAILED and Code.PROCESSING_TIMEOUT not in results.failure_codes:
        # All images had ended in time; only their end was not written.
        state, reason = final_state(results.counts, given.job.spec.max_failed_items)
    return status_writes.write_end(given, state, reason, results)


def _stop_unstarted(given: PlanInput, state: State, reason: Reason) -> tuple[Action, ...]:
    unbegun = (
        Results(given.status.counts)
        if state is State.CANCELLED
        else outcomes.results_without_lines(given, Code.PROCESSING_TIMEOUT)
    )
    return status_writes.write_end(given, state, reason, unbegun)


def _suspend(given: PlanInput, runner: Runner) -> tuple[Action, ...]:
    """Stop the work, unless none is left: a job whose last image ended just before has nothing to wait for."""
    if still := (*plan_pool.cancel_tasks(given.seen), *plan_job.suspend(given)):
        return (*still, Requeue(0.0)) if given.seen.waiting else still
    if runner is Runner.POOL and (question := plan_pool.collect_results(given)):
        return question
    over = (
        len(outcomes.current(given)) == given.job.spec.total
        if runner is Runner.POOL
        else bool(given.seen.child.ended)
    )
    return (
        _plan_work(given, runner)
        if over
        else status_writes.throttle(given, conditions.suspended_status(given))
    )


def _no_runner(job: ImageJob) -> str:
    if job.spec.manifest:
        return "a manifest needs Jobs, which this operator may not or cannot create"
    return "neither the pool nor Jobs may run it as it is asked for"


def _plan_ended(given: PlanInput) -> tuple[Action, ...]:
    status = plan_callback.update(given, conditions.acknowledged_status(given.job))
    told = (*status_writes.throttle(given, status), *plan_callback.warn(given.job.status, status))
    if plan_callback.is_pending(status):
        return told or plan_callback.deliver(given)
    at = deadlines.deletion_time(given.job)
    left = (at - given.now).total_seconds() if at else None
    if left is not None and left <= 0 and FINALIZER in given.job.finalizers:
        return (
            actions.DeleteImageJob(),
            Requeue(0.0),
        )  # its outputs are found by its files: they go together, while it waits
    if left is not None and left <= 0:
        return (actions.DeleteFiles(), actions.Forget(), actions.DeleteImageJob())
    wake = (Requeue(left),) if left is not None and left <= given.policy.resync_seconds else ()
    return (*told, *wake)


def _plan_deletion(job: ImageJob, seen: Observed, now: datetime, policy: Policy) -> tuple[Action, ...]:
    ours = seen.child.presence is Presence.OURS and seen.child.deleting_since is None
    stop = (
        (actions.WithdrawTasks(), actions.DeleteJob(attempts.current_attempt(job)))
        if ours
        else (actions.WithdrawTasks(),)
    )
    if FINALIZER not in job.finalizers:
        return stop  # it waits for somebody else
    since = seen.history.deleting_since
    if since and (now - since).total_seconds() >= FINALIZER_SECONDS + late_writes.max_seconds(policy):
        return (
            actions.Emit(Reason.STORAGE_UNAVAILABLE, "its outputs could not be deleted", warning=True),
            actions.RemoveFinalizer(),
        )
    if (left := late_writes.seconds_left(job, seen, now, policy)) > 0:
        return (*stop, Requeue(left))
    outputs = actions.DeleteOutputs(max(1, job.status.shards or attempts.shard_count(job.spec)))
    return (*stop, outputs, actions.DeleteFiles(), actions.Forget(), actions.RemoveFinalizer())
