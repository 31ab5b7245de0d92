"""One call of the API, as its group declares it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagejobs_api.openapi.request_schema import Schema
from imagejobs_contract.codes import Code

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error.

    Attributes:
        bodies: Media type -> type of the body, or a whole schema; empty without a body.
        headers: Headers that are always there.
        optional_headers: Headers that may be there.
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
        fields: Of the body; a file stands there by its name.
        answer: Its body; of text, the text; None without one.
        is_wrong: The request is not as the document has it: only its answer is shown.
        sent_as: Media type of the body; the call's first without it.
        told_as: Media type that the answer is asked to have; the call's first without it.
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
        id: What generated clients call it; never changes.
        tag: The group that it is shown in.
        answers: Status -> what it tells.
        codes: Of the errors that are its own; those of every call come by themselves.
        parameters: OpenAPI's parameter objects, or references.
        bodies: Media type -> schema of the request's body; empty without one.
        is_public: It needs no key and is not counted.
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
    is_public: bool = False

    @property
    def writes(self) -> bool:
        """Tell whether a key that may only read is refused."""
        return self.method not in ("get", "head")
