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
    """The progress of a job, a batch or one image of it.

    Attributes:
        progress: Percent; 100 only after the end.
        total: All images.
        done: Images with a result.
        failed: Images with an error.
        error: Why the whole job, or the image, failed.
    """

    job_id: str
    state: State
    progress: Percent
    total: Count
    done: Count
    failed: Count
    error: ErrorBody | None


def job_progress(target: JobOrImage, counts: Counts) -> ProgressBody:
    """Return the progress of a whole job.

    `done` counts the images with a result, as kubectl's column does.
    """
    state = states.shown_state(target.job, counts)
    return {
        "job_id": target.id,
        "state": state,
        "progress": counts.percent if state.final else min(counts.percent, 99),
        "total": target.job.spec.total,
        "done": counts.succeeded,
        "failed": counts.failed,
        "error": states.job_error(target.job),
    }


def item_progress(target: JobOrImage, outcome: Outcome | None) -> ProgressBody:
    """Return the progress of one image of a job, in the shape of a job's."""
    state = states.item_state(target.job, outcome)
    return {
        "job_id": target.id,
        "state": state,
        "progress": 100 if state.final else 0,
        "total": 1,
        "done": int(outcome is not None and outcome.succeeded),
        "failed": int(state is State.FAILED),
        "error": states.item_error(target.job, outcome),
    }
