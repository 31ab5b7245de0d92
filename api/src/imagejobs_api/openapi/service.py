"""The calls about the service itself, which need no key."""

from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.headers import IF_NONE_MATCH
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.openapi.parameters import ASSET_NAME, JOB_IDS
from imagejobs_api.ops.health import HealthBody, ReadyBody
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.settings import Settings
from imagejobs_contract.codes import Code

TAG = "service"
HTML = "text/html"

_CACHE_HEADERS = ("ETag", "Cache-Control")


def operations(settings: Settings, presets: Presets, components: Components) -> list[Operation]:
    """Return the calls."""
    return [_health(), _ready(settings), _document(), _page(), _page_script(), *_web_page()]


def _health() -> Operation:
    return Operation(
        "get",
        "/healthz",
        "getHealth",
        TAG,
        "Health check: is the process alive?",
        "Checks no other part of the service.",
        {200: Answer("The process is alive.", {JSON: HealthBody})},
        is_public=True,
    )


def _ready(settings: Settings) -> Operation:
    return Operation(
        "get",
        "/readyz",
        "getReadiness",
        TAG,
        "Readiness check: can jobs be taken?",
        f"These parts must work: {', '.join(settings.ready_parts)}; "
        f"from the first 200 on: {', '.join(settings.stay_ready_parts)}.",
        {200: Answer("The service is ready.", {JSON: ReadyBody})},
        is_public=True,
    )


def _document() -> Operation:
    return Operation(
        "get",
        "/api/openapi.json",
        "getOpenApi",
        TAG,
        "Get this document",
        "Contains the limits of this server.",
        _cacheable(Answer("The document.", {JSON: {"type": "object"}}, _CACHE_HEADERS)),
        parameters=(IF_NONE_MATCH,),
        is_public=True,
    )


def _page() -> Operation:
    page = {"type": "string", "description": "HTML that is whole without its script."}
    return Operation(
        "get",
        "/docs",
        "getDocs",
        TAG,
        "Get this document as a page",
        "The page works offline and without its script, which adds search, copying and trying calls.",
        _cacheable(Answer("The page.", {HTML: page}, _CACHE_HEADERS)),
        parameters=(IF_NONE_MATCH,),
        is_public=True,
    )


def _page_script() -> Operation:
    script = {"type": "string", "description": "A script."}
    return Operation(
        "get",
        "/docs/docs.js",
        "getDocsScript",
        TAG,
        "Get the script of that page",
        "It loads nothing and stores nothing.",
        _cacheable(Answer("The script.", {"text/javascript": script}, _CACHE_HEADERS)),
        parameters=(IF_NONE_MATCH,),
        is_public=True,
    )


def _web_page() -> list[Operation]:
    page = {"type": "string", "description": "HTML."}
    asset = {"type": "string", "description": "A script, a style sheet or a picture."}
    headers = (*_CACHE_HEADERS, "Vary")
    calls = {
        "getPage": ("/", "Get the page for people", (), {HTML: page}),
        "getJobPage": ("/jobs/{ids}", "Get the page that shows jobs", (JOB_IDS,), {HTML: page}),
        "getPageAsset": (
            "/assets/{name}",
            "Get a part of the page",
            (ASSET_NAME,),
            dict.fromkeys(("text/javascript", "text/css", "image/svg+xml"), asset),
        ),
    }
    return [
        Operation(
            "get",
            path,
            name,
            TAG,
            summary,
            "404 if the page was not built into this server.",
            {
                200: Answer(f"{summary[4:]}.".capitalize(), bodies, headers, ("Content-Encoding",)),
                304: Answer("Not modified.", headers=headers),
            },
            (Code.NOT_FOUND,),
            (*parameters, IF_NONE_MATCH),
            is_public=True,
        )
        for name, (path, summary, parameters, bodies) in calls.items()
    ]


def _cacheable(answer: Answer) -> dict[int, Answer]:
    return {200: answer, 304: Answer("Not modified.", headers=_CACHE_HEADERS)}
