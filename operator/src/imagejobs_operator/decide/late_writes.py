"""For how long the workers of a job that was stopped may still store results (pure): its outputs are deleted after that, or one would stay for ever.

Nobody can call back what a worker has in hand. What has an end:

- A worker of the pool begins no try to store a result later than a lease time after it last saw its lease to
  be its own (`worker.leases`), which was before the task was taken off the queue: whether it is told of that
  within a third of the lease, or Redis is silent to it.
- A try is one call to S3, which ends within `CALL_SECONDS`.
- A pod, or a process of this machine, is asked to end and killed later, however long the worker would take by
  its own settings (GRACE_SECONDS). When it is gone only the Job tells, which goes after its pods; what it had
  sent is stored or not within a call's time, too.

A worker whose clock stands still between its look at the lease and its call, as of a machine that is
suspended, keeps to none of this.
"""

from datetime import datetime

from imagejobs_contract.model.attempts import retry_requested
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.s3.client import CALL_SECONDS
from imagejobs_operator.decide.observed import Child, Observed, Presence, Rules
from imagejobs_operator.decide.plan_job import DELETION_SECONDS

ROUNDING_SECONDS = 1.0
"""By so much the end of a job in its status may be earlier than it was: times there are whole seconds."""


def longest(rules: Rules) -> float:
    """Return for how many seconds after a stop results may be stored at most, beside those of pods that are not gone."""
    return rules.lease_seconds + CALL_SECONDS + ROUNDING_SECONDS


def left(job: ImageJob, seen: Observed, now: datetime, rules: Rules) -> float:
    """Return for how many more seconds results of a job that is being deleted may be stored; 0 or less if nobody can."""
    settled = job.status.state.final and not retry_requested(job)
    if settled and not job.status.state.stopped:
        return 0.0
    # An end is written when all tasks are off the queue; else they are by the first look at the deletion.
    stopped = (job.status.completed if settled else None) or seen.past.withdrawn or now
    return max(_pods(seen.child, now), longest(rules) - (now - stopped).total_seconds())


def _pods(child: Child, now: datetime) -> float:
    """Return for how long to wait at most for the pods to go; those of a lost node do not."""
    if child.presence is not Presence.OURS or child.ended:
        return 0.0
    return DELETION_SECONDS - (now - (child.deleting_since or now)).total_seconds()
