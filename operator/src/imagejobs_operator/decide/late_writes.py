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

from collections.abc import Mapping
from datetime import datetime

from imagejobs_contract.model.attempts import retry_requested
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.s3.client import CALL_SECONDS
from imagejobs_operator.decide.deadlines import DELETION_SECONDS
from imagejobs_operator.decide.moments import Phase
from imagejobs_operator.decide.observed import ChildJob, Observed, Presence
from imagejobs_operator.decide.plan_input import Policy

ROUNDING_SECONDS = 1.0
"""The end of a job in its status may be this much too early: times in a status are whole seconds."""


def max_seconds(policy: Policy) -> float:
    """Return the seconds after a stop in which the pool may still store results; pods are not counted."""
    return policy.lease_seconds + CALL_SECONDS + ROUNDING_SECONDS


def seconds_left(job: ImageJob, seen: Observed, now: datetime, policy: Policy) -> float:
    """Return the seconds until no worker can store results of a deleted job any more; 0 or less: none can."""
    pods, withdrawn = _seconds_for_pods(seen, now, policy), seen.history.tasks_cancelled
    if _is_settled(job) and not job.status.state.stopped and not seen.in_queue and withdrawn is None:
        return pods
    # The end of a job is written after its tasks were cancelled. Without an end, or if there are tasks even
    # so, the first reconcile of the deletion cancels them.
    ended = _moment(seen, Phase.COMPLETED, job.status.completed, now, policy) if _is_settled(job) else None
    stopped = now if seen.in_queue else withdrawn or ended or now
    return max(pods, max_seconds(policy) - (now - stopped).total_seconds())


def may_follow_withdrawal(job: ImageJob, seen: Observed) -> bool:
    """Return whether workers may have had tasks of a deleted job that are withdrawn now.

    A job that has ended has tasks only if an operator sent them that had not seen the end.
    """
    return job.deleting and (bool(seen.in_queue) or not _is_settled(job))


def seconds_to_sweep(job: ImageJob, seen: Observed, now: datetime, policy: Policy) -> float:
    """Return after how many seconds the outputs of a job that was let go of are deleted again; 0: never.

    The outputs of a job whose images have all ended are deleted at once. A worker that lost its lease on one
    of them, or whose task was withdrawn when the job was suspended, may store its result even so. In a
    namespace that goes nobody was waited for.
    """
    ended = _moment(seen, Phase.COMPLETED, job.status.completed, now, policy)
    since = now if seen.namespace_ends else ended or now
    return max(0.0, max_seconds(policy) - (now - since).total_seconds())


def _is_settled(job: ImageJob) -> bool:
    return job.status.state.final and not retry_requested(job)


def find_open(children: Mapping[int, ChildJob]) -> dict[int, ChildJob]:
    """Return those of a job's Jobs that have pods, or may have."""
    return {
        attempt: child
        for attempt, child in children.items()
        if child.presence is Presence.OURS and not child.ended
    }


def _seconds_for_pods(seen: Observed, now: datetime, policy: Policy) -> float:
    """Return the maximum wait for the pods to go; the pods of a lost node never do."""
    still_open = find_open({0: seen.child, **seen.other_children}).values()
    if not still_open:
        return 0.0
    is_asked = all(each.deleting_since for each in still_open)
    stamp = seen.last_child_deletion if is_asked else None
    deleted = _moment(seen, Phase.JOB_DELETED, stamp, now, policy) or now
    return DELETION_SECONDS - (now - deleted).total_seconds()


def _moment(
    seen: Observed, phase: Phase, stamp: datetime | None, now: datetime, policy: Policy
) -> datetime | None:
    """Return when a stamp was, not before the start of this operator: of that, only calendars tell."""
    return max(seen.moment(phase, stamp, now), policy.since) if stamp else None
