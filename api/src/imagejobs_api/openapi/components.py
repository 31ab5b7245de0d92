"""Schemas of the bodies of answers, derived from the types of the code that writes them.

mypy checks that code against the types.
"""

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
"""Ends the names of types, not those of schemas: generated clients have `Progress`, not `ProgressBody`."""

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_FIELD = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


class Components:
    """Collects the schemas with names, which other schemas refer to; lives while a document is made."""

    def __init__(self) -> None:
        self._types: dict[str, Any] = {}
        self._others: dict[str, Schema] = {}

    def schema_of(self, hint: Any) -> Schema:
        """Return the schema of a type; for a named type a reference.

        Raises:
            TypeError: JSON has no such type.
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
        """Add a schema that has no Python type, and return a reference to it."""
        self._others[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}

    def schemas(self) -> dict[str, Schema]:
        """Return all named schemas: name -> schema, with descriptions from the types' docstrings."""
        described = {
            name: {"description": _summary(kind), **self._content(kind)} for name, kind in self._types.items()
        }
        return described | self._others

    def _reference(self, kind: Any) -> Schema:
        name = kind.__name__.removesuffix(SUFFIX)
        if name not in self._types:
            self._types[name] = kind
            self._content(kind)  # adds the types of its fields
        return {"$ref": f"#/components/schemas/{name}"}

    def _content(self, kind: Any) -> Schema:
        if is_typeddict(kind):
            return self._object(kind)
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return {"type": "string", "enum": [each.value for each in kind]}
        raise TypeError(f"{kind} has no schema")

    def _object(self, kind: Any) -> Schema:
        hints, descriptions = get_type_hints(kind, include_extras=True), self._field_descriptions(kind)
        fields = {name: self.schema_of(_strip_requirement(hint)) for name, hint in hints.items()}
        return {
            "type": "object",
            "properties": {
                name: {**schema, **({"description": descriptions[name]} if name in descriptions else {})}
                for name, schema in fields.items()
            },
            "required": [name for name in hints if name in kind.__required_keys__],
        }

    def _field_descriptions(self, kind: Any) -> dict[str, str]:
        """Return the descriptions of a type's fields: from its own docstring and from those of its bases.

        TypedDict forgets its bases: a type with a part of the fields counts as one.
        """
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
