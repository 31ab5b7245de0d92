"""Decides the actions for a job that an Indexed Job works on (pure).

The Job's conditions say that its pods ended. How the images ended is read from their lines in S3, never from
the Job.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from imagejobs_contract.codes import Code
from imagejobs_contract.model.status import Reason, State, Status, final_state
from imagejobs_operator.decide import (
    actions,
    attempts,
    conditions,
    deadlines,
    outcomes,
    runner_choice,
    status_writes,
)
from imagejobs_operator.decide.actions import Action, Requeue
from imagejobs_operator.decide.deadlines import DELETION_SECONDS
from imagejobs_operator.decide.grants import readable_prefixes
from imagejobs_operator.decide.moments import Phase
from imagejobs_operator.decide.observed import ChildEnd, ChildJob, Presence, Results
from imagejobs_operator.decide.plan_input import PlanInput

STARTING_SECONDS = 60.0
"""A Job without a running pod after this time is reported as stalled. Kubernetes' goal for the start of a pod
is 5 s, without the pull of its image.
"""
FAILED_JOB_REASONS = {
    "DeadlineExceeded": Reason.DEADLINE_EXCEEDED,
    "PodFailurePolicy": Reason.JOB_FAILED,
}
"""Reasons of a Job's condition Failed that end the ImageJob as failed if any image failed."""


def plan(given: PlanInput) -> tuple[Action, ...]:
    """Return the actions for a job that is to continue."""
    child = given.seen.child
    if child.presence is Presence.FOREIGN:
        name = attempts.child_job_name(given.job, given.status)
        message = f"the Job {name} exists and does not belong to this ImageJob"
        pending = conditions.pending_status(given)
        return status_writes.throttle(
            given, conditions.stalled_status(given, pending, Reason.NAME_TAKEN, message)
        )
    if child.presence is Presence.ABSENT:
        return _plan_absent(given)
    if child.deleting_since:
        return (Requeue(DELETION_SECONDS),)
    given = _with_job(given)
    if child.ended:
        return _plan_ended(given)
    if child.suspended and not _is_held(given) and (wait := _await_pods(given)):
        return wait
    return (*_adjust(given), *status_writes.throttle(given, _progress_status(given)))


def delete_job(given: PlanInput) -> tuple[Action, ...]:
    """Return the actions that stop the work; nothing if it has stopped, or if its pods do not go in time."""
    child = given.seen.child
    if child.presence is not Presence.OURS or child.ended:
        return ()
    if child.deleting_since is None:
        return (actions.DeleteJob(given.status.attempt), Requeue(DELETION_SECONDS))
    deleted = given.moment(Phase.JOB_DELETED, child.deleting_since)
    left = DELETION_SECONDS - (given.now - deleted).total_seconds()
    return (Requeue(left),) if left > 0 else ()


def suspend(given: PlanInput) -> tuple[Action, ...]:
    """Return the actions that suspend the Job.

    A Job that Kueue admits is deleted instead, because Kueue would resume it; its results stay.
    """
    child = given.seen.child
    if child.presence is not Presence.OURS or child.ended or child.suspended:
        return ()
    return delete_job(given) if child.managed else (actions.SuspendJob(given.status.attempt, True),)


def collect_results(given: PlanInput) -> tuple[Action, ...]:
    """Return the action that reads the outcome lines, if they were not read."""
    return () if given.seen.results else (actions.CollectResults(given.status.attempt),)


def fill_missing(
    given: PlanInput, code: Code, message: str, codes: Mapping[int, Code] | None = None
) -> tuple[Action, ...]:
    """Return the actions that write a failed outcome for images without one.

    Nothing if there is no such image, or no shard to write it to.
    """
    results = given.seen.results
    if results is None or not results.prepared or not results.missing:
        return ()
    return (actions.FillMissing(given.status.attempt, code, message, codes or {}), Requeue(0.0))


def _plan_absent(given: PlanInput) -> tuple[Action, ...]:
    """Create the Job. A Job that existed and is gone is created again only if its results are incomplete."""
    known = given.status.job_name == attempts.child_job_name(given.job, given.status)
    if not known:
        return _await_pods(given) or _create(given, actions.Forget())
    if question := collect_results(given):
        return question
    results = given.seen.results
    if results and not results.missing:
        state, reason = final_state(results.counts, given.job.spec.max_failed_items)
        return status_writes.write_end(given, state, reason, results)
    return _await_pods(given) or _create(given)


def _await_pods(given: PlanInput) -> tuple[Action, ...]:
    """Return the actions for a job whose owner has no pods left for it; nothing if there are some.

    After a restart a job that waited goes on waiting until the others were seen, which have the pods.
    """
    share = given.seen.pods
    has_turn = share.left > 0 and not share.ahead
    is_early = given.now - given.policy.since < timedelta(seconds=given.policy.resync_seconds)
    if not _is_bounded(given) or (has_turn and not (is_early and deadlines.awaits_pods(given.job.status))):
        return ()
    status = conditions.awaiting_status(given, share.ahead + 1)
    return (actions.AwaitPods(), *status_writes.throttle(given, status))


def _is_bounded(given: PlanInput) -> bool:
    """Return whether the bound on the owner's pods is for this job.

    A job that Kueue admits waits there. A small one that has pods only because the pool has no worker would
    go back to the pool.
    """
    falls_back = runner_choice.fixed_runner(given.job, given.policy) is None
    return not given.job.spec.queue_name and not falls_back


