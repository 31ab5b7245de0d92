"""The calls of a watch link, which need no key: the link itself is the permission to read one job."""

from imagejobs_api.archive.resource import ZIP, read_range
from imagejobs_api.jobs import results
from imagejobs_api.jobs.csv_lines import CSV
from imagejobs_api.jobs.pictures import PicturesBody
from imagejobs_api.jobs.result_body import ResultBody
from imagejobs_api.jobs.results import NDJSON, ResultsBody
from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.headers import IF_NONE_MATCH, LAST_EVENT
from imagejobs_api.openapi.jobs import PICTURE_DESCRIPTIONS, csv_schema
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.parameters import IMAGE_NUMBER, TICKET, query_parameters
from imagejobs_api.openapi.progress import event_schema
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
    descriptions = {
        "limit": "Results on a page.",
        "cursor": "`next_cursor` of the page before: the number of its first image.",
        "state": "Only images in this state; an image without an outcome has the state of its job.",
        "code": "Only images that failed with one of these codes, separated by commas.",
        **PICTURE_DESCRIPTIONS,
    }
    return Operation(
        "get",
        "/watch/{ticket}/results",
        "watchResults",
        TAG,
        "List the result of each image",
        "As `listResults`. The download links in it end with the watch link.",
        {
            200: Answer(
                "A page, or a line for each image.",
                {JSON: ResultsBody | PicturesBody, NDJSON: ResultBody, CSV: csv_schema()},
                ("Vary",),
                ("Link", "Content-Disposition"),
            )
        },
        (*_CODES, Code.INVALID_OPTIONS),
        (TICKET, *query_parameters(results.read_query, descriptions)),
        is_by_link=True,
    )


def _archive() -> Operation:
    descriptions = {
        "first": "The number of the first image to include, from 0.",
        "count": "The number of images to include. The default is all from `first` on.",
    }
    zipped = {"type": "string", "contentMediaType": ZIP, "description": "The archive."}
    return Operation(
        "get",
        "/watch/{ticket}/archive",
        "watchArchive",
        TAG,
        "Download all outputs as one zip",
        "As `getArchive`.",
        {
            200: Answer(
                "The archive.", {ZIP: zipped}, ("Content-Length", "Content-Disposition", "Accept-Ranges")
            )
        },
        (*_CODES, Code.EXPIRED, Code.INVALID_OPTIONS),
        (TICKET, *query_parameters(read_range, descriptions)),
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
        (TICKET, IMAGE_NUMBER),
        is_by_link=True,
    )
