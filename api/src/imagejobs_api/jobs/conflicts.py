"""Checks whether a job's state allows a command, and says why not. Pure."""

from collections.abc import Collection

from imagejobs_api.http.errors import Problem
from imagejobs_api.view import states
from imagejobs_contract.codes import Code, meaning
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import State


def check_suspend(job: ImageJob) -> None:
    """Refuse to suspend or resume a job that has ended or is being cancelled.

    Raises:
        Problem: conflict.
    """
    _check_not_ended(job)
    if job.spec.cancel:
        raise _conflict(job, "The job is being cancelled, which cannot be taken back.")


def check_cancel(job: ImageJob) -> None:
    """Refuse to cancel a job that has ended without being cancelled.

    Raises:
        Problem: conflict.
    """
    if job.status.state is not State.CANCELLED:
        _check_not_ended(job)


def check_retry(job: ImageJob) -> None:
    """Refuse to retry a job that still runs, was cancelled, or has no failed images.

    Raises:
        Problem: conflict.
    """
    if job.spec.cancel:
        raise _conflict(job, "The job was cancelled, which cannot be taken back: send its images again.")
    if not job.status.state.final:
        raise _conflict(
            job, f"The job is {job.status.state}: it can be retried when it has ended.", retryable=True
        )
    if job.status.counts.succeeded >= job.spec.total:
        raise _conflict(job, "All images of the job have their results: there is nothing to retry.")


def retry_codes(job: ImageJob, asked: Collection[str]) -> tuple[str, ...]:
    """Return the codes of the failures that a retry works on again; () for all of them.

    Args:
        asked: Codes that the caller names; none for those that may pass.

    Raises:
        Problem: conflict: no failed image has one of the codes.
    """
    failed = job.status.failure_codes
    if not failed:
        return ()  # of a status that does not tell
    chosen = tuple(each for each in failed if (each in asked if asked else _may_pass(each)))
    if chosen:
        return () if chosen == failed else chosen
    if asked:
        raise _conflict(job, f"No image failed with one of these codes; there are {', '.join(failed)}.")
    message = f"No failed image can succeed by a retry: they failed with {', '.join(failed)}."
    raise _conflict(job, f'{message} To run them again all the same, name these codes: {{"codes": [...]}}.')


def check_callback(job: ImageJob) -> None:
    """Refuse to repeat the callback of a job that has none or still runs.

    Raises:
        Problem: conflict.
    """
    if job.spec.callback_url is None:
        raise _conflict(job, "The job has no callback.")
    if not states.job_state(job).final:
        raise _conflict(
            job,
            f"The job is {states.job_state(job)}: its callback is sent when it has ended.",
            retryable=True,
        )


def check_outputs(job: ImageJob) -> None:
    """Refuse to delete the outputs of a job that still writes some.

    Raises:
        Problem: conflict.
    """
    if not states.job_state(job).final:
        raise _conflict(job, "The job still runs and writes outputs: cancel it first.", retryable=True)


def _may_pass(code: str) -> bool:
    try:
        return meaning(Code(code)).retryable
    except ValueError:
        return True  # of a newer operator


def _check_not_ended(job: ImageJob) -> None:
    if states.job_state(job).final:
        raise _conflict(job, f"The job has ended: it is {job.status.state}.")


def _conflict(job: ImageJob, message: str, *, retryable: bool = False) -> Problem:
    return Problem(
        Code.CONFLICT,
        message,
        job_id=job.key.name,
        retryable=retryable,
        retry_after_seconds=1 if retryable else None,
    )
