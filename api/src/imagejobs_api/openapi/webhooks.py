"""The request that the service makes itself: the callback of a job that ended."""

from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.examples.webhooks import FINISHED
from imagejobs_api.openapi.operation import JSON
from imagejobs_api.openapi.request_schema import Schema
from imagejobs_contract.wire.callback_message import EVENT, FinishedBody

TAG = "callbacks"

_HEADERS = {
    "webhook-id": "The same for each try of one attempt of a job: who has done it can pass over it.",
    "webhook-timestamp": "When this try was made, in seconds since 1970. Refuse what is older than five minutes.",
    "webhook-signature": "`v1,` and an HMAC-SHA256 in base64, one for each secret, with spaces between them.",
}
_ANSWERS = {
    "2XX": "It was received. Answer within 15 s, and do the work afterwards.",
    "410": "No more of this job: it is not sent again.",
    "default": "It is sent again for 24 h, with growing pauses; not before `Retry-After` of a 429, 502, 503 or 504.",
}


def webhooks(components: Components) -> Schema:
    """Return OpenAPI's webhooks object."""
    post = {
        "operationId": "onJobFinished",
        "tags": [TAG],
        "summary": "Tell that a job has ended",
        "description": "Of a job that named a `callback`. Signed in the form of Standard Webhooks, for which most languages have a library. "
        "At least once: the same may come twice.",
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": told,
                "schema": {"type": "string"},
            }
            for name, told in _HEADERS.items()
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
        "responses": {status: {"description": told} for status, told in _ANSWERS.items()},
        "security": [],
    }
    return {EVENT: {"post": post}}
