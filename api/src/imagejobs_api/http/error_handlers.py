"""The one place where errors become answers: problem details (RFC 9457), for every error of every route.

A client reads the sentence of the code, or a text that was written for clients (`Problem`, `ImageFailed`,
`Invalid`). The words of an outside system go to the log only.
"""

import logging
import math
from typing import Any

import falcon
from falcon.asgi import Response

from imagejobs_api.http import json_io
from imagejobs_api.http.connection import App, BodyIncomplete, BodyTooSlow, Request
from imagejobs_api.http.errors import CONTENT_TYPE, Problem, problem_body
from imagejobs_api.http.log_paths import loggable_path
from imagejobs_contract.codes import Code, meaning
from imagejobs_contract.errors import ImageFailed, ImageJobsError, Invalid, TooLarge, Unavailable

RETRY_SECONDS = 1
"""`Retry-After` of a 429 or 503 whose error names no time."""

_BY_STATUS = {
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.PAYLOAD_TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
    429: Code.RATE_LIMITED,
    503: Code.UNAVAILABLE,
}

_NO_ADDRESS = "This address does not exist; images go to /api/resize or /api/batch, for example."

_FORM_ERRORS = {
    "unexpected form structure": (
        "The form ends before its last boundary,"
        " or its parts are not divided by the boundary that Content-Type names."
    ),
    "incomplete body part headers": "The headers of a part of the form are cut, or too long.",
    "maximum number of form body parts exceeded": (
        "The form has more parts than files and options are allowed."
    ),
}
"""Falcon's words for a broken form -> the same in words for the client."""

log = logging.getLogger(__name__)


def install(app: App) -> None:
    """Install the handlers of all errors."""
    app.add_error_handler(Exception, _on_unexpected)
    app.add_error_handler(falcon.HTTPError, _on_http_error)
    app.add_error_handler(ImageJobsError, _on_own_error)


def as_problem(ex: ImageJobsError) -> Problem:
    """Return the error with the text that a client may read."""
    if isinstance(ex, Problem):
        return ex
    if isinstance(ex, Invalid):
        return Problem(ex.code, ex.message, faults=ex.faults)
    if isinstance(ex, Unavailable):
        return Problem(ex.code, retry_after_seconds=ex.retry_after_seconds)
    if isinstance(ex, ImageFailed | TooLarge | BodyIncomplete | BodyTooSlow):
        return Problem(ex.code, ex.message)
    return Problem(ex.code)


async def _on_own_error(req: Request, resp: Response, ex: ImageJobsError, params: dict[str, Any]) -> None:
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
        return _FORM_ERRORS.get(ex.description or "", f"The form cannot be read: {ex.description}.")
    return ex.description or ""


async def _on_unexpected(req: Request, resp: Response, ex: Exception, params: dict[str, Any]) -> None:
    log.error(
        "failed unexpectedly",
        extra={"request_id": resp.get_header("X-Request-ID"), "path": loggable_path(req.path)},
        exc_info=ex,
    )
    _answer(resp, Problem(Code.INTERNAL_ERROR))


def _answer(resp: Response, problem: Problem) -> None:
    status = meaning(problem.code).http_status
    resp.status = status
    resp.content_type = CONTENT_TYPE
    resp.data = json_io.dumps(problem_body(problem)).encode()
    resp.set_header("Cache-Control", "no-store")
    if problem.retry_after_seconds is not None or status in (429, 503):
        resp.set_header("Retry-After", str(math.ceil(problem.retry_after_seconds or RETRY_SECONDS)))
    resp.context.code = problem.code.value
    if problem.job_id:
        resp.context.job_id = problem.job_id
