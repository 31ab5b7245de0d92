"""Checks answers of the API against its OpenAPI document: status, headers, media type, all body fields.

The document is one of a server with callers and callbacks, which knows everything that one without them does.
"""

import functools
import json
import re
from typing import Any

import httpx2
import jsonschema_rs

from imagejobs_api.http import browser_security
from imagejobs_api.openapi.document import document
from imagejobs_api.settings import Settings
from imagejobs_contract.reader import Reader


@functools.cache
def full_document() -> dict[str, Any]:
    """Return the document."""
    secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    return document(Settings.read(Reader({"CALLERS_FILE": "callers.yaml", "WEBHOOK_SECRETS": secret})))


COMMON_HEADERS = {
    *(
        "content-type",
        "content-length",
        "date",
        "connection",
        "transfer-encoding",
        "cache-control",
        "x-accel-buffering",
        "vary",
    ),
    *(name.lower() for name in browser_security.SECURITY_HEADERS),
}
"""Headers that the document describes once for all answers, or that belong to HTTP itself or to proxies."""


def check(request: httpx2.Request, answer: httpx2.Response, *, with_body: bool = True) -> None:
    """Fail unless the document says that this request may have this answer."""
    operation = find_operation(request.method, _documented_path(request.url))
    if operation is None:
        return
    where = f"{request.method} {request.url.path} -> {answer.status_code}"
    documented = operation["responses"].get(str(answer.status_code))
    assert documented is not None, (
        f"{where}: no such status in the document: {answer.text if with_body else ''}"
    )
    documented = resolve(documented)
    missing = [
        name
        for name, header in documented.get("headers", {}).items()
        if resolve(header).get("required") and name not in answer.headers
    ]
    assert not missing, f"{where}: without {missing}"
    more = (
        {name for name in answer.headers if not name.startswith("access-control-")}
        - COMMON_HEADERS
        - {name.lower() for name in documented.get("headers", {})}
    )
    assert not more, f"{where}: the document has no header {more}"
    if with_body and request.method != "HEAD" and answer.status_code != 304:
        _check_body(where, documented.get("content", {}), answer)


def _documented_path(url: httpx2.URL) -> str:
    """Return the path; `?as=` of a job is told as an address of its own."""
    is_copy = "as" in url.params and re.fullmatch("/api/jobs/[^/]+", url.path)
    return f"{url.path}/copy" if is_copy else url.path


def check_message(message: Any) -> None:
    """Fail unless a callback's message is as the document says."""
    schema = full_document()["webhooks"]["imagejob.finished"]["post"]["requestBody"]["content"][
        "application/json"
    ]["schema"]
    faults = [each.message for each in _validator(json.dumps(schema)).iter_errors(message)]
    assert not faults, f"{faults} in {message}"


def find_operation(method: str, path: str) -> dict[str, Any] | None:
    """Return the operation of a request; None where the API has no such address or method."""
    for template, methods in full_document()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            found: dict[str, Any] | None = methods.get({"HEAD": "get"}.get(method, method.lower()))
            return found
    return None


def resolve(documented: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference leads to."""
    if "$ref" not in documented:
        return documented
    place: Any = full_document()
    for name in documented["$ref"].removeprefix("#/").split("/"):
        place = place[name]
    return place


def _check_body(where: str, content: dict[str, Any], answer: httpx2.Response) -> None:
    if not content:
        assert not answer.content, f"{where}: has a body: {answer.text}"
        return
    kind = answer.headers["Content-Type"].split(";")[0]
    assert kind in content, f"{where}: {kind} is none of {list(content)}"
    for value in _values(kind, answer):
        faults = [
            f"{'/'.join(map(str, each.instance_path))}: {each.message}"
            for each in _validator(json.dumps(content[kind]["schema"])).iter_errors(value)
        ]
        assert not faults, f"{where}: {faults} in {value}"


def _values(kind: str, answer: httpx2.Response) -> list[Any]:
    if kind.endswith("json") and kind != "application/x-ndjson":
        return [answer.json()]
    if kind == "text/event-stream":
        return [event for event in map(_event, answer.text.split("\n\n")) if event]
    return (
        [json.loads(line) for line in answer.text.splitlines()]
        if kind == "application/x-ndjson"
        else [answer.text]
    )


def _event(text: str) -> dict[str, Any]:
    fields = [line.partition(": ") for line in text.splitlines() if line and not line.startswith(":")]
    event: dict[str, Any] = {name: int(value) if name == "retry" else value for name, _, value in fields}
    if "data" in event:
        schema = resolve(full_document()["paths"]["/api/progress/{id}/events"]["get"]["responses"]["200"])[
            "content"
        ]["text/event-stream"]["schema"]
        assert _validator(json.dumps(schema["properties"]["data"]["contentSchema"])).is_valid(
            json.loads(event["data"])
        ), event
    return event


@functools.cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    documented = json.loads(schema) | {"components": _forbid_other_fields(full_document()["components"])}
    return jsonschema_rs.Draft202012Validator(documented, validate_formats=True)


def _forbid_other_fields(components: dict[str, Any]) -> dict[str, Any]:
    """Return the components with schemas that allow no other fields, so that each must be documented."""
    schemas = {
        name: {**schema, "additionalProperties": False} if "properties" in schema else schema
        for name, schema in components["schemas"].items()
    }
    return {"schemas": schemas}
