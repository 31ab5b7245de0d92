"""Turns the declared calls into OpenAPI's objects."""

from collections.abc import Iterable, Mapping
from typing import Any

from imagejobs_api.openapi import problems
from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.examples import EXAMPLES
from imagejobs_api.openapi.headers import RATE_HEADERS, REQUEST_ID, header_objects
from imagejobs_api.openapi.operation import Answer, Example, Operation
from imagejobs_api.openapi.request_schema import Schema
from imagejobs_contract.codes import Code


class Writer:
    """Writes the operation objects of a document, and collects the parts that they share.

    Made by `document` for one document.

    Args:
        scheme: Name of the security scheme; "" for an API without keys.

    Attributes:
        components: The schemas.
        responses: The error responses of several calls.
    """

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme
        self.components = Components()
        self.responses: dict[str, Schema] = {}

    def operation(self, each: Operation) -> Schema:
        """Return OpenAPI's operation object."""
        counted = not each.is_public
        with_key = bool(self._scheme) and counted and not each.is_by_link
        usual = (REQUEST_ID, *(RATE_HEADERS if counted else ()))
        answers = {
            str(status): self._answer(each, status, answer, usual) for status, answer in each.answers.items()
        }
        error_statuses = {example.status for example in _examples(each)} - each.answers.keys()
        examples = {status: _error_examples(each, status) for status in error_statuses}
        errors = problems.responses(self._codes(each), examples, self.responses, counted=counted)
        return {
            "operationId": each.id,
            "tags": [each.tag],
            "summary": each.summary,
            "description": each.description,
            "parameters": [_parameter(each, parameter) for parameter in each.parameters],
            **({"requestBody": _request_body(each)} if each.bodies else {}),
            "responses": dict(sorted((answers | errors).items())),
            **({"security": [{self._scheme: []}]} if with_key else {}),
        }

    def _codes(self, each: Operation) -> tuple[Code, ...]:
        if each.is_public:
            return (*problems.EVERYWHERE, *each.codes)
        unauthorized = (Code.UNAUTHORIZED,) if self._scheme and not each.is_by_link else ()
        # With keys: for a key that may only read. Without keys: for a page of another site.
        forbidden = (Code.FORBIDDEN,) if each.writes else ()
        return (*problems.EVERYWHERE, *problems.RATE_LIMITED, *unauthorized, *forbidden, *each.codes)

    def _answer(self, each: Operation, status: int, answer: Answer, usual: tuple[str, ...]) -> Schema:
        schemas = {
            kind: body if isinstance(body, dict) else self.components.schema_of(body)
            for kind, body in answer.bodies.items()
        }
        content = _content(
            schemas,
            [
                (example.accept, example.name, _example_object(example, example.answer))
                for example in _examples_of_status(each, status)
            ],
        )
        links = {
            name: {"operationId": name, "parameters": dict(parameters)}
            for name, parameters in answer.links.items()
        }
        parts = {
            "headers": header_objects(answer.headers, (*answer.optional_headers, *usual)),
            "content": content,
            "links": links,
        }
        return {"description": answer.description} | {name: value for name, value in parts.items() if value}


def _request_body(each: Operation) -> Schema:
    sent = [example for example in _examples(each) if example.fields and not example.is_invalid]
    return {
        "required": not each.is_body_optional,
        "content": _content(
            each.bodies, [(it.content_type, it.name, _example_object(it, dict(it.fields))) for it in sent]
        ),
    }


def _content(schemas: Mapping[str, Schema], examples: Iterable[tuple[str, str, Schema]]) -> dict[str, Schema]:
    """Return OpenAPI's content.

    Args:
        examples: Media type, "" for the first one; name; example object.
    """
    content: dict[str, Schema] = {kind: {"schema": schema} for kind, schema in schemas.items()}
    for kind, name, example in examples:
        content[kind or next(iter(content))].setdefault("examples", {})[name] = example
    return content


def _parameter(each: Operation, parameter: Schema) -> Schema:
    name = parameter["name"]
    shown = {
        example.name: _example_object(example, example.parameters[name])
        for example in _examples(each)
        if name in example.parameters
    }
    return parameter | ({"examples": shown} if shown else {})


def _error_examples(each: Operation, status: int) -> dict[str, Schema]:
    return {
        example.name: _example_object(example, example.answer)
        for example in _examples_of_status(each, status)
    }


def _examples_of_status(each: Operation, status: int) -> list[Example]:
    return [example for example in _examples(each) if example.status == status and example.answer is not None]


def _examples(each: Operation) -> tuple[Example, ...]:
    return EXAMPLES.get(each.id, ())


def _example_object(example: Example, value: Any) -> Schema:
    return {"summary": example.summary, "value": value}
