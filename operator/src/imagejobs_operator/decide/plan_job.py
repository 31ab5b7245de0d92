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
from imagejobs_operator.decide.observed import Case, Child, End, Presence, Results
from imagejobs_operator.decide.plan_pool import remaining

STARTING_SECONDS = 60.0
"""A Job without a running pod for so long says so. Kubernetes' goal for a pod's start is 5 s, without the
pull of its image.
"""
DELETION_SECONDS = 90.0
"""A Job whose pods do not go (a lost node) is waited for so long."""


def plan(case: Case) -> tuple[Action, ...]:
    """Return the actions for a job that shall go on."""
    child = case.seen.child
    if child.presence is Presence.FOREIGN:
        message = f"the Job {attempts.child_name(case.job, case.status)} is not ours"
        return status_writes.write(
            case, conditions.stalled(case, conditions.pending(case), Reason.NAME_TAKEN, message)
        )
    if child.presence is Presence.ABSENT:
        return _absent(case)
    if child.deleting_since:
        return (Requeue(DELETION_SECONDS),)
    case = _with_job(case)
    return _ended(case) if child.ended else (*_adjust(case), *status_writes.write(case, _progress(case)))


def quiet(case: Case) -> tuple[Action, ...]:
    """Return what stops the work; nothing once it has stopped, or will not stop by any means."""
    child = case.seen.child
    if child.presence is not Presence.OURS or child.ended:
        return ()
    if child.deleting_since is None:
        return (actions.DeleteJob(case.status.attempt), Requeue(DELETION_SECONDS))
    left = DELETION_SECONDS - (case.now - child.deleting_since).total_seconds()
    return (Requeue(left),) if left > 0 else ()


def suspend(case: Case) -> tuple[Action, ...]:
    """Return what makes the Job wait.

    One that Kueue admits is deleted instead, as Kueue would let it go on; its results stay.
    """
    child = case.seen.child
    if child.presence is not Presence.OURS or child.ended or child.suspended:
        return ()
    return quiet(case) if child.managed else (actions.SuspendJob(case.status.attempt, True),)


def ask_results(case: Case) -> tuple[Action, ...]:
    """Return the question for the outcome lines, if they were not read."""
    return (
        ()
        if case.seen.results
        else (actions.CollectResults(case.status.attempt, attempts.shards(case.job.spec)),)
    )


def fill(case: Case, code: Code, message: str, codes: Mapping[int, Code] | None = None) -> tuple[Action, ...]:
    """Return what gives the images without an outcome a failed one; nothing if there are none, or no place for it."""
    results = case.seen.results
    if results is None or not results.prepared or not results.missing:
        return ()
    return (
        actions.FillMissing(case.status.attempt, attempts.shards(case.job.spec), code, message, codes or {}),
        Requeue(0.0),
    )


def _absent(case: Case) -> tuple[Action, ...]:
    """Create the Job; one that was there and vanished is created again only if its results do not tell the end."""
    known = case.status.job_name == attempts.child_name(case.job, case.status)
    if not known:
        return _create(case, actions.Forget())
    if question := ask_results(case):
        return question
    results = case.seen.results
    if results and not results.missing:
        return status_writes.end(case, *final_state(results.counts, case.job.spec.max_failed_items), results)
    return _create(case)


def _create(case: Case, *before: Action) -> tuple[Action, ...]:
    case, shards = _with_job(case), attempts.shards(case.job.spec)
    status = conditions.running(case) if case.status.started else conditions.queued(case)
    told = actions.Emit(Reason.JOB_CREATED, f"created Job {status.job_name} with {shards} shards")
    create = actions.CreateJob(status.attempt, shards)
    return (actions.PrepareShards(shards), *before, create, *status_writes.write(case, status), told)


def _ended(case: Case) -> tuple[Action, ...]:
    child, results = case.seen.child, case.seen.results
    if results is None:
        return ask_results(case)
    if not results.prepared:
        # Somebody deleted the job's files: with them again, the images can at least be named.
        return (actions.PrepareShards(attempts.shards(case.job.spec)), Requeue(0.0))
    code, message = _why(child)
    if filling := fill(case, code, message, dict.fromkeys(child.out_of_memory, Code.OUT_OF_MEMORY)):
        return filling
    return status_writes.end(case, *_end(case, child, results), results)


def _why(child: Child) -> tuple[Code, str]:
    if child.reason == "DeadlineExceeded":
        return Code.PROCESSING_TIMEOUT, "the job's deadline passed"
    if child.reason == "PodFailurePolicy":
        return Code.STORAGE_ERROR, "credentials or settings of the workers are wrong"
    return Code.INTERNAL_ERROR, f"its pod ended without an outcome ({child.reason or child.ended})"


def _end(case: Case, child: Child, results: Results) -> tuple[State, Reason]:
    reasons = {"DeadlineExceeded": Reason.DEADLINE_EXCEEDED, "PodFailurePolicy": Reason.JOB_FAILED}
    if child.ended is End.FAILED and results.counts.failed and child.reason in reasons:
        return State.FAILED, reasons[child.reason]
    return final_state(results.counts, case.job.spec.max_failed_items)


def _adjust(case: Case) -> tuple[Action, ...]:
    child, attempt = case.seen.child, case.status.attempt
    if child.managed:
        return ()
    parallelism = min(case.job.spec.parallelism, attempts.shards(case.job.spec))
    resume = (actions.SuspendJob(attempt, False),) if child.suspended else ()
    return (
        (*resume, actions.SetParallelism(attempt, parallelism))
        if child.parallelism != parallelism
        else resume
    )


def _progress(case: Case) -> Status:
    before, child, counts = case.status, case.seen.child, case.seen.counts
    if counts:
        case = case.having(counts=outcomes.grown(before.counts, replace(counts, total=case.job.spec.total)))
    worked = counts is not None and (counts.active > 0 or case.status.counts.done > before.counts.done)
    if not before.started and not child.ready and not worked:
        return _starting(case)
    elapsed = (case.now - (before.started or case.now)).total_seconds()
    return conditions.running(case.having(estimated_remaining_seconds=remaining(case.status, elapsed)))


def _starting(case: Case) -> Status:
    child, status = case.seen.child, conditions.queued(case)
    late = child.created is not None and case.now - max(child.created, case.rules.since) >= timedelta(
        seconds=STARTING_SECONDS
    )
    if not late or child.suspended:
        return status
    what = "its pods do not start" if child.active else "Kubernetes makes no pods for it"
    return conditions.stalled(
        case, status, Reason.NO_WORKER, f"{what}: see kubectl describe job {status.job_name}"
    )


def _with_job(case: Case) -> Case:
    return case.having(
        job_name=attempts.child_name(case.job, case.status), shards=attempts.shards(case.job.spec)
    )
