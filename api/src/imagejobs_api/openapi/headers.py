"""The headers of answers, and the special headers of requests."""

from imagejobs_api.openapi.request_schema import Schema
from imagejobs_api.progress.events import LAST_EVENT_ID
from imagejobs_api.submit import idempotency

REQUEST_ID = "X-Request-ID"
RATE_HEADERS = ("RateLimit", "RateLimit-Policy")

RESPONSE_HEADERS: dict[str, tuple[str, Schema]] = {
    "Location": (
        "The URL to go to: the progress of a job, or a result.",
        {"type": "string", "format": "uri"},
    ),
    "Retry-After": ("Seconds to wait before the next try.", {"type": "integer", "minimum": 0}),
    "Preference-Applied": ("The part of `Prefer` that was applied.", {"type": "string"}),
    "Link": ("The next page, if there is one (RFC 8288).", {"type": "string"}),
    "Content-Length": ("Size of the whole answer in bytes.", {"type": "integer", "minimum": 0}),
    "Content-Disposition": ("The file name under which browsers save it (RFC 6266).", {"type": "string"}),
    "Accept-Ranges": ("`none`: a `Range` is ignored.", {"const": "none"}),
    "ETag": ("Changes when the document changes.", {"type": "string"}),
    "Cache-Control": ("Who may cache the answer, and for how long.", {"type": "string"}),
    "Vary": ("The headers of the request that the answer depends on.", {"type": "string"}),
    "Content-Encoding": ("`gzip` if the request accepts it.", {"const": "gzip"}),
    "WWW-Authenticate": ("How to authenticate (RFC 6750).", {"type": "string"}),
    "RateLimit": (
        "The number of requests that are left, and the seconds until it is reset "
        "(draft-ietf-httpapi-ratelimit-headers).",
        {"type": "string"},
    ),
    "RateLimit-Policy": ("The limit to which `RateLimit` refers.", {"type": "string"}),
    REQUEST_ID: ("The id of this request in the logs: your own, or a new one.", {"type": "string"}),
}
"""Header -> its description and its schema."""

PREFER: Schema = {
    "name": "Prefer",
    "in": "header",
    "description": "How long to wait for the end of the job (RFC 7240). `respond-async` answers 202 at "
    "once; `wait=30` waits up to 30 s; 60 s is the maximum. Malformed preferences are ignored.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY: Schema = {
    "name": idempotency.HEADER,
    "in": "header",
    "description": "Makes it safe to send the request again. The same key with the same content gets the "
    "job of the first request; with other content it gets 422.",
    "schema": {"type": "string", "pattern": f"^({idempotency.PATTERN})$"},
}
IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of your copy; the answer is 304 if it has not changed.",
    "schema": {"type": "string"},
}
LAST_EVENT: Schema = {
    "name": LAST_EVENT_ID,
    "in": "header",
    "description": "The id of the last event that you received: only newer events are sent. Browsers send "
    "this header by themselves.",
    "schema": {"type": "string"},
}


def header_objects(always: tuple[str, ...], sometimes: tuple[str, ...]) -> Schema:
    """Return OpenAPI's map of an answer's headers."""
    required = {name: {**header_object(name), "required": True} for name in always}
    return required | {
        name: {"$ref": f"#/components/headers/{name}"} for name in sometimes if name not in required
    }


def header_object(name: str) -> Schema:
    """Return OpenAPI's description of a header."""
    description, schema = RESPONSE_HEADERS[name]
    return {"description": description, "schema": schema}
