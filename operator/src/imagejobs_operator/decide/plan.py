"""Decides: an ImageJob, the observed facts and the time -> the actions to take, in order (pure).

Level-triggered: it compares no old state with a new one. After a lost, repeated or half-done action the next
plan starts from the observed facts. The order of the checks is the order of precedence: deletion, end,
cancel, refusal by grants, deadline, suspend, work.
"""

from dataclasses import replace
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
    grants,
    late_writes,
    moments,
    outcomes,
    plan_callback,
    plan_child_job,
    plan_pool,
    status_writes,
)
from imagejobs_operator.decide.actions import Action, Requeue
from imagejobs_operator.decide.observed import Observed, Presence, Results
from imagejobs_operator.decide.plan_input import PlanInput, Policy
from imagejobs_operator.decide.runner_choice import Runner, choose_runner

FINALIZER_SECONDS = 3600.0
"""How long failing to delete outputs may delay the deletion of the job, counted from the last possible write.
"""
UNKNOWN_GUARD_SECONDS = 1.0
"""How long a job waits that says the API made it, while the operator looks whether that is guarded."""
TOO_LATE = {
    Reason.DEADLINE_EXCEEDED: (Code.PROCESSING_TIMEOUT, "the job's deadline passed"),
    Reason.QUEUE_DEADLINE_EXCEEDED: (
        Code.QUEUE_TIMEOUT,
        "the job waited too long for a worker; try it again",
    ),
}
"""Deadline -> code and message of the images that it stopped."""


def plan(job: ImageJob, seen: Observed, now: datetime, policy: Policy) -> tuple[Action, ...]:
    """Return the actions for a job, in order; () if there is nothing to do."""
    if job.deleting:
        return _plan_deletion(job, seen, now, policy)
    if job.spec.output.deletion_policy is DeletionPolicy.DELETE and FINALIZER not in job.finalizers:
        # Before there is any output to delete. The API creates its jobs with the finalizer.
        return (actions.AddFinalizer(), Requeue(0.0))
    stamp = moments.stamp(job, now, seen.lead)
    first_seen = seen.history.first_seen and moments.stamp(job, seen.history.first_seen, seen.lead)
    status = attempts.starting_status(job, stamp, first_seen)
    given = PlanInput(job, status, seen, now, policy)
    if job.status.state.final and not retry_requested(job):
        return _plan_ended(given)
    return _plan_unfinished(given)


def _plan_unfinished(given: PlanInput) -> tuple[Action, ...]:
    runner = choose_runner(given)
    if given.job.spec.cancel:
        return _stop(given, runner, State.CANCELLED, Reason.CANCELLED)
    has_begun = given.job.status.attempt == given.status.attempt
    refusal = None if has_begun else _refusal(given)
    if refusal is not None:
        return refusal
    if passed := deadlines.passed_deadline(given):
        return _stop(given, runner, State.FAILED, passed)
    if given.job.spec.suspend:
        return _suspend(given, runner)
    work = _plan_work(given, runner)
    seconds = deadlines.seconds_to_deadline(given)
    return work if seconds is None else (*work, Requeue(seconds))


def _refusal(given: PlanInput) -> tuple[Action, ...] | None:
    """Return the actions for a job that asks for what its namespace was not given; None for any other.

    It waits until it is given, or deleted. An attempt that has begun keeps what it was begun with; a retry
    begins with what is given now.
    """
    policy, job = given.policy, given.job
    if policy.believes_claims is None and job.made_by_api:
        return (Requeue(UNKNOWN_GUARD_SECONDS),)
    if not policy.believes_claims and job.made_by_api:
        message = grants.UNGUARDED
    else:
        faults = grants.list_faults(job, policy.grants.of(job)) if policy.grants else []
        if not faults:
            return None
        message = f"{'; '.join(faults)}: {grants.ASK}"
    status = conditions.refused_status(job, given.stamp, message, Reason.NOT_GRANTED)
    if status == job.status:
        return ()
    return (actions.WriteStatus(status), *status_writes.list_news(job, status))


def _plan_work(given: PlanInput, runner: Runner) -> tuple[Action, ...]:
    if runner is Runner.POOL:
        return plan_pool.plan(given)
    if runner is Runner.JOB:
        return plan_child_job.plan(given)
    pending, message = conditions.pending_status(given), _why_no_runner(given.job)
    return status_writes.throttle(given, conditions.stalled_status(given, pending, Reason.NO_RUNNER, message))


def _stop(given: PlanInput, runner: Runner, state: State, reason: Reason) -> tuple[Action, ...]:
    """End a job early: stop its workers first, so that the last outcomes are known, then write the end."""
    if cancel := plan_pool.cancel_tasks(given.seen):
        return (*cancel, *plan_child_job.delete_job(given), Requeue(0.0))
    if wait := plan_child_job.delete_job(given):
        return wait
    if runner is Runner.JOB:
        return _stop_job(given, state, reason)
    return (
        _stop_pool(given, state, reason) if runner is Runner.POOL else _stop_unstarted(given, state, reason)
    )


