"""Which attempt an ImageJob is in, and who works on it (pure).

The choice of a runner must come out the same after a crash at any point, so it rests on what is recorded or
can be seen, never on memory.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from imagejobs_contract.model import limits, names
from imagejobs_contract.model.attempts import current_attempt, retry_requested
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.spec import Execution, Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_operator.decide.observed import Case, Presence, Rules


class Runner(StrEnum):
    """Who works on a job's images."""

    POOL = "Pool"
    JOB = "Job"
    NOBODY = "Nobody"


def shards(spec: Spec) -> int:
    """Return how many pods share the images of a Job; the same in each attempt, as results lie by shard."""
    return min(-(-spec.total // spec.items_per_pod), limits.MAX_SHARDS)


def child_name(job: ImageJob, status: Status) -> str:
    """Return the name of the attempt's Job."""
    return names.child_job_name(job.key.name, job.uid, status.attempt)


def opened(job: ImageJob, now: datetime, met: datetime | None = None) -> Status:
    """Return the status to go on from: that of the job, or a fresh one where an attempt begins.

    Args:
        met: When the job was first seen, since when it waits although that was not written.
    """
    status, total = job.status, job.spec.total
    if retry_requested(job):
        return replace(
            status, state=State.PENDING, counts=Counts(total, succeeded=status.counts.succeeded), failures=(), failure_codes=(),
            outcomes=tuple(outcome for outcome in status.outcomes if outcome.succeeded), attempt=current_attempt(job),
            queued=now, started=None, completed=None, duration_seconds=None, callback=None,
        )  # fmt: skip
    if not status.attempt:
        return replace(status, counts=Counts(total), attempt=current_attempt(job), queued=met or now)
    return status if status.queued else replace(status, queued=now)


def fixed_runner(job: ImageJob, rules: Rules) -> Runner | None:
    """Return the runner as the spec, the rules and the status give it, or None if it depends on what is there."""
    spec = job.spec
    if spec.manifest or not rules.pool:
        return Runner.JOB if rules.jobs and spec.execution is not Execution.POOL else Runner.NOBODY
    if not rules.jobs or spec.execution is Execution.POOL:
        return Runner.POOL
    if spec.execution is Execution.JOB or (spec.total > limits.MAX_POOL_ITEMS and rules.jobs_from is None):
        return Runner.JOB
    if rules.jobs_from is not None:
        return Runner.JOB if spec.total >= rules.jobs_from else Runner.POOL
    return _recorded(job.status)


def runner(case: Case) -> Runner:
    """Return who works on the job; work that was begun stays where it is."""
    fixed = fixed_runner(case.job, case.rules)
    if fixed is not None:
        return fixed
    if case.seen.child.presence is Presence.OURS:
        return Runner.JOB
    begun = case.seen.waiting or any(
        outcome.attempt == case.status.attempt for outcome in case.seen.outcomes.values()
    )
    return Runner.POOL if begun or case.seen.workers else Runner.JOB


def _recorded(status: Status) -> Runner | None:
    if status.job_name:
        return Runner.JOB
    if status.attempt and (status.state.final or status.state in (State.QUEUED, State.RUNNING)):
        return Runner.POOL
    return None
