"""Decides which attempt an ImageJob is in, and who works on it (pure).

The runner must be the same after a crash at any point. The choice therefore depends on recorded and observed
facts, never on the memory of this process.
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
from imagejobs_operator.decide.observed import Presence
from imagejobs_operator.decide.plan_input import PlanInput, Policy


class Runner(StrEnum):
    """Who works on a job's images."""

    POOL = "Pool"
    JOB = "Job"
    NOBODY = "Nobody"


def shard_count(spec: Spec) -> int:
    """Return the number of shards of a Job; equal in each attempt, because results are stored by shard."""
    return min(-(-spec.total // spec.items_per_pod), limits.MAX_SHARDS)


def child_job_name(job: ImageJob, status: Status) -> str:
    """Return the name of the attempt's Job."""
    return names.child_job_name(job.key.name, job.uid, status.attempt)


def starting_status(job: ImageJob, now: datetime, first_seen: datetime | None = None) -> Status:
    """Return the status to continue from: the job's, or a fresh one where an attempt begins.

    Args:
        first_seen: When this process first saw the job: it waits since then, even if that was not written.
    """
    status, total = job.status, job.spec.total
    if retry_requested(job):
        return replace(
            status,
            state=State.PENDING,
            counts=Counts(total, succeeded=status.counts.succeeded),
            failures=(),
            failure_codes=(),
            outcomes=tuple(outcome for outcome in status.outcomes if outcome.succeeded),
            attempt=current_attempt(job),
            queued=now,
            started=None,
            completed=None,
            duration_seconds=None,
            callback=None,
        )
    if not status.attempt:
        return replace(status, counts=Counts(total), attempt=current_attempt(job), queued=first_seen or now)
    return status if status.queued else replace(status, queued=now)


def fixed_runner(job: ImageJob, policy: Policy) -> Runner | None:
    """Return the runner that spec, policy and status determine, or None if it depends on observed facts."""
    spec = job.spec
    if spec.manifest or not policy.pool:
        return Runner.JOB if policy.jobs and spec.execution is not Execution.POOL else Runner.NOBODY
    if not policy.jobs or spec.execution is Execution.POOL:
        return Runner.POOL
    if spec.execution is Execution.JOB or (spec.total > limits.MAX_POOL_ITEMS and policy.jobs_from is None):
        return Runner.JOB
    if policy.jobs_from is not None:
        return Runner.JOB if spec.total >= policy.jobs_from else Runner.POOL
    return _recorded_runner(job.status)


def choose_runner(given: PlanInput) -> Runner:
    """Return who works on the job; work that has started stays with its runner."""
    fixed = fixed_runner(given.job, given.policy)
    if fixed is not None:
        return fixed
    if given.seen.child.presence is Presence.OURS:
        return Runner.JOB
    started = given.seen.waiting or any(
        outcome.attempt == given.status.attempt for outcome in given.seen.outcomes.values()
    )
    return Runner.POOL if started or given.seen.workers else Runner.JOB


def _recorded_runner(status: Status) -> Runner | None:
    if status.job_name:
        return Runner.JOB
    if status.attempt and (status.state.final or status.state in (State.QUEUED, State.RUNNING)):
        return Runner.POOL
    return None
