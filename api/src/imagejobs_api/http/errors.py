"""The error that a resource raises to choose its answer, and the JSON bodies of errors (RFC 9457).

Holds values only; `error_handlers` turns every error of every route into an answer.
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from imagejobs_contract.codes import Code, meaning
from imagejobs_contract.errors import Fault, ImageJobsError

CONTENT_TYPE = "application/problem+json"


class FaultBody(TypedDict):
    """One thing that is wrong with a request.

    Attributes:
        where: The field, parameter or part.
        what: What is wrong with it, and what is right.
    """

    where: str
    what: str


class ProblemBody(TypedDict):
    """An error, whatever went wrong (RFC 9457): branch on `code`, show `detail`.

    Attributes:
        type: A URN that ends with the code.
        title: What the code means, in one sentence.
        status: The HTTP status.
        detail: What happened here, for people.
        advice: What to do about it, in one sentence.
        retryable: Whether the same request may succeed later.
        errors: Every single fault of the request.
        job_id: The job or image that it is about.
    """

    type: str
    title: str
    status: int
    detail: str
    code: Code
    advice: str
    retryable: bool
    errors: list[FaultBody]
    job_id: NotRequired[str]


class ErrorBody(TypedDict):
    """The error of an image or a job, inside other answers.

    Attributes:
        message: What happened, for people.
        advice: What to do about it, in one sentence.
        retryable: Whether the same image may succeed later.
    """

    code: Code
    message: str
    advice: str
    retryable: bool


class Problem(ImageJobsError):
    """Raised to answer with more than a code.

    Args:
        code: Gives the HTTP status and the title.
        message: The detail, for clients.
        faults: Every fault of the request.
        job_id: The job that the error is about.
        retry_after_seconds: For `Retry-After`.
        retryable: Whether the same request may succeed later; None takes the code's own.
    """

    def __init__(
        self,
        code: Code,
        message: str = "",
        *,
        faults: Sequence[Fault] = (),
        job_id: str | None = None,
        retry_after_seconds: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.faults = tuple(faults)
        self.job_id = job_id
        self.retry_after_seconds = retry_after_seconds
        self.retryable = meaning(code).retryable if retryable is None else retryable


def problem_body(problem: Problem) -> ProblemBody:
    """Return the problem's JSON object."""
    sense = meaning(problem.code)
    body: ProblemBody = {
        "type": f"urn:imagejobs:error:{problem.code}",
        "title": sense.sentence,
        "status": sense.http_status,
        "detail": problem.message,
        "code": problem.code,
        "advice": sense.advice,
        "retryable": problem.retryable,
        "errors": [{"where": fault.where, "what": fault.what} for fault in problem.faults],
    }
    if problem.job_id:
        body["job_id"] = problem.job_id
    return body


def error_body(code: Code, message: str = "") -> ErrorBody:
    """Return the `error` of an image or a job; without a message it gets the code's sentence."""
    sense = meaning(code)
    return {
        "code": code,
        "message": message or sense.sentence,
        "advice": sense.advice,
        "retryable": sense.retryable,
    }
