"""The one place where errors become answers: problem details (RFC 9457), whatever went wrong and wherever.

What a client reads is the code's own sentence, or a text that was written for clients (`Problem`,
`ImageFailed`, `Invalid`); what an outside system said goes to the log only.
"""

import logging
import math
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import falcon
from falcon.asgi import Response

from imagejobs_api.callers import api_keys
from imagejobs_api.http import json_text
from imagejobs_api.http.connection import App, BodyIncomplete, BodyTooSlow, Request
from imagejobs_contract.codes import Code, meaning
from imagejobs_contract.errors import Fault, ImageFailed, ImageJobsError, Invalid, TooLarge, Unavailable

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 1
"""`Retry-After` where nothing better is known."""

_BY_STATUS = {
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.PAYLOAD_TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
    429: Code.RATE_LIMITED,
    503: Code.UNAVAILABLE,
}

_NO_ADDRESS = "This address does not exist; images go to /api/resize or /api/batch, for example."

_FORM = {
    "unexpected form structure": "The form ends before its last boundary, or its parts are not divided by the boundary that Content-Type names.",
    "incomplete body part headers": "The headers of a part of the form are cut, or too long.",
    "maximum number of form body parts exceeded": "The form has more parts than files and options are allowed.",
}
"""What Falcon says of a form, and what that means for whoever sent it."""

log = logging.getLogger(__name__)


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
        retryable: Whether the same request may succeed later.
        errors: Every single fault of the request.
        job_id: The job or image that it is about.
    """

    type: str
    title: str
    status: int
    detail: str
    code: Code
    retryable: bool
    errors: list[FaultBody]
    job_id: NotRequired[str]


class ErrorBody(TypedDict):
    """The error of an image or a job, as it stands inside other answers.

    Attributes:
        message: What happened, for people.
        retryable: Whether the same image may succeed later.
    """

    code: Code
    message: str
    retryable: bool


class Problem(ImageJobsError):
    """Raised to answer with more than a code.

    Args:
        code: Gives the HTTP status and the title.
        message: The detail, for clients.
        faults: What was wrong where.
        job_id: The job it is about.
        retry_after_seconds: For `Retry-After`.
        retryable: Whether the same request may succeed later, where that is not as the code says.
    """

    def __init__(
        self, code: Code, message: str = "", *, faults: Sequence[Fault] = (), job_id: str | None = None,
        retry_after_seconds: float | None = None, retryable: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, code=code)
        self.faults = tuple(faults)
        self.job_id = job_id
        self.retry_after_seconds = retry_after_seconds
        self.retryable = meaning(code).retryable if retryable is None else retryable


def install(app: App) -> None:
    """Let every error of every route end here."""
    app.add_error_handler(Exception, _on_surprise)
    app.add_error_handler(falcon.HTTPError, _on_http_error)
    app.add_error_handler(ImageJobsError, _on_known)


def problem_body(problem: Problem) -> ProblemBody:
    """Return the problem's JSON object."""
    sense = meaning(problem.code)
    body: ProblemBody = {
        "type": f"urn:imagejobs:error:{problem.code}",
        "title": sense.sentence,
        "status": sense.http_status,
        "detail": problem.message,
        "code": problem.code,
        "retryable": problem.retryable,
        "errors": [{"where": fault.where, "what": fault.what} for fault in problem.faults],
    }
    if problem.job_id:
        body["job_id"] = problem.job_id
    return body


def error_body(code: Code, message: str = "") -> ErrorBody:
    """Return the `error` of an image or a job, as it stands inside other answers."""
    sense = meaning(code)
    return {"code": code, "message": message or sense.sentence, "retryable": sense.retryable}


def as_problem(ex: ImageJobsError) -> Problem:
    """Return what a client may know of an error."""
    if isinstance(ex, Problem):
        return ex
    if isinstance(ex, Invalid):
        return Problem(ex.code, ex.message, faults=ex.faults)
    if isinstance(ex, Unavailable):
        return Problem(ex.code, retry_after_seconds=ex.retry_after_seconds)
    if isinstance(ex, ImageFailed | TooLarge | BodyIncomplete | BodyTooSlow):
        return Problem(ex.code, ex.message)
    return Problem(ex.code)


async def _on_known(req: Request, resp: Response, ex: ImageJobsError, params: dict[str, Any]) -> None:
    if meaning(ex.code).http_status >= 500:
        extra = {"code": ex.code.value, "reason": ex.message, "request_id": resp.get_header("X-Request-ID")}
        log.log(logging.WARNING if isinstance(ex, Unavailable) else logging.ERROR, "failed", extra=extra)
    _answer(resp, as_problem(ex))


async def _on_http_error(req: Request, resp: Response, ex: falcon.HTTPError, params: dict[str, Any]) -> None:
    status = ex.status_code
    code = _BY_STATUS.get(status, Code.INTERNAL_ERROR if status >= 500 else Code.MALFORMED_REQUEST)
    _answer(resp, Problem(code, _detail(ex)))
    for name, value in dict(ex.headers or {}).items():
        resp.set_header(name, value)


def _detail(ex: falcon.HTTPError) -> str:
    if isinstance(ex, falcon.HTTPRouteNotFound):
        return _NO_ADDRESS
    if isinstance(ex, falcon.HTTPMethodNotAllowed):
        return f"This address takes {dict(ex.headers or {})['Allow']}."
    if isinstance(ex, falcon.MultipartParseError):
        return _FORM.get(ex.description or "", f"The form cannot be read: {ex.description}.")
    return ex.description or ""


async def _on_surprise(req: Request, resp: Response, ex: Exception, params: dict[str, Any]) -> None:
    log.error(
        "failed unexpectedly",
        extra={"request_id": resp.get_header("X-Request-ID"), "path": api_keys.mask_keys(req.path)},
        exc_info=ex,
    )
    _answer(resp, Problem(Code.INTERNAL_ERROR))


def _answer(resp: Response, problem: Problem) -> None:
    status = meaning(problem.code).http_status
    resp.status = status
    resp.content_type = CONTENT_TYPE
    resp.data = json_text.dumps(problem_body(problem)).encode()
    resp.set_header("Cache-Control", "no-store")
    if problem.retry_after_seconds is not None or status in (429, 503):
        resp.set_header("Retry-After", str(math.ceil(problem.retry_after_seconds or RETRY_SECONDS)))
    resp.context.code = problem.code.value
    if problem.job_id:
        resp.context.job_id = problem.job_id
