"""Examples as people type them: a command for curl, and what it is answered. Pure."""

import json
import shlex
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

Schema = dict[str, Any]
LOCAL = "http://127.0.0.1:8080"
"""Where a server is that does not say under which address it is reached."""
BREAK = " \\\n  "
SHORT = 88
"""Characters of a command that stands on one line."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An example.

    Attributes:
        command: "" where the request is not shown, as it is wrong.
        answer: The body of its answer, as JSON or text.
    """

    status: str
    summary: str
    command: str
    answer: Any


def examples(method: str, path: str, operation: Schema, server: str, files: Container[str]) -> Iterator[Shown]:
    """Yield the examples of an operation.

    Args:
        method: In small letters, as OpenAPI has it.
        path: With its parameters in braces.
        operation: The example's.
        server: What the path comes after.
        files: Fields of the body that hold files.
    """
    for status, name, example in _answered(operation):
        base = LOCAL if server == "/" else server
        told = "requestBody" not in operation or any(name in each.get("examples", {}) for each in operation["requestBody"]["content"].values())
        typed = command(method, base + path, operation, name, files) if told else ""
        yield Shown(status, example["summary"], typed, example["value"])


def command(method: str, url: str, operation: Schema, name: str, files: Container[str]) -> str:
    """Return the command that sends an example."""
    words = ["curl"]
    query = {}
    for parameter in operation["parameters"]:
        if name not in parameter.get("examples", {}):
            continue
        value = str(parameter["examples"][name]["value"])
        if parameter["in"] == "header":
            words.append(f"-H {shlex.quote(parameter['name'] + ': ' + value)}")
        elif parameter["in"] == "query":
            query[parameter["name"]] = value
        else:
            url = url.replace(f"{{{parameter['name']}}}", quote(value))
    body = list(_body(operation, name, files))
    if method != ("post" if body else "get"):
        words.append(f"-X {method.upper()}")
    words += [*body, shlex.quote(url + (f"?{urlencode(query)}" if query else ""))]
    short = " ".join(words)
    return short if len(short) <= SHORT else BREAK.join(words)


def _answered(operation: Schema) -> Iterator[tuple[str, str, Schema]]:
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            for name, example in content.get("examples", {}).items():
                yield status, name, example


def _body(operation: Schema, name: str, files: Container[str]) -> Iterator[str]:
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