def _pods(given: PlanInput) -> int:
    """Return how many pods the Job may run at once; a running pod is never stopped for another job."""
    wanted = min(given.job.spec.parallelism, attempts.shard_count(given.job.spec))
    if not _is_bounded(given):
        return wanted
    child = given.seen.child
    return min(wanted, max(0 if child.suspended else child.parallelism, given.seen.pods.left))


def _create(given: PlanInput, *before: Action) -> tuple[Action, ...]:
    given, shards = _with_job(given), attempts.shard_count(given.job.spec)
    started = given.status.started is not None
    status = conditions.running_status(given) if started else conditions.queued_status(given)
    event = actions.Emit(Reason.JOB_CREATED, f"created Job {status.job_name} with {shards} shards")
    create = actions.CreateJob(status.attempt, shards, _pods(given))
    return (_prepare_shards(given), *before, create, *status_writes.throttle(given, status), event)


def _prepare_shards(given: PlanInput) -> actions.PrepareShards:
    sources = readable_prefixes(given.job, given.policy.grants)
    return actions.PrepareShards(attempts.shard_count(given.job.spec), sources)


def _plan_ended(given: PlanInput) -> tuple[Action, ...]:
    child, results = given.seen.child, given.seen.results
    if results is None:
        return collect_results(given)
    if not results.prepared:
        # The job's files were deleted from outside: with new inputs, the missing outcomes can at least be
        # named.
        return (_prepare_shards(given), Requeue(0.0))
    code, message = _missing_outcome(child)
    codes = dict.fromkeys(child.out_of_memory, Code.OUT_OF_MEMORY)
    if filling := fill_missing(given, code, message, codes):
        return filling
    return status_writes.write_end(given, *_final_state(given, child, results), results)


def _missing_outcome(child: ChildJob) -> tuple[Code, str]:
    if child.reason == "DeadlineExceeded":
        return Code.PROCESSING_TIMEOUT, "the job's deadline passed"
    if child.reason == "PodFailurePolicy":
        return Code.STORAGE_ERROR, "credentials or settings of the workers are wrong"
    return Code.INTERNAL_ERROR, f"its pod ended without an outcome ({child.reason or child.ended})"


def _final_state(given: PlanInput, child: ChildJob, results: Results) -> tuple[State, Reason]:
    reason = FAILED_JOB_REASONS.get(child.reason)
    if child.ended is ChildEnd.FAILED and results.counts.failed and reason:
        return State.FAILED, reason
    return final_state(results.counts, given.job.spec.max_failed_items)


def _is_held(given: PlanInput) -> bool:
    """Return whether whoever has suspended the Job is to resume it.

    Earlier releases left no mark on a Job that they suspended; their status says it.
    """
    child, state = given.seen.child, given.job.status.state
    return child.suspended and (child.managed or (child.held and state is not State.SUSPENDED))


def _adjust(given: PlanInput) -> tuple[Action, ...]:
    child, attempt = given.seen.child, given.status.attempt
    if child.managed:
        return ()
    resume = (actions.SuspendJob(attempt, False),) if child.suspended and not _is_held(given) else ()
    parallelism = _pods(given)
    if child.parallelism == parallelism:
        return resume
    return (actions.SetParallelism(attempt, parallelism), *resume)


def _progress_status(given: PlanInput) -> Status:
    before, child, counts = given.status, given.seen.child, given.seen.counts
    if counts:
        now = replace(counts, total=given.job.spec.total)
        given = given.with_status(counts=outcomes.monotonic(before.counts, now))
    if child.managed and child.suspended:
        return conditions.unadmitted_status(given)
    worked = counts is not None and (counts.active > 0 or given.status.counts.done > before.counts.done)
    if not before.started and not child.ready and not worked:
        return _starting_status(given)
    elapsed = (given.now - given.moment(Phase.STARTED, before.started)).total_seconds()
    seconds = deadlines.estimate_remaining_seconds(given.status, elapsed)
    return conditions.running_status(given.with_status(estimated_remaining_seconds=seconds))


def _starting_status(given: PlanInput) -> Status:
    child = given.seen.child
    if child.suspended and not child.managed:
        return conditions.held_status(given)
    if child.suspended:  # its deadline starts when Kueue admits it
        return conditions.queued_status(given.with_status(queued=None))
    status = conditions.queued_status(given)
    if not _is_late(given, child):
        return status
    trouble = "its pods do not start" if child.active else "Kubernetes creates no pods for it"
    message = f"{trouble}: see kubectl describe job {status.job_name}"
    return conditions.stalled_status(given, status, Reason.NO_WORKER, message)


def _is_late(given: PlanInput, child: ChildJob) -> bool:
    if child.created is None:
        return False
    created = given.moment(Phase.JOB_CREATED, child.created)
    queued = given.moment(Phase.QUEUED, given.status.queued) if given.status.queued else created
    return given.now - max(created, queued, given.policy.since) >= timedelta(seconds=STARTING_SECONDS)


def _with_job(given: PlanInput) -> PlanInput:
    name = attempts.child_job_name(given.job, given.status)
    return given.with_status(job_name=name, shards=attempts.shard_count(given.job.spec))
