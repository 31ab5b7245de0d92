"""What a request may hold, as JSON schemas: noted from the code that reads it, by a reader that reads nothing."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from imagejobs_contract.reader import SIZE_PATTERN, E, Reader

Schema = dict[str, Any]
T = TypeVar("T")
SIZE_FORMAT = "byte-size"
"""Of a text within the bounds of the number beside it, which no pattern can say."""


def asked(read: Callable[[Reader], object]) -> dict[str, Schema]:
    """Return what a function asks a reader for: field -> schema, in the order in which it asks."""
    reader = _Notes()
    read(reader)
    return reader.schemas


def described(schemas: Mapping[str, Schema], meanings: Mapping[str, str]) -> dict[str, Schema]:
    """Return the schemas with what they mean.

    Raises:
        KeyError: One has no meaning: whoever added an option has to say what it does.
    """
    return {name: {**schema, "description": meanings[name]} for name, schema in schemas.items()}


def exactly_one(*names: str) -> Schema:
    """Return what allows one of some fields and needs one, in words that generators of clients pass over; of `oneOf` they make a class for each."""
    first, *others = names
    if not others:
        return {"required": [first]}
    return {
        "if": {"required": [first]},
        "then": {"properties": dict.fromkeys(others, False)},
        "else": exactly_one(*others),
    }


class _Notes(Reader):
    """A reader that is given nothing and notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__({})
        self.schemas: dict[str, Schema] = {}

    def unknown(self, known: Iterable[str]) -> None:
        """There is nothing that could be unknown."""

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int | None:
        """Note a whole number."""
        return self._note(name, {"type": "integer", "minimum": low, "maximum": high}, default)

    def number(self, name: str, low: float, high: float, default: float) -> float:
        """Note a number."""
        return self._note(name, {"type": "number", "minimum": low, "maximum": high}, default)

    def boolean(self, name: str, default: bool = False) -> bool:
        """Note a truth value."""
        return self._note(name, {"type": "boolean"}, default)

    def text(
        self,
        name: str,
        max_length: int,
        *,
        default: str | None = None,
        pattern: str | None = None,
        shape: str = "",
        secret: bool = False,
    ) -> str | None:
        """Note a text."""
        form = {"pattern": f"^({pattern})$"} if pattern else {}
        return self._note(name, {"type": "string", "minLength": 1, "maxLength": max_length, **form}, default)

    def choice(
        self, name: str, kind: type[E], default: E | None = None, *, also: Iterable[str] = ()
    ) -> E | None:
        """Note one word of several; whoever reads other words tells of them."""
        self._note(name, {"type": "string", "enum": [each.value for each in kind]}, default)
        return default

    def size(self, name: str, low: int, high: int, default: int | None = None) -> int | None:
        """Note a number of bytes, plain or with a unit."""
        plain = {"type": "integer", "minimum": low, "maximum": high}
        with_unit = {"type": "string", "pattern": f"^{SIZE_PATTERN}$", "format": SIZE_FORMAT}
        return self._note(name, {"anyOf": [plain, with_unit]}, default)

    def _note(self, name: str, schema: Schema, default: T) -> T:
        told = default.value if isinstance(default, StrEnum) else default
        self.schemas[name] = schema if told is None else {**schema, "default": told}
        return default
