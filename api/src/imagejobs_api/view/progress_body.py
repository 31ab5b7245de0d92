"""The body that answers how far a job or one of its images is. Pure."""

from typing import TypedDict

from imagejobs_api.http.errors import ErrorBody
from imagejobs_api.view import states
from imagejobs_api.view.lookup import JobOrImage
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State
from imagejobs_contract.wire.json_types import Count, Percent


class ProgressBody(TypedDict):
    """How far a job, a batch or one image of it is.

    Attributes:
        progress: Percent; 100 only when it has ended.
        total: Images in all.
        done: Images that have their result.
        failed: Images that have an error.
        error: Why a job, or the image, failed as a whole.
    """

    job_id: str
    state: State
    progress: Percent
    total: Count
    done: Count
    failed: Count
    error: ErrorBody | None


def job_progress(found: JobOrImage, counts: Counts) -> ProgressBody:
    """Return the progress of a whole job.

    `done` counts the images that have their result, as kubectl's column does.
    """
    state = states.job_state(found.job)
    return {
        "job_id": found.id,
        "state": state,
        "progress": counts.percent if state.final else min(counts.percent, 99),
        "total": found.job.spec.total,
        "done": counts.succeeded,
        "failed": counts.failed,
        "error": states.job_error(found.job),
    }


def item_progress(found: JobOrImage, outcome: Outcome | None) -> ProgressBody:
    """Return the progress of one image of a job, in the same shape."""
    state = states.item_state(found.job, outcome)
    return {
        "job_id": found.id,
        "state": state,
        "progress": 100 if state.final else 0,
        "total": 1,
        "done": int(outcome is not None and outcome.succeeded),
        "failed": int(state == State.FAILED),
        "error": states.item_error(found.job, outcome),
    }
