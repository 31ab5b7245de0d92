"""The calls about progress, and the way to results."""

from imagejobs_api.http.errors import ErrorBody
from imagejobs_api.jobs import downloads
from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.headers import LAST_EVENT
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.parameters import ANY_ID, query_parameters
from imagejobs_api.openapi.request_schema import Schema
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.progress import events, sse
from imagejobs_api.settings import Settings
from imagejobs_api.view.progress_body import ProgressBody
from imagejobs_contract.codes import OF_AN_IMAGE, Code

TAG = "progress"

_FOUND_CODES = (Code.NOT_FOUND, Code.CONFLICT)


def operations(settings: Settings, presets: Presets, components: Components) -> list[Operation]:
    """Return the calls."""
    return [_progress(), _events(settings, components), _download(settings)]


def download_parameters() -> tuple[Schema, ...]:
    """Return the parameters of a download."""
    descriptions = {"attachment": "Whether browsers save the file at once, instead of showing it."}
    return query_parameters(downloads.read_attachment, descriptions)


def _progress() -> Operation:
    return Operation(
        "get",
        "/api/progress/{id}",
        "getProgress",
        TAG,
        "Get the progress of a job or an image",
        "The numbers never go down, except after a retry.",
        {200: Answer("The progress.", {JSON: ProgressBody})},
        _FOUND_CODES,
        (ANY_ID,),
    )


def _events(settings: Settings, components: Components) -> Operation:
    description = (
        "Server-Sent Events: the first has the progress now, then one follows for each change. After the "
        "event of the end the stream closes. `data` is the answer of `getProgress`; `event: gone` means "
        f"that the job was deleted. A comment comes every {events.HEARTBEAT_SECONDS:g} s. Browsers that "
        f"lose the connection connect again after {sse.RETRY_MILLISECONDS} ms. At most "
        f"{settings.limits.max_event_streams} streams are open at the same time."
    )
    return Operation(
        "get",
        "/api/progress/{id}/events",
        "streamProgress",
        TAG,
        "Stream the progress as it changes",
        description,
        {
            200: Answer("The events.", {events.CONTENT_TYPE: event_schema(components)}),
            204: Answer("The event in `Last-Event-ID` was the last one."),
        },
        (*_FOUND_CODES, Code.INVALID_OPTIONS),
        (ANY_ID, LAST_EVENT),
    )


def event_schema(components: Components) -> Schema:
    """Return the schema of one event, because OpenAPI before 3.2 has no schema for a stream."""
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
        "get",
        "/api/download/{id}",
        "downloadResult",
        TAG,
        "Download a result",
        "A failed image is answered with its own error. An unfinished image is answered with 409. So is a "
        "batch: download its images one by one.",
        {
            307: Answer(
                f"Redirects to the result; the link is valid for {settings.link_seconds} s.",
                headers=("Location",),
            )
        },
        (*_FOUND_CODES, Code.EXPIRED, *OF_AN_IMAGE, Code.INVALID_OPTIONS),
        (ANY_ID, *download_parameters()),
    )
