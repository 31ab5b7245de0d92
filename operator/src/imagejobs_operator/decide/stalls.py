"""What the status says of a job when an action of its plan fails (pure)."""

from dataclasses import replace
from datetime import datetime

from imagejobs_contract.errors import (
    ImageJobsError,
    Invalid,
    Misconfigured,
    NotFound,
    PriorityClassNotFound,
    TooLarge,
    Unavailable,
)
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import Reason, Status
from imagejobs_operator.decide import actions, attempts, conditions, moments
from imagejobs_operator.decide.actions import Action
from imagejobs_operator.decide.observed import Observed
from imagejobs_operator.decide.plan_input import PlanInput, Policy


def find_status(
    job: ImageJob, seen: Observed, action: Action, ex: ImageJobsError, now: datetime, policy: Policy
) -> Status | None:
    """Return the status of a job that a failed action stalls or ends; None if the failure means neither."""
    stamp = moments.stamp(job, now, seen.lead)
    given = PlanInput(job, attempts.starting_status(job, stamp), seen, now, policy)
    before = given.status if job.status.conditions else conditions.pending_status(given)
    if isinstance(ex, Invalid) and isinstance(action, actions.PrepareShards):
        return conditions.refused_status(replace(job, status=before), stamp, ex.message)
    if isinstance(action, actions.PrepareShards) and isinstance(ex, NotFound):
        return conditions.stalled_status(given, before, Reason.MANIFEST_NOT_FOUND, ex.message)
    if isinstance(action, actions.USES_STORAGE):
        message = _describe_storage_error(ex)
        return conditions.stalled_status(given, before, Reason.STORAGE_UNAVAILABLE, message)
    if isinstance(ex, PriorityClassNotFound):
        return conditions.stalled_status(given, before, Reason.PRIORITY_CLASS_NOT_FOUND, ex.message)
    if isinstance(action, actions.CreateJob) and isinstance(ex, Misconfigured | Invalid):
        return conditions.stalled_status(given, before, Reason.BACKEND_REFUSED, ex.message)
    return None


def _describe_storage_error(ex: ImageJobsError) -> str:
    """Return a sentence about a failure of S3 that is the same for each try."""
    if isinstance(ex, Unavailable):
        return "the storage does not answer"
    if isinstance(ex, Misconfigured):
        return "the storage refuses our credentials or settings"
    return ex.message if isinstance(ex, NotFound | TooLarge) else "the storage failed"
