"""What to do for a job that an Indexed Job works on (pure).

The Job's conditions tell that its pods ended; what became of the images is read from their lines in S3, never
from the Job.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from imagejobs_contract.codes import Code
from imagejobs_contract.model.status import Reason, State, Status, final_state
from imagejobs_operator.decide import actions, attempts, conditions, outcomes, status_writes
from imagejobs_operator.decide.actions import Action, Requeue
from imagejobs_operator.decide.observed import ChildEnd, ChildJob, PlanInput, Presence, Results
from imagejobs_operator.decide.plan_pool import estimate_remaining_seconds

STARTING_SECONDS = 60.0
"""A Job without a running pod for so long says so. Kubernetes' goal for a pod's start is 5 s, without the
pull of its image.
"""
DELETION_SECONDS = 90.0
"""A Job whose pods do not go (a lost node) is waited for so long."""


def plan(given: PlanInput) -> tuple[Action, ...]:
    """Return the actions for a job that shall go on."""
    child = given.seen.child
    if child.presence is Presence.FOREIGN:
        message = f"the Job {attempts.child_job_name(given.job, given.status)} is not ours"
        return status_writes.throttle(
            given,
            conditions.stalled_status(given, conditions.pending_status(given), Reason.NAME_TAKEN, message),
        )
    if child.presence is Presence.ABSENT:
        return _plan_absent(given)
    if child.deleting_since:
        return (Requeue(DELETION_SECONDS),)
    given = _with_job(given)
    return (
        _plan_ended(given)
        if child.ended
        else (*_adjust(given), *status_writes.throttle(given, _progress(given)))
    )


def delete_job(given: PlanInput) -> tuple[Action, ...]:
    """Return what stops the work; nothing once it has stopped, or will not stop by any means."""
    child = given.seen.child
    if child.presence is not Presence.OURS or child.ended:
        return ()
    if child.deleting_since is None:
        return (actions.DeleteJob(given.status.attempt), Requeue(DELETION_SECONDS))
    left = DELETION_SECONDS - (given.now - child.deleting_since).total_seconds()
    return (Requeue(left),) if left > 0 else ()


def suspend(given: PlanInput) -> tuple[Action, ...]:
    """Return what makes the Job wait.

    One that Kueue admits is deleted instead, as Kueue would let it go on; its results stay.
    """
    child = given.seen.child
    if child.presence is not Presence.OURS or child.ended or child.suspended:
        return ()
    return delete_job(given) if child.managed else (actions.SuspendJob(given.status.attempt, True),)


def collect_results(given: PlanInput) -> tuple[Action, ...]:
    """Return the question for the outcome lines, if they were not read."""
    return (
        ()
        if given.seen.results
        else (actions.CollectResults(given.status.attempt, attempts.shard_count(given.job.spec)),)
    )


def fill_missing(
    given: PlanInput, code: Code, message: str, codes: Mapping[int, Code] | None = None
) -> tuple[Action, ...]:
    """Return what gives the images without an outcome a failed one; nothing if there are none, or no place for it."""
    results = given.seen.results
    if results is None or not results.prepared or not results.missing:
        return ()
    return (
        actions.FillMissing(
            given.status.attempt, attempts.shard_count(given.job.spec), code, message, codes or {}
        ),
        Requeue(0.0),
    )


def _plan_absent(given: PlanInput) -> tuple[Action, ...]:
    """Create the Job; one that was there and vanished is created again only if its results do not tell the end."""
    known = given.status.job_name == attempts.child_job_name(given.job, given.status)
    if not known:
        return _create(given, actions.Forget())
    if question := collect_results(given):
        return question
    results = given.seen.results
    if results and not results.missing:
        return status_writes.write_end(
            given, *final_state(results.counts, given.job.spec.max_failed_items), results
        )
    return _create(given)


def _create(given: PlanInput, *before: Action) -> tuple[Action, ...]:
    given, shards = _with_job(given), attempts.shard_count(given.job.spec)
    status = conditions.running_status(given) if given.status.started else conditions.queued_status(given)
    told = actions.Emit(Reason.JOB_CREATED, f"created Job {status.job_name} with {shards} shards")
    create = actions.CreateJob(status.attempt, shards)
    return (actions.PrepareShards(shards), *before, create, *status_writes.throttle(given, status), told)


def _plan_ended(given: PlanInput) -> tuple[Action, ...]:
    child, results = given.seen.child, given.seen.results
    if results is None:
        return collect_results(given)
    if not results.prepared:
        # Somebody deleted the job's files: with them again, the images can at least be named.
        return (actions.PrepareShards(attempts.shard_count(given.job.spec)), Requeue(0.0))
    code, message = _missing_outcome(child)
    if filling := fill_missing(given, code, message, dict.fromkeys(child.out_of_memory, Code.OUT_OF_MEMORY)):
        return filling
    return status_writes.write_end(given, *_final_state(given, child, results), results)


def _missing_outcome(child: ChildJob) -> tuple[Code, str]:
    if child.reason == "DeadlineExceeded":
        return Code.PROCESSING_TIMEOUT, "the job's deadline passed"
    if child.reason == "PodFailurePolicy":
        return Code.STORAGE_ERROR, "credentials or settings of the workers are wrong"
    return Code.INTERNAL_ERROR, f"its pod ended without an outcome ({child.reason or child.ended})"


def _final_state(given: PlanInput, child: ChildJob, results: Results) -> tuple[State, Reason]:
    reasons = {"DeadlineExceeded": Reason.DEADLINE_EXCEEDED, "PodFailurePolicy": Reason.JOB_FAILED}
    if child.ended is ChildEnd.FAILED and results.counts.failed and child.reason in reasons:
        return State.FAILED, reasons[child.reason]
    return final_state(results.counts, given.job.spec.max_failed_items)


def _adjust(given: PlanInput) -> tuple[Action, ...]:
    child, attempt = given.seen.child, given.status.attempt
    if child.managed:
        return ()
    parallelism = min(given.job.spec.parallelism, attempts.shard_count(given.job.spec))
    resume = (actions.SuspendJob(attempt, False),) if child.suspended else ()
    return (
        (*resume, actions.SetParallelism(attempt, parallelism))
        if child.parallelism != parallelism
        else resume
    )


def _progress(given: PlanInput) -> Status:
    before, child, counts = given.status, given.seen.child, given.seen.counts
    if counts:
        given = given.with_status(
            counts=outcomes.monotonic(before.counts, replace(counts, total=given.job.spec.total))
        )
    worked = counts is not None and (counts.active > 0 or given.status.counts.done > before.counts.done)
    if not before.started and not child.ready and not worked:
        return _starting_status(given)
    elapsed = (given.now - (before.started or given.now)).total_seconds()
    return conditions.running_status(
        given.with_status(estimated_remaining_seconds=estimate_remaining_seconds(given.status, elapsed))
    )


def _starting_status(given: PlanInput) -> Status:
    child, status = given.seen.child, conditions.queued_status(given)
    late = child.created is not None and given.now - max(child.created, given.policy.since) >= timedelta(
        seconds=STARTING_SECONDS
    )
    if not late or child.suspended:
        return status
    what = "its pods do not start" if child.active else "Kubernetes makes no pods for it"
    return conditions.stalled_status(
        given, status, Reason.NO_WORKER, f"{what}: see kubectl describe job {status.job_name}"
    )


def _with_job(given: PlanInput) -> PlanInput:
    return given.with_status(
        job_name=attempts.child_job_name(given.job, given.status), shards=attempts.shard_count(given.job.spec)
    )
