"""Gives every request an id and logs one line for it. Never logs queries, bodies, keys or links."""

import logging
import secrets
import time
from typing import Any

from falcon.asgi import Response

from imagejobs_api.callers.caller import Caller
from imagejobs_api.http.connection import Request
from imagejobs_api.http.log_paths import loggable_path
from imagejobs_contract.runtime import logs
from imagejobs_contract.wire.origin import REQUEST_ID, Origin

HEADER = "X-Request-ID"

_PROBES = ("/healthz", "/readyz")

log = logging.getLogger(__name__)


class RequestLog:
    """Falcon middleware: sets `X-Request-ID` and `Request.origin`, and logs each request at its end."""

    async def process_request(self, req: Request, resp: Response) -> None:
        """Use the id that the client sent if it is well-formed, else make one."""
        given = req.get_header(HEADER) or ""
        request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        resp.set_header(HEADER, request_id)
        req.context.origin = Origin(request_id, getattr(req.context, "traceparent", ""))
        logs.bind(request_id=request_id)
        req.context.started = time.perf_counter()

    async def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        """Log the request."""
        line: dict[str, Any] = {
            "method": req.method,
            "path": loggable_path(req.path),
            "status": resp.status_code,
            "milliseconds": round(1000 * (time.perf_counter() - req.context.started), 1),
        }
        caller: Caller | None = getattr(req.context, "caller", None)
        known = {
            "job_id": getattr(resp.context, "job_id", None),
            "caller": caller and caller.name,
            "key_name": caller and caller.key_name,
        }
        line |= {name: value for name, value in known.items() if value}
        log.log(logging.DEBUG if req.path in _PROBES else logging.INFO, "request", extra=line)