def _stop_pool(given: PlanInput, state: State, reason: Reason) -> tuple[Action, ...]:
    if question := plan_pool.collect_results(given):
        return question
    done, total = outcomes.find_current(given), given.job.spec.total
    if state is State.FAILED and len(done) == total:
        return plan_pool.plan(given)
    if state is State.FAILED:
        done = outcomes.fill_missing(given, done, *TOO_LATE[reason])
    results = outcomes.summarise(total, done, given.status.attempt)
    if state is State.CANCELLED:  # Redis may have lost outcomes that were counted
        results = replace(results, counts=outcomes.monotonic(given.status.counts, results.counts))
    return plan_pool.finish(given, state, reason, results)


def _stop_job(given: PlanInput, state: State, reason: Reason) -> tuple[Action, ...]:
    results = given.seen.results
    if results is None:
        return plan_child_job.collect_results(given)
    if not results.prepared:
        return _stop_unstarted(given, state, reason)
    failed = state is State.FAILED
    if failed and (filling := plan_child_job.fill_missing(given, *TOO_LATE[reason])):
        return filling
    if failed and TOO_LATE[reason][0] not in results.failure_codes:
        # All images ended before the deadline; only the end of the job was not written.
        state, reason = final_state(results.counts, given.job.spec.max_failed_items)
    return status_writes.write_end(given, state, reason, results)


def _stop_unstarted(given: PlanInput, state: State, reason: Reason) -> tuple[Action, ...]:
    if state is State.CANCELLED:
        results = Results(given.status.counts)
    else:
        results = outcomes.results_without_lines(given, TOO_LATE[reason][0])
    return status_writes.write_end(given, state, reason, results)


def _suspend(given: PlanInput, runner: Runner) -> tuple[Action, ...]:
    """Stop the work; a job whose last image has just ended is ended instead."""
    if stop := (*plan_pool.cancel_tasks(given.seen), *plan_child_job.suspend(given)):
        return (*stop, Requeue(0.0)) if given.seen.in_queue else stop
    if runner is Runner.POOL and (question := plan_pool.collect_results(given)):
        return question
    if runner is Runner.POOL:
        all_ended = len(outcomes.find_current(given)) == given.job.spec.total
    else:
        all_ended = bool(given.seen.child.ended)
    if all_ended:
        return _plan_work(given, runner)
    return status_writes.throttle(given, conditions.suspended_status(given))


def _why_no_runner(job: ImageJob) -> str:
    if job.spec.manifest:
        return "a manifest needs a Job, and this operator cannot create Jobs in this namespace"
    if job.spec.queue_name:
        return "spec.queueName needs a Job, and spec.execution or this namespace allows none"
    return "no runner of this operator (pool or Job) fits spec.execution"


def _plan_ended(given: PlanInput) -> tuple[Action, ...]:
    status = plan_callback.update(given, conditions.acknowledged_status(given.job))
    news = (*status_writes.throttle(given, status), *plan_callback.warn(given.job.status, status))
    if plan_callback.is_pending(status):
        return news or plan_callback.deliver(given)
    deletion = deadlines.deletion_time(given.job, given.seen, given.now)
    if deletion is None:
        return news
    left = (deletion - given.now).total_seconds()
    if left > 0:
        return (*news, Requeue(left)) if left <= given.policy.resync_seconds else news
    if FINALIZER in given.job.finalizers:
        # Files and progress are deleted while the finalizer holds the job: its outputs are found by its
        # files.
        return (actions.DeleteImageJob(), Requeue(0.0))
    return (actions.DeleteFiles(), actions.Forget(), actions.DeleteImageJob())


def _plan_deletion(job: ImageJob, seen: Observed, now: datetime, policy: Policy) -> tuple[Action, ...]:
    stop: tuple[Action, ...] = (actions.WithdrawTasks(),)
    children = {current_attempt(job): seen.child, **late_writes.find_open(seen.other_children)}
    stop += tuple(
        actions.DeleteJob(attempt)
        for attempt, child in children.items()
        if child.presence is Presence.OURS and child.deleting_since is None
    )
    if FINALIZER not in job.finalizers:
        return stop  # a finalizer of another program holds the job
    since = seen.history.deleting_since
    if since and (now - since).total_seconds() >= FINALIZER_SECONDS + late_writes.max_seconds(policy):
        return (
            actions.Emit(
                Reason.STORAGE_UNAVAILABLE, "the outputs of the job could not be deleted", warning=True
            ),
            actions.RemoveFinalizer(),
        )
    # A namespace that goes waits for nobody: what late workers store is deleted afterwards.
    if not seen.namespace_ends and (left := late_writes.seconds_left(job, seen, now, policy)) > 0:
        return (*stop, Requeue(left))
    outputs = actions.DeleteOutputs(max(1, job.status.shards or attempts.shard_count(job.spec)))
    return (*stop, outputs, actions.DeleteFiles(), actions.Forget(), actions.RemoveFinalizer())
