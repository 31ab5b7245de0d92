"""The state and the error of a job or of one of its images, as clients see them. Pure."""

from imagejobs_api.http.errors import ErrorBody, error_body
from imagejobs_contract.codes import Code
from imagejobs_contract.model.attempts import retry_requested
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import ConditionType, Reason, State, Status

_CODES = {
    Reason.DEADLINE_EXCEEDED: Code.PROCESSING_TIMEOUT,
    Reason.QUEUE_DEADLINE_EXCEEDED: Code.QUEUE_TIMEOUT,
    Reason.STORAGE_UNAVAILABLE: Code.STORAGE_ERROR,
    Reason.INVALID_SPEC: Code.INVALID_OPTIONS,
    Reason.NOT_GRANTED: Code.FORBIDDEN,
}


def attempt(status: Status) -> int:
    """Return the attempt that runs or ran last; before the operator has seen a job, that is the first."""
    return max(status.attempt, 1)


def job_state(job: ImageJob) -> State:
    """Return a job's state; a finished job that is about to run again is pending."""
    return State.PENDING if retry_requested(job) else job.status.state


def shown_state(job: ImageJob, counts: Counts) -> State:
    """Return a job's state beside counts: a job of which an image has ended is never shown as waiting.

    The counts come from the progress board, which may be ahead of the status.
    """
    state = job_state(job)
    return State.RUNNING if counts.done and state in (State.PENDING, State.QUEUED) else state


def item_state(job: ImageJob, outcome: Outcome | None) -> State:
    """Return the state of one image.

    Without an outcome that is the state of its job; if the job has finished and was not cancelled, the image
    failed with it.
    """
    if outcome is not None:
        return State.SUCCEEDED if outcome.succeeded else State.FAILED
    state = job_state(job)
    return State.FAILED if state.final and state is not State.CANCELLED else state


def item_error(job: ImageJob, outcome: Outcome | None) -> ErrorBody | None:
    """Return the error of one image: its own, or else that of its failed job."""
    if outcome is not None:
        return error_body(outcome.code, outcome.message) if outcome.code else None
    return error_body(*job_failure(job.status)) if item_state(job, None) is State.FAILED else None


def job_error(job: ImageJob) -> ErrorBody | None:
    """Return the error of a job as a whole; a partially succeeded job has none, only its images have."""
    return error_body(*job_failure(job.status)) if job_state(job) is State.FAILED else None


def job_failure(status: Status) -> tuple[Code, str]:
    """Return code and message of a failed job: of its only failed image, or of its failure condition."""
    condition = status.condition(ConditionType.FAILED)
    message = condition.message if condition else ""
    if len(status.failure_codes) == 1 and status.failures:
        alone = status.counts.total == 1
        return _code(status.failure_codes[0]), status.failures[0].message if alone else message
    if condition and condition.reason in _CODES:
        return _CODES[condition.reason], message
    return (_code(status.failures[0].code) if status.failures else Code.INTERNAL_ERROR), message


def _code(text: str) -> Code:
    try:
        return Code(text)
    except ValueError:
        return Code.INTERNAL_ERROR
