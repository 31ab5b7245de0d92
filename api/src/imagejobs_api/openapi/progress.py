"""The calls that tell how far it is, and lead to results."""

from imagejobs_api.http.errors import ErrorBody
from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.headers import LAST_EVENT
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.parameters import ANY_ID
from imagejobs_api.openapi.request_schema import Schema
from imagejobs_api.progress import events, sse
from imagejobs_api.settings import Settings
from imagejobs_api.view.progress_body import ProgressBody
from imagejobs_contract.codes import OF_AN_IMAGE, Code

TAG = "progress"

_FOUND = (Code.NOT_FOUND, Code.CONFLICT)


def operations(settings: Settings, components: Components) -> list[Operation]:
    """Return the calls."""
    return [_progress(), _events(settings, components), _download(settings)]


def _progress() -> Operation:
    return Operation(
        "get", "/api/progress/{id}", "getProgress", TAG, "Tell how far it is", "The numbers never go back, but for a retry.",
        {200: Answer("The progress.", {JSON: ProgressBody})}, _FOUND, (ANY_ID,),
    )  # fmt: skip


def _events(settings: Settings, components: Components) -> Operation:
    what = (
        "Server-Sent Events: one for where it stands, one for each change, and the last for its end, after which the stream is over. `data` is as "
        f"`getProgress` answers; `event: gone` tells that the job was deleted. A comment comes every {events.HEARTBEAT_SECONDS:g} s, and who is cut "
        f"off comes back after {sse.RETRY_MILLISECONDS} ms. {settings.limits.max_event_streams} streams are open at most."
    )
    return Operation(
        "get", "/api/progress/{id}/events", "streamProgress", TAG, "Tell how far it is as it changes", what,
        {200: Answer("The events.", {events.CONTENT_TYPE: _event(components)}), 204: Answer("Who sent `Last-Event-ID` knows the end already.")},
        (*_FOUND, Code.INVALID_OPTIONS), (ANY_ID, LAST_EVENT),
    )  # fmt: skip


def _event(components: Components) -> Schema:
    """Return the schema of each event, which is what OpenAPI before 3.2 has of a stream."""
    data = {
        "type": "string",
        "contentMediaType": JSON,
        "contentSchema": components.schema_of(ProgressBody | ErrorBody),
    }
    event = {
        "event": {"enum": ["message", sse.GONE]},
        "id": {"type": "string"},
        "data": data,
        "retry": {"type": "integer"},
    }
    return {"type": "object", "properties": event}


def _download(settings: Settings) -> Operation:
    return Operation(
        "get", "/api/download/{id}", "downloadResult", TAG, "Lead to a result",
        "An image that failed is answered with its own error; one that has not ended with 409, as is a batch: its images are downloaded one by one.",
        {307: Answer(f"The result is there, for {settings.link_seconds} s.", headers=("Location",))},
        (*_FOUND, Code.EXPIRED, *OF_AN_IMAGE, Code.INVALID_OPTIONS), (ANY_ID,),
    )  # fmt: skip
