"""Chooses who works on an ImageJob's images: the pool, or a Job of its own (pure).

The runner must be the same after a crash at any point. The choice therefore depends on recorded and observed
facts, never on the memory of this process.
"""

from enum import StrEnum

from imagejobs_contract.model import limits
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.spec import Execution
from imagejobs_contract.model.status import State, Status
from imagejobs_operator.decide.observed import Presence
from imagejobs_operator.decide.plan_input import PlanInput, Policy


class Runner(StrEnum):
    """Who works on a job's images."""

    POOL = "Pool"
    JOB = "Job"
    NOBODY = "Nobody"


def fixed_runner(job: ImageJob, policy: Policy) -> Runner | None:
    """Return the runner that spec, policy and status determine, or None if it depends on observed facts."""
    spec, jobs = job.spec, policy.allows_jobs(job)
    # A queue admits pods; in the pool the quota of its team would be passed by.
    is_queued = spec.queue_name is not None and policy.jobs_from is None
    if spec.manifest or is_queued or not policy.pool:
        return Runner.JOB if jobs and spec.execution is not Execution.POOL else Runner.NOBODY
    if not jobs or spec.execution is Execution.POOL:
        return Runner.POOL
    if spec.execution is Execution.JOB or (spec.total > limits.MAX_POOL_ITEMS and policy.jobs_from is None):
        return Runner.JOB
    if policy.jobs_from is not None:
        return Runner.JOB if spec.total >= policy.jobs_from else Runner.POOL
    return _recorded_runner(job.status)


def waits_in_pool(job: ImageJob, policy: Policy) -> bool:
    """Return whether a small job is the pool's, so that one question for all such jobs tells what changed."""
    is_open = not (job.status.state.final or job.deleting)
    return is_open and job.spec.total <= limits.MAX_POOL_ITEMS and fixed_runner(job, policy) is Runner.POOL


def choose_runner(given: PlanInput) -> Runner:
    """Return who works on the job; work that has started stays with its runner."""
    fixed = fixed_runner(given.job, given.policy)
    if fixed is not None:
        return fixed
    if given.seen.child.presence is Presence.OURS:
        return Runner.JOB
    # Where this process sent the tasks, the Job is not looked for: the pool has the job.
    if given.seen.history.sent_attempt == given.status.attempt:
        return Runner.POOL
    started = given.seen.in_queue or any(
        outcome.attempt == given.status.attempt for outcome in given.seen.outcomes.values()
    )
    return Runner.POOL if started or given.seen.workers else Runner.JOB


def _recorded_runner(status: Status) -> Runner | None:
    if status.job_name:
        return Runner.JOB
    if status.attempt and (status.state.final or status.state in (State.QUEUED, State.RUNNING)):
        return Runner.POOL
    return None
