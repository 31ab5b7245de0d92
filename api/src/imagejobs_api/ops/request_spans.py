"""A span for each request, named by its route's template, never by its path.

If the client sends a `traceparent`, the span is a child of the client's.
"""

from contextlib import ExitStack
from typing import Any

from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.ops.metrics import METHODS, OTHER
from imagejobs_contract.runtime.traces import Kind, Span, Tracer
from imagejobs_contract.wire import traceparent

UNTRACED_PATHS = frozenset({"/healthz", "/readyz"})


class RequestSpans:
    """Falcon middleware; the outermost one, so that the log of a request names its trace."""

    def __init__(self, traces: Tracer) -> None:
        self._traces = traces

    async def process_request(self, req: Request, resp: Response) -> None:
        """Start the span."""
        open_spans = req.context.open_spans = ExitStack()
        if req.path in UNTRACED_PATHS:
            return
        given = traceparent.clean(req.get_header("traceparent") or "")
        method = req.method if req.method in METHODS else OTHER
        span = self._traces.span(method, {"http.request.method": method}, parent=given, kind=Kind.SERVER)
        req.context.span = open_spans.enter_context(span)
        req.context.traceparent = req.context.span.header

    async def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        """End the span with route, status and job."""
        span: Span | None = getattr(req.context, "span", None)
        if span is not None:
            route = req.uri_template or OTHER
            method = req.method if req.method in METHODS else OTHER
            span.rename(f"{method} {route}")
            span.set({"http.route": route, "http.response.status_code": resp.status_code})
            span.set(_attributes(req, resp))
            if resp.status_code >= 500:
                span.fail(getattr(resp.context, "code", None) or str(resp.status_code))
        req.context.open_spans.close()


def _attributes(req: Request, resp: Response) -> dict[str, str]:
    origin, caller = getattr(req.context, "origin", None), getattr(req.context, "caller", None)
    known: dict[str, Any] = {
        "imagejobs.request_id": origin and origin.request_id,
        "imagejobs.job_id": getattr(resp.context, "job_id", None),
        "imagejobs.caller": caller and caller.name,
        "imagejobs.code": getattr(resp.context, "code", None),
    }
    return {name: str(value) for name, value in known.items() if value}
