"""The headers that answers have, and those that requests may have beside the usual ones."""

from imagejobs_api.openapi.request_schema import Schema
from imagejobs_api.progress.events import LAST_EVENT_ID
from imagejobs_api.submit import idempotency

REQUEST_ID = "X-Request-ID"
RATE_HEADERS = ("RateLimit", "RateLimit-Policy")

RESPONSE_HEADERS: dict[str, tuple[str, Schema]] = {
    "Location": (
        "Where to go on: to the progress of a job, to a result.",
        {"type": "string", "format": "uri"},
    ),
    "Retry-After": ("After how many seconds to ask again.", {"type": "integer", "minimum": 0}),
    "Preference-Applied": ("What of `Prefer` was done.", {"type": "string"}),
    "Link": ("The next page, if there is one (RFC 8288).", {"type": "string"}),
    "Content-Length": ("Bytes of the whole answer.", {"type": "integer", "minimum": 0}),
    "Content-Disposition": ("The name under which browsers save it (RFC 6266).", {"type": "string"}),
    "Accept-Ranges": ("`none`: what `Range` asks for is not heeded.", {"const": "none"}),
    "ETag": ("Changes with the document.", {"type": "string"}),
    "Cache-Control": ("How long the answer may be kept, and by whom.", {"type": "string"}),
    "Vary": ("What of the request the answer goes by.", {"type": "string"}),
    "WWW-Authenticate": ("How to show who you are (RFC 6750).", {"type": "string"}),
    "RateLimit": (
        "How many requests are left, and for how long (draft-ietf-httpapi-ratelimit-headers).",
        {"type": "string"},
    ),
    "RateLimit-Policy": ("Which limit that is.", {"type": "string"}),
    REQUEST_ID: ("The id of this request in the logs: your own, or one that was made.", {"type": "string"}),
}
"""Header -> what it tells, and its schema."""

PREFER: Schema = {
    "name": "Prefer",
    "in": "header",
    "description": "How long to wait for the end (RFC 7240): `respond-async` answers 202 at once, `wait=30` waits up to 30 s, 60 at most. "
    "What it says wrongly is ignored.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY: Schema = {
    "name": idempotency.HEADER,
    "in": "header",
    "description": "Makes it safe to send the request again: the same key and content get the job of the first request, other content gets 422.",
    "schema": {"type": "string", "pattern": f"^({idempotency.PATTERN})$"},
}
IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of what you have: 304 if it is as it was.",
    "schema": {"type": "string"},
}
LAST_EVENT: Schema = {
    "name": LAST_EVENT_ID,
    "in": "header",
    "description": "The id of the last event that was received: only what is new since is sent. Browsers send it by themselves.",
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
