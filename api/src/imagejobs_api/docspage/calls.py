"""One call on the page, also a webhook: its parameters and body, its examples, its answers. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from imagejobs_api.docspage import curl
from imagejobs_api.docspage.fields import field_row, render_fields
from imagejobs_api.docspage.html import Html, copyable, join, line, prose, table, tag
from imagejobs_api.docspage.tryout import can_be_tried, is_file, render_tryout
from imagejobs_api.docspage.words import type_words

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one path.

    Attributes:
        path: "" for a webhook, which the service sends to a caller's address.
        operation: OpenAPI's operation object.
        document: The whole document, in which references are resolved.
    """

    method: str
    path: str
    operation: Schema
    document: Schema

    @property
    def id(self) -> str:
        """Return its anchor on the page."""
        return str(self.operation["operationId"])

    @property
    def summary(self) -> str:
        """Return its title."""
        return str(self.operation["summary"])

    def resolve(self, schema: Schema) -> Schema:
        """Return the schema itself, or the one that it refers to."""
        place: Any = self.document
        for name in schema["$ref"].split("/")[1:] if "$ref" in schema else ():
            place = place[name]
        return schema if place is self.document else place


def calls_with_tag(document: Schema, name: str) -> Iterator[Call]:
    """Yield the calls of a group, in the document's order; webhooks come last."""
    webhooks = (("", methods) for methods in document.get("webhooks", {}).values())
    for path, methods in chain(document["paths"].items(), webhooks):
        for method, operation in methods.items():
            if name in operation["tags"]:
                yield Call(method, path, operation, document)


def render_call(call: Call) -> Html:
    """Return the article about a call."""
    where = tag("code", call.path) if call.path else "to the address that the job names"
    title = tag("p", tag("b", call.method.upper(), class_=call.method), " ", where, class_="call")
    about = prose(call.operation["description"])
    return tag(
        "article",
        tag("h3", call.summary),
        title,
        about,
        _render_parameters(call),
        *_render_body(call),
        *_render_examples(call),
        _render_tryout(call),
        _render_answers(call),
        id=call.id,
    )


def first_command(document: Schema) -> Html:
    """Return the first example of the first call, for those who want to try before they read."""
    first = next(calls_with_tag(document, document["tags"][0]["name"]))
    return _render_command(next(command for _, command, _ in _curl_examples(first) if command))


def _render_parameters(call: Call) -> Html:
    found = call.operation["parameters"]
    rows = [
        field_row(
            each["name"],
            each["schema"],
            needed=bool(call.path) and each.get("required", False),
            meaning=each["description"],
        )
        for each in found
    ]
    with_places = [
        (name, join(kind, tag("div", tag("small", f"in the {each['in']}"))), meaning)
        for (name, kind, meaning), each in zip(rows, found, strict=True)
    ]
    if not rows:
        return Html("")
    return join(tag("h4", "Parameters"), table(("parameter", "type", "meaning"), with_places))


def _render_body(call: Call) -> list[Html]:
    content = call.operation.get("requestBody", {}).get("content", {})
    if not content:
        return []
    schema = next(iter(content.values()))["schema"]
    choices = [call.resolve(each) for each in schema.get("oneOf", [schema])]
    names = join(*[join(tag("code", each), " ") for each in content])
    tables = [tag("p", "or") if n else Html("") for n in range(len(choices))]
    return [
        tag("h4", "Body"),
        tag("p", names),
        *(join(between, render_fields(each)) for between, each in zip(tables, choices, strict=True)),
    ]


def _render_examples(call: Call) -> list[Html]:
    shown = [
        _render_example(*each) for each in (_curl_examples(call) if call.path else _webhook_examples(call))
    ]
    return [tag("h4", "Examples"), *shown] if shown else []


def _curl_examples(call: Call) -> Iterator[tuple[str, str, Any]]:
    for each in curl.examples(
        call.method, call.path, call.operation, curl.base_address(call.document), _file_fields(call)
    ):
        yield f"{each.summary}: {each.status}" if each.status else each.summary, each.command, each.answer


def _webhook_examples(call: Call) -> Iterator[tuple[str, str, Any]]:
    for content in call.operation["requestBody"]["content"].values():
        for each in content["examples"].values():
            yield each["summary"], "", each["value"]


def _render_example(summary: str, command: str, answer: Any) -> Html:
    shown = [_render_command(command)] if command else []
    return tag("details", tag("summary", summary), *shown, _render_code(_format_answer(answer)))


def _render_tryout(call: Call) -> Html:
    content = call.operation.get("requestBody", {}).get("content", {})
    body = call.resolve(next(iter(content.values()))["schema"]) if content else {}
    if not call.path or not can_be_tried(call.method, call.operation, body.get("properties", {})):
        return Html("")
    return render_tryout(call.method, call.path, call.operation["parameters"], body)


def _file_fields(call: Call) -> set[str]:
    content = call.operation.get("requestBody", {}).get("content", {})
    fields = {
        name: each
        for body in content.values()
        for name, each in call.resolve(body["schema"]).get("properties", {}).items()
    }
    return {name for name, each in fields.items() if is_file(each.get("items", each))}


def _render_command(text: str) -> Html:
    return copyable(_render_code(text))


def _render_code(text: str) -> Html:
    # It scrolls, also by the keyboard.
    return tag("pre", tag("code", text), tabindex="0") if text else Html("")


def _format_answer(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, indent=2, ensure_ascii=False)


def _render_answers(call: Call) -> Html:
    if not call.path:
        return join(tag("h4", "Your answer"), table(("status", "meaning"), _webhook_answers(call)))
    answers = [(status, call.resolve(answer)) for status, answer in call.operation["responses"].items()]
    good = [
        (
            tag("b", status),
            join(line(each["description"]), _render_headers(call, each)),
            _render_content(each),
        )
        for status, each in answers
        if status < "400"
    ]
    bad = [(tag("b", status), line(each["description"])) for status, each in answers if status >= "400"]
    errors = tag("details", tag("summary", "Errors"), table(("status", "codes"), bad))
    return join(tag("h4", "Answers"), table(("status", "when", "body"), good), errors)


def _webhook_answers(call: Call) -> list[tuple[str, str]]:
    return [
        (tag("b", status if status != "default" else "else"), line(each["description"]))
        for status, each in call.operation["responses"].items()
    ]


def _render_headers(call: Call, answer: Schema) -> Html:
    always = [name for name, header in answer.get("headers", {}).items() if header.get("required")]
    return tag("div", tag("small", "With ", ", ".join(always), ".")) if always else Html("")


def _render_content(answer: Schema) -> Html:
    return join(
        *(
            tag("div", type_words(each["schema"]), " ", tag("small", media_type))
            for media_type, each in answer.get("content", {}).items()
        )
    )
