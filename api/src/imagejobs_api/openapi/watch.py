"""The calls of a watch link, which need no key: the link itself is the permission to read one job."""

from imagejobs_api.archive.resource import read_range
from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.headers import IF_NONE_MATCH, LAST_EVENT
from imagejobs_api.openapi.jobs import ARCHIVE, RANGE_DESCRIPTIONS, RESULTS, results_parameters
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.parameters import IMAGE_NUMBER, TICKET, query_parameters
from imagejobs_api.openapi.progress import download_parameters, event_schema
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.progress import events
from imagejobs_api.settings import Settings
from imagejobs_api.watch.body import WatchBody
from imagejobs_contract.codes import OF_AN_IMAGE, Code

TAG = "watch"

_CODES = (Code.NOT_FOUND, Code.LINK_EXPIRED, Code.CONFLICT)


def operations(settings: Settings, presets: Presets, components: Components) -> list[Operation]:
    """Return the calls."""
    return [_job(settings), _events(components), _results(), _archive(), _download()]


def _job(settings: Settings) -> Operation:
    return Operation(
        "get",
        "/watch/{ticket}",
        "watchJob",
        TAG,
        "Watch a job by its link",
        f"The `watch_url` of a job: whoever has it may read this job, and no other, for "
        f"{settings.link_seconds} s. It ends with the job, too. Each answer about a job has a new one.",
        {
            200: Answer(
                "The job; the page that shows it, where a browser asks.",
                {JSON: WatchBody, "text/html": {"type": "string", "description": "HTML."}},
                ("Vary",),
                ("ETag", "Content-Encoding"),
            ),
            304: Answer("The page is not modified.", headers=("ETag", "Vary")),
        },
        _CODES,
        (TICKET, IF_NONE_MATCH),
        is_by_link=True,
    )


def _events(components: Components) -> Operation:
    return Operation(
        "get",
        "/watch/{ticket}/events",
        "watchProgress",
        TAG,
        "Stream the progress as it changes",
        "As `streamProgress`, for an `EventSource`, which can send no key. It ends with the link.",
        {
            200: Answer("The events.", {events.CONTENT_TYPE: event_schema(components)}),
            204: Answer("The event in `Last-Event-ID` was the last one."),
        },
        (*_CODES, Code.INVALID_OPTIONS),
        (TICKET, LAST_EVENT),
        is_by_link=True,
    )


def _results() -> Operation:
    return Operation(
        "get",
        "/watch/{ticket}/results",
        "watchResults",
        TAG,
        "List the result of each image",
        "As `listResults`. The download links in it end with the watch link.",
        {200: RESULTS},
        (*_CODES, Code.INVALID_OPTIONS),
        (TICKET, *results_parameters()),
        is_by_link=True,
    )


def _archive() -> Operation:
    return Operation(
        "get",
        "/watch/{ticket}/archive",
        "watchArchive",
        TAG,
        "Download all outputs as one zip",
        "As `getArchive`.",
        {200: ARCHIVE},
        (*_CODES, Code.EXPIRED, Code.INVALID_OPTIONS),
        (TICKET, *query_parameters(read_range, RANGE_DESCRIPTIONS)),
        is_by_link=True,
    )


def _download() -> Operation:
    return Operation(
        "get",
        "/watch/{ticket}/download/{index}",
        "watchResult",
        TAG,
        "Download the result of one image",
        "As `downloadResult`, also as the source of an `<img>`.",
        {307: Answer("Redirects to the result; that link ends with this one.", headers=("Location",))},
        (*_CODES, Code.EXPIRED, *OF_AN_IMAGE, Code.INVALID_OPTIONS),
        (TICKET, IMAGE_NUMBER, *download_parameters()),
        is_by_link=True,
    )
