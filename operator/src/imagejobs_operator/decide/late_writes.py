"""How long the workers of a stopped job may still store results (pure).

The outputs of a deleted job are deleted only after that; otherwise a late result would stay for ever.

An upload that a worker has begun cannot be called back, but its time is bounded:

- A pool worker starts no upload later than one lease time after it last confirmed its lease. The confirmation
  precedes the cancellation of the task, so waiting one lease time plus one S3 call is enough, even if the
  worker does not learn of the cancellation because Redis is silent.
- An upload is one call to S3, which ends within `CALL_SECONDS`.
- A pod, or a process on this machine, is asked to end and later killed, whatever its own settings are
  (GRACE_SECONDS). The Job object disappears after its pods, so its absence proves that they are gone. A call
  that a pod had sent ends within `CALL_SECONDS` too.

A worker whose machine is suspended between the check of its lease and its call to S3 breaks these bounds.
"""

from datetime import datetime

from imagejobs_contract.model.attempts import retry_requested
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.s3.client import CALL_SECONDS
from imagejobs_operator.decide.deadlines import DELETION_SECONDS
from imagejobs_operator.decide.moments import Phase
from imagejobs_operator.decide.observed import Observed, Presence
from imagejobs_operator.decide.plan_input import Policy

ROUNDING_SECONDS = 1.0
"""The end of a job in its status may be this much too early: times in a status are whole seconds."""


def max_seconds(policy: Policy) -> float:
    """Return the seconds after a stop in which the pool may still store results; pods are not counted."""
    return policy.lease_seconds + CALL_SECONDS + ROUNDING_SECONDS


def seconds_left(job: ImageJob, seen: Observed, now: datetime, policy: Policy) -> float:
    """Return the seconds until no worker can store results of a deleted job any more; 0 or less: none can."""
    settled = job.status.state.final and not retry_requested(job)
    if settled and not job.status.state.stopped:
        return 0.0
    # The end of a job is written after its tasks were cancelled. Without an end, the first reconcile of the
    # deletion cancels them.
    ended = (
        seen.moment(Phase.COMPLETED, job.status.completed, now) if settled and job.status.completed else None
    )
    stopped = ended or seen.history.tasks_cancelled or now
    return max(_seconds_for_pods(seen, now), max_seconds(policy) - (now - stopped).total_seconds())


def _seconds_for_pods(seen: Observed, now: datetime) -> float:
    """Return the maximum wait for the pods to go; the pods of a lost node never do."""
    child = seen.child
    if child.presence is not Presence.OURS or child.ended:
        return 0.0
    stamp = child.deleting_since
    deleted = seen.moment(Phase.JOB_DELETED, stamp, now) if stamp else now
    return DELETION_SECONDS - (now - deleted).total_seconds()
