"""JSON schemas of requests, recorded from the code that reads requests.

`SchemaRecorder` takes the place of the reader.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from imagejobs_contract.reader import SIZE_PATTERN, E, Reader

Schema = dict[str, Any]
T = TypeVar("T")
SIZE_FORMAT = "byte-size"
"""Format of a text with the bounds of the number beside it, which no pattern can express."""


def record_schemas(read: Callable[[Reader], object]) -> dict[str, Schema]:
    """Return the schema of each field that a function reads, in the order of reading."""
    recorder = SchemaRecorder()
    read(recorder)
    return recorder.schemas


def add_descriptions(schemas: Mapping[str, Schema], descriptions: Mapping[str, str]) -> dict[str, Schema]:
    """Return the schemas with their descriptions.

    Raises:
        KeyError: A field has no description: each new option needs one.
    """
    return {name: {**schema, "description": descriptions[name]} for name, schema in schemas.items()}


def require_exactly_one(*names: str) -> Schema:
    """Return a schema that requires exactly one of these fields.

    It uses `if` instead of `oneOf`, which generators of clients turn into a class for each alternative.
    """
    first, *others = names
    if not others:
        return {"required": [first]}
    return {
        "if": {"required": [first]},
        # Not `false`, which generators in Go cannot read (getkin/kin-openapi#1257).
        "then": {"properties": {other: {"not": {}} for other in others}},
        "else": require_exactly_one(*others),
    }


class SchemaRecorder(Reader):
    """A reader of nothing that records each field it is asked for.

    Attributes:
        schemas: Field -> schema.
    """

    def __init__(self) -> None:
        super().__init__({})
        self.schemas: dict[str, Schema] = {}

    def unknown(self, known: Iterable[str], hints: Mapping[str, str] | None = None) -> None:
        """Do nothing: an empty request has no unknown field."""

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int | None:
        """Record a whole number."""
        return self._record(name, {"type": "integer", "minimum": low, "maximum": high}, default)

    def number(self, name: str, low: float, high: float, default: float) -> float:
        """Record a number."""
        return self._record(name, {"type": "number", "minimum": low, "maximum": high}, default)

    def boolean(self, name: str, default: bool = False) -> bool:
        """Record a boolean."""
        return self._record(name, {"type": "boolean"}, default)

    def boolean_or_word(self, name: str, words: Sequence[str]) -> bool | str:
        """Record a boolean, or one of further words."""
        kinds: list[Schema] = [{"type": "boolean"}, {"type": "string", "enum": list(words)}]
        return self._record(name, {"anyOf": kinds} if words else kinds[0], False)

    def text(
        self,
        name: str,
        longest: int,
        default: str | None = None,
        pattern: str | None = None,
        shape: str = "",
        *,
        secret: bool = False,
    ) -> str | None:
        """Record a text."""
        form = {"pattern": f"^({pattern})$"} if pattern else {}
        return self._record(name, {"type": "string", "minLength": 1, "maxLength": longest, **form}, default)

    def parsed(
        self, name: str, max_length: int, parse: Callable[[str], str | None], *, pattern: str
    ) -> str | None:
        """Record a text with a parser of its own."""
        return self.text(name, max_length, pattern=pattern)

    def choice(
        self,
        name: str,
        kind: type[E],
        default: E | None = None,
        *,
        also: Iterable[str] = (),
        aliases: Mapping[str, str] | None = None,
        hints: Mapping[str, str] | None = None,
    ) -> E | None:
        """Record one word of several.

        `also` is left to the caller, which adds those words itself. Aliases are a courtesy, and not recorded.
        """
        self._record(name, {"type": "string", "enum": [each.value for each in kind]}, default)
        return default

    def size(self, name: str, low: int, high: int, default: int | None = None) -> int | None:
        """Record a number of bytes, plain or with a unit."""
        plain = {"type": "integer", "minimum": low, "maximum": high}
        with_unit = {"type": "string", "pattern": f"^{SIZE_PATTERN}$", "format": SIZE_FORMAT}
        return self._record(name, {"anyOf": [plain, with_unit]}, default)

    def text_map(
        self,
        name: str,
        max_elements: int,
        name_pattern: str,
        name_shape: str,
        max_length: int,
        pattern: str,
        shape: str,
    ) -> dict[str, str]:
        """Record an object of texts."""
        text = {"type": "string", "minLength": 1, "maxLength": max_length, "pattern": f"^({pattern})$"}
        schema: Schema = {"type": "object", "maxProperties": max_elements, "additionalProperties": text}
        self._record(name, schema, None)
        return {}

    def _record(self, name: str, schema: Schema, default: T) -> T:
        value = default.value if isinstance(default, StrEnum) else default
        self.schemas[name] = schema if value is None else {**schema, "default": value}
        return default
