"""Examples as people type them: a command for curl, and what it is answered. Pure."""

import json
import shlex
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

Schema = dict[str, Any]
DEFAULT_ADDRESS = "http://127.0.0.1:8080"
"""Where a server is that does not say under which address it is reached."""
LINE_BREAK = " \\\n  "
MAX_LINE_CHARACTERS = 88
"""Characters of a command that stands on one line."""


@dataclass(frozen=True, slots=True)
class CurlExample:
    """An example.

    Attributes:
        status: "" where the answer has no body.
        command: "" where the request is not shown, as it is wrong.
        answer: The body of its answer, as JSON or text; "" without one.
    """

    status: str
    summary: str
    command: str
    answer: Any


def examples(
    method: str, path: str, operation: Schema, server: str, files: Container[str]
) -> Iterator[CurlExample]:
    """Yield the examples of an operation: those whose answers have no body, then the others.

    Args:
        method: In small letters, as OpenAPI has it.
        path: With its parameters in braces.
        operation: The example's.
        server: What the path comes after.
        files: Fields of the body that hold files.
    """
    url, asked, answered = (
        (DEFAULT_ADDRESS if server == "/" else server) + path,
        _request_examples(operation),
        list(_response_examples(operation)),
    )
    for name in [name for name in asked if name not in {each for _, each, *_ in answered}]:
        yield CurlExample("", asked[name], command(method, url, operation, name, files), "")
    for status, name, kind, example in answered:
        told = "requestBody" not in operation or name in asked
        yield CurlExample(
            status,
            example["summary"],
            command(method, url, operation, name, files, kind) if told else "",
            example["value"],
        )


def command(
    method: str, url: str, operation: Schema, name: str, files: Container[str], kind: str = ""
) -> str:
    """Return the command that sends an example.

    Args:
        kind: Media type of the answer that has to be asked for.
    """
    words = ["curl", *_save_option(operation), *([f"-H 'Accept: {kind}'"] if kind else [])]
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
    """Yield the option by which a file is saved under its name, where the answer is one or leads to one."""
    if "307" in operation["responses"]:
        yield "-LOJ"
    elif "Content-Disposition" in operation["responses"].get("200", {}).get("headers", {}):
        yield "-OJ"


def _request_examples(operation: Schema) -> dict[str, str]:
    """Return the examples of requests: name -> summary."""
    places = [*operation["parameters"], *operation.get("requestBody", {}).get("content", {}).values()]
    return {
        name: example["summary"] for place in places for name, example in place.get("examples", {}).items()
    }


def _response_examples(operation: Schema) -> Iterator[tuple[str, str, str, Schema]]:
    """Yield the examples of answers: status, name, media type if it has to be asked for, example."""
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
