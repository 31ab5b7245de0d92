"""Schemas of the bodies that answers have, derived from the types of the code that writes them; mypy holds that code to the types."""

import inspect
import re
from dataclasses import asdict
from enum import StrEnum
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from imagejobs_api.openapi.request_schema import Schema
from imagejobs_contract.wire.json_types import Shape

SUFFIX = "Body"
"""Of the types' names, and not of the schemas': clients that are generated have `Progress`, not
`ProgressBody`.
"""

_PLAIN = {str: "string", int: "integer", bool: "boolean", type(None): "null"}
_FIELD = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


class Components:
    """Gathers named types, whose schemas others refer to."""

    def __init__(self) -> None:
        self._types: dict[str, Any] = {}
        self._others: dict[str, Schema] = {}

    def schema_of(self, hint: Any) -> Schema:
        """Return the schema of a type; of a named one a reference.

        Raises:
            TypeError: JSON has nothing like it.
        """
        origin, arguments = get_origin(hint), get_args(hint)
        if hint in _PLAIN:
            return {"type": _PLAIN[hint]}
        if origin is Annotated:
            return {**self.schema_of(arguments[0]), **_bounds(*arguments[1:])}
        if origin is Literal:
            return {"const": arguments[0]}
        if origin is list:
            return {"type": "array", "items": self.schema_of(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.schema_of(arguments[1])}
        if origin in (Union, UnionType):
            return _any_of([self.schema_of(each) for each in arguments])
        return self._reference(hint)

    def add(self, name: str, schema: Schema) -> Schema:
        """Take a schema that no type stands for, and return a reference to it."""
        self._others[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}

    def schemas(self) -> dict[str, Schema]:
        """Return the schemas of the named types; fields in the order of the code, described by the types' docstrings."""
        described = {
            name: {"description": _summary(kind), **self._content(kind)} for name, kind in self._types.items()
        }
        return described | self._others

    def _reference(self, kind: Any) -> Schema:
        name = kind.__name__.removesuffix(SUFFIX)
        if name not in self._types:
            self._types[name] = kind
            self._content(kind)  # gathers what it is made of
        return {"$ref": f"#/components/schemas/{name}"}

    def _content(self, kind: Any) -> Schema:
        if is_typeddict(kind):
            return self._object(kind)
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return {"type": "string", "enum": [each.value for each in kind]}
        raise TypeError(f"{kind} has no schema")

    def _object(self, kind: Any) -> Schema:
        hints, told = get_type_hints(kind, include_extras=True), self._field_descriptions(kind)
        fields = {name: self.schema_of(_strip_requirement(hint)) for name, hint in hints.items()}
        return {
            "type": "object",
            "properties": {
                name: {**schema, **({"description": told[name]} if name in told else {})}
                for name, schema in fields.items()
            },
            "required": [name for name in hints if name in kind.__required_keys__],
        }

    def _field_descriptions(self, kind: Any) -> dict[str, str]:
        """Return what docstrings say of a type's fields: its own, and those of types with a part of them (its bases, which TypedDict forgets)."""
        found: dict[str, str] = {}
        for each in (*self._types.values(), kind):
            if is_typeddict(each) and each.__annotations__.items() <= kind.__annotations__.items():
                found |= _attributes_section(each)
        return found


def _strip_requirement(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) in (Required, NotRequired) else hint


def _bounds(shape: Shape) -> Schema:
    return {name: value for name, value in asdict(shape).items() if value is not None}


def _any_of(schemas: list[Schema]) -> Schema:
    null = {"type": "null"}
    others = [each for each in schemas if each != null]
    if len(others) == 1 and "type" in others[0] and null in schemas:
        return {**others[0], "type": [others[0]["type"], "null"]}
    return {"anyOf": schemas}


def _summary(kind: Any) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0]


def _attributes_section(kind: Any) -> dict[str, str]:
    _, _, section = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    return {name: " ".join(text.split()) for name, text in _FIELD.findall(section)}
