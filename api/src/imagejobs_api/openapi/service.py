"""The calls about the service itself, which need no key."""

from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.headers import IF_NONE_MATCH
from imagejobs_api.openapi.operation import JSON, Answer, Operation
from imagejobs_api.ops.health import HealthBody, ReadyBody
from imagejobs_api.settings import Settings

TAG = "service"
HTML = "text/html"

_KEPT = ("ETag", "Cache-Control")


def operations(settings: Settings, components: Components) -> list[Operation]:
    """Return the calls."""
    return [_health(), _ready(settings), _document(), _page()]


def _health() -> Operation:
    return Operation(
        "get", "/healthz", "getHealth", TAG, "Tell that the process lives", "Asks nobody else.",
        {200: Answer("It does.", {JSON: HealthBody})}, is_public=True,
    )  # fmt: skip


def _ready(settings: Settings) -> Operation:
    return Operation(
        "get", "/readyz", "getReadiness", TAG, "Tell whether jobs can be taken", f"Needed are {', '.join(settings.ready_parts)}.",
        {200: Answer("They can.", {JSON: ReadyBody})}, is_public=True,
    )  # fmt: skip


def _document() -> Operation:
    return Operation(
        "get", "/api/openapi.json", "getOpenApi", TAG, "This document", "With the limits that this server has.",
        {200: Answer("The document.", {JSON: {"type": "object"}}, _KEPT), 304: Answer("It is as it was.", headers=_KEPT)},
        parameters=(IF_NONE_MATCH,), is_public=True,
    )  # fmt: skip


def _page() -> Operation:
    page = {"type": "string", "description": "HTML that shows nothing but itself."}
    return Operation(
        "get", "/docs", "getDocs", TAG, "This document for people", "A page that works offline.",
        {200: Answer("The page.", {HTML: page}, _KEPT), 304: Answer("It is as it was.", headers=_KEPT)}, parameters=(IF_NONE_MATCH,), is_public=True,
    )  # fmt: skip
