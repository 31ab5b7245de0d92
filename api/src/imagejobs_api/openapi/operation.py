"""The values with which a group declares its calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagejobs_api.openapi.request_schema import Schema
from imagejobs_contract.codes import Code

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is not an error.

    Attributes:
        bodies: Media type -> type of the body, or a whole schema; empty without a body.
        headers: Headers that the answer always has.
        optional_headers: Headers that it may have.
        links: Operation id -> its parameters, as expressions over this answer.
    """

    description: str
    bodies: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    optional_headers: tuple[str, ...] = ()
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """A request and its answer. A test sends each and compares the answer's status and shape.

    Attributes:
        parameters: Name -> value.
        fields: Of the body; a file is given by its name.
        answer: The body of the answer: JSON, or text; None without a body.
        is_invalid: The request does not match the document, so only its answer is shown.
        content_type: Media type of the body; "" means the call's first one.
        accept: Media type that the request asks for; "" means the call's first one.
    """

    name: str
    summary: str
    status: int
    answer: Any = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    is_invalid: bool = False
    content_type: str = ""
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        path: With its parameters in braces.
        id: Its name in generated clients; never changes.
        tag: Its group.
        answers: Status -> answer.
        codes: Of its own errors; those of every call are added.
        parameters: OpenAPI's parameter objects, or references.
        bodies: Media type -> schema of the request's body; empty without one.
        is_body_optional: The request may have no body.
        is_public: It needs no key, and no rate limit counts it.
        is_by_link: It needs no key, because its address is one; it is counted.
    """

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str
    answers: Mapping[int, Answer]
    codes: tuple[Code, ...] = ()
    parameters: tuple[Schema, ...] = ()
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    is_body_optional: bool = False
    is_public: bool = False
    is_by_link: bool = False

    @property
    def writes(self) -> bool:
        """Return whether the call refuses a key that may only read."""
        return self.method not in ("get", "head")
