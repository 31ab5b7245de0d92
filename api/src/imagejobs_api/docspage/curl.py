"""Examples as commands for curl, with their answers. Pure."""

import json
import shlex
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from imagejobs_api.jobs.copy_as import KEY_VARIABLE

Schema = dict[str, Any]
DEFAULT_ADDRESS = "http://127.0.0.1:8080"
"""The address of a server whose document names none."""
KEY_OPTION = f'-H "Authorization: Bearer ${KEY_VARIABLE}"'
LINE_BREAK = " \\\n  "
MAX_LINE_CHARACTERS = 88
"""A longer command is split into several lines."""


@dataclass(frozen=True, slots=True)
class CurlExample:
    """An example.

    Attributes:
        status: "" if the answer has no body.
        command: "" if the request is invalid and so not shown.
        answer: The body of the answer, JSON or text; "" without one.
    """

    status: str
    summary: str
    command: str
    answer: Any


def base_address(document: Schema) -> str:
    """Return the URL before every path of the document."""
    url = str(document["servers"][0]["url"])
    return DEFAULT_ADDRESS if url == "/" else url


def examples(
    method: str, path: str, operation: Schema, server: str, files: Container[str]
) -> Iterator[CurlExample]:
    """Yield the examples of an operation: those whose answers have no body, then the others.

    Args:
        method: In lower case, as in OpenAPI.
        path: With its parameters in braces.
        operation: OpenAPI's operation object.
        server: The URL before the path.
        files: Fields of the body that hold files.
    """
    url = server + path
    requests, responses = _request_examples(operation), list(_response_examples(operation))
    with_body = {name for _, name, *_ in responses}
    for name, summary in requests.items():
        if name not in with_body:
            yield CurlExample("", summary, command(method, url, operation, name, files), "")
    for status, name, accept, example in responses:
        is_shown = "requestBody" not in operation or name in requests
        line = command(method, url, operation, name, files, accept) if is_shown else ""
        yield CurlExample(status, example["summary"], line, example["value"])


def command(
    method: str, url: str, operation: Schema, name: str, files: Container[str], accept: str = ""
) -> str:
    """Return the command that sends an example.

    Args:
        accept: Media type for the header `Accept`; "" sends none.
    """
    words = ["curl", *_save_option(operation)]
    if operation.get("security"):
        words.append(KEY_OPTION)
    if accept:
        words.append(f"-H 'Accept: {accept}'")
    query = {}
    for parameter in operation["parameters"]:
        if name not in parameter.get("examples", {}):
            continue
        value = _text(parameter["examples"][name]["value"])
        if parameter["in"] == "header":
            words.append(f"-H {shlex.quote(parameter['name'] + ': ' + value)}")
        elif parameter["in"] == "query":
            query[parameter["name"]] = value
        else:
            url = url.replace(f"{{{parameter['name']}}}", quote(value))
    body = list(_body_options(operation, name, files))
    if method != ("post" if body else "get"):
        words.append(f"-X {method.upper()}")
    words += [*body, shlex.quote(url + (f"?{urlencode(query)}" if query else ""))]
    short = " ".join(words)
    return short if len(short) <= MAX_LINE_CHARACTERS else LINE_BREAK.join(words)


def _save_option(operation: Schema) -> Iterator[str]:
    """Yield the option that saves a file under its name, if the answer is a file or redirects to one."""
    if "307" in operation["responses"]:
        yield "-LOJ"
    elif "Content-Disposition" in operation["responses"].get("200", {}).get("headers", {}):
        yield "-OJ"


def _request_examples(operation: Schema) -> dict[str, str]:
    """Return the examples with a request: name -> summary."""
    places = [*operation["parameters"], *operation.get("requestBody", {}).get("content", {}).values()]
    return {
        name: example["summary"] for place in places for name, example in place.get("examples", {}).items()
    }


def _response_examples(operation: Schema) -> Iterator[tuple[str, str, str, Schema]]:
    """Yield the examples of answers: status, name, media type unless it is the first one, example."""
    for status, response in operation["responses"].items():
        for n, (kind, content) in enumerate(response.get("content", {}).items()):
            for name, example in content.get("examples", {}).items():
                yield status, name, kind if n else "", example


def _body_options(operation: Schema, name: str, files: Container[str]) -> Iterator[str]:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if name not in content.get("examples", {}):
            continue
        fields = content["examples"][name]["value"]
        if media_type == "application/json":
            yield f"--json {shlex.quote(json.dumps(fields, ensure_ascii=False))}"
            continue
        option = "-F" if media_type.startswith("multipart") else "-d"
        for field, value in fields.items():
            mark = "@" if field in files else ""
            for each in value if isinstance(value, list) else [value]:
                yield f"{option} {shlex.quote(f'{field}={mark}{_text(each)}')}"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
