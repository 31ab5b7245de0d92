"""The request that the service sends itself: the callback of a finished job."""

from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.examples.webhooks import FINISHED
from imagejobs_api.openapi.operation import JSON
from imagejobs_api.openapi.request_schema import Schema
from imagejobs_contract.wire.callback_message import EVENT, FinishedBody

TAG = "callbacks"

_HEADERS = {
    "webhook-id": "The same for each try to deliver one attempt of a job. Ignore an id that you have "
    "processed.",
    "webhook-timestamp": "The time of this try, in seconds since 1970. Refuse one older than five minutes.",
    "webhook-signature": "`v1,` and an HMAC-SHA256 in base64, one for each secret, with spaces between them.",
}
_ANSWERS = {
    "2XX": "You received it. Answer within 15 s, and do the work afterwards.",
    "410": "You want no more callbacks of this job. It is not sent again.",
    "default": "It is sent again for 24 h, with growing pauses. `Retry-After` is respected in a 429, 502, "
    "503 or 504.",
}


def webhooks(components: Components) -> Schema:
    """Return OpenAPI's webhooks object."""
    post = {
        "operationId": "onJobFinished",
        "tags": [TAG],
        "summary": "A job has ended",
        "description": "Sent for a job with a `callback`. It is signed as Standard Webhooks specifies, for "
        "which most languages have a library. It is delivered at least once, so the same callback may come "
        "twice.",
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": description,
                "schema": {"type": "string"},
            }
            for name, description in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": components.schema_of(FinishedBody),
                    "examples": {"one": {"summary": "A job of one image", "value": FINISHED}},
                }
            },
        },
        "responses": {status: {"description": description} for status, description in _ANSWERS.items()},
        "security": [],
    }
    return {EVENT: {"post": post}}
