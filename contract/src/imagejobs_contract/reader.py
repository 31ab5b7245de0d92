"""Typed gets from a mapping that collect every fault instead of stopping at the first.

Options of a request, the body of an ImageJob and the settings of a program are all read through this.

It is ours, not pydantic-settings: that takes 0.1 to 0.3 s to import, which each pod would pay, and one reader
serves requests, the ImageJob and the environment with the same faults (ADR 16).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from imagejobs_contract.errors import Fault, Invalid

E = TypeVar("E", bound=StrEnum)

SIZE_PATTERN = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([bB]|[kKmMgG][iI]?[bB])?"
"""A number of bytes: `200kB`, `1.5MB`, `1MiB`, and plain numbers."""

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_SIZE = re.compile(SIZE_PATTERN, re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
"""JSON can spell half a pair, which no UTF-8 can."""
_CAPITAL = re.compile("[A-Z]")
_BLANKS = re.compile("[ _]+")
MAX_FAULTS = 100
"""Faults of one input after which no further unknown fields are noted: a body may have 300,000 of them."""
_MAX_GUESSES, _MAX_GUESSED = 8, 40
"""Unknown fields, and their characters, for which a known one is looked for: to compare names takes a
millisecond each.
"""
_NAME_CUTOFF, _WORD_CUTOFF = 0.7, 0.6
"""How alike a field or a value and the suggested one are at least (`difflib`); values are short."""
_MAX_SHOWN = 200
"""Characters of an unknown field's name that its fault repeats."""
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


class Reader:
    """Reads one mapping; its faults, and those of readers made by `child`, go into one list.

    Args:
        tolerant: Unknown fields are no fault: a newer version wrote them.
        snake: The mapping spells names as `max_size`, as over HTTP, while callers ask for `maxSize`, as in
            the CRD.
    """

    def __init__(
        self,
        body: Mapping[str, Any],
        path: str = "",
        faults: list[Fault] | None = None,
        *,
        tolerant: bool = False,
        snake: bool = False,
    ) -> None:
        self._body = body
        self._path = path
        self._tolerant = tolerant
        self._snake = snake
        self.faults: list[Fault] = [] if faults is None else faults

    @property
    def is_from_client(self) -> bool:
        """Return whether the mapping spells names as over HTTP, though callers ask as in the CRD."""
        return self._snake

    def spelled(self, name: str) -> str:
        """Return a name of the CRD as it is spelled here."""
        return _CAPITAL.sub(lambda found: f"_{found[0].lower()}", name) if self._snake else name

    def fault(self, name: str, what: str) -> None:
        """Note that the field `name` is wrong."""
        self.faults.append(Fault(f"{self._path}.{self.spelled(name)}".strip("."), what))

    def check(self) -> None:
        """Raise one `Invalid` with all faults, if there are any."""
        if self.faults:
            raise Invalid(self.faults)

    def has(self, name: str) -> bool:
        """Return whether the field is present and not null."""
        return self._value(name) is not None

    def value(self, name: str) -> object:
        """Return a field as it was given, of any type; None if there is none."""
        return self._value(name)

    def unknown(self, known: Iterable[str], hints: Mapping[str, str] | None = None) -> None:
        """Note the fields that are not among the known ones, until there are `MAX_FAULTS` faults.

        Args:
            hints: Other names, in small letters, and the known one that a fault suggests for each.
        """
        if self._tolerant:
            return
        names = set(map(self.spelled, known))
        for name in self._body:
            if len(self.faults) >= MAX_FAULTS:
                return
            if name not in names:
                self.faults.append(self._unknown(name, sorted(names), (hints or {}).get(name.lower())))

    def _unknown(self, name: str, names: Sequence[str], meant: str | None) -> Fault:
        guess = _suggest(name, names) if len(self.faults) < _MAX_GUESSES else ""
        if meant in names:
            guess = f"did you mean {meant}? "
        shown = name if len(name) <= _MAX_SHOWN else f"{name[:_MAX_SHOWN]}..."
        return Fault(
            f"{self._path}.{shown}".lstrip("."), f"unknown; {guess}known are {', '.join(names) or 'none'}"
        )

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int | None:
        """Return a whole number within [low, high]; digits in a string count."""
        value = self._value(name)
        if value is None:
            return default
        number = _parse_whole(value)
        if number is None or not low <= number <= high:
            self.fault(name, f"{_quote(value)} is not a whole number from {low} to {high}")
            return default
        return number

    def number(self, name: str, low: float, high: float, default: float) -> float:
        """Return a number within [low, high]."""
        value = self._value(name)
        if value is None:
            return default
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if not low <= number <= high:
            self.fault(name, f"{_quote(value)} is not a number from {low:g} to {high:g}")
            return default
        return number

    def boolean(self, name: str, default: bool = False) -> bool:
        """Return true or false; `true 1 yes on` and `false 0 no off` count in strings."""
        value = self._value(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        word = _word(value).lower()
        if word not in _TRUE | _FALSE:
            self.fault(name, f"{_quote(value)} is neither true nor false")
            return default
        return word in _TRUE

    def boolean_or_word(self, name: str, words: Sequence[str]) -> bool | str:
        """Return true or false, as `boolean` reads it, or one of further words in small letters."""
        value = self._value(name)
        word = value.strip().lower() if isinstance(value, str) else ""
        if not words or word in words or value is None or isinstance(value, bool) or word in _TRUE | _FALSE:
            return word if word in words else self.boolean(name)
        guess = _suggest(word, ["true", "false", *words], _WORD_CUTOFF)
        self.fault(
            name,
            f"{_quote(value)} is not one of true false {' '.join(words)}{guess and f'; {guess.strip()}'}",
        )
        return False

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
        """Return a string of 1 to `max_length` characters.

        Args:
            pattern: The whole string must match it.
            shape: Names the pattern in a fault, for people.
            secret: A fault does not repeat the value.
        """
        value = self._value(name)
        if value is None:
            return default
        shown = "the value" if secret else _quote(value)
        if not isinstance(value, str) or not 1 <= len(value) <= max_length or _SURROGATE.search(value):
            self.fault(name, f"{shown} is not a text of 1 to {max_length} characters")
            return default
        if pattern is not None and not re.fullmatch(pattern, value, re.ASCII):
            self.fault(name, f"{shown} is not {shape or 'of the form ' + pattern}")
            return default
        return value

    def parsed(
        self, name: str, max_length: int, parse: Callable[[str], str | None], *, pattern: str
    ) -> str | None:
        """Return what `parse` makes of a string, or None.

        Args:
            parse: Raises ValueError with the fault.
            pattern: For documents: some of the strings that it takes, and none that it does not.
        """
        value = self._value(name)
        if value is None:
            return None
        try:
            # Another type is an equal fault, so the parser names it.
            return parse(value if isinstance(value, str) and len(value) <= max_length else "")
        except ValueError as ex:
            self.fault(name, f"{_quote(value)} {ex}")
            return None

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
        """Return one of the enum's members.

        Args:
            also: More values that a fault lists as allowed; the caller has read those already.
            aliases: Other words for members, in small letters with hyphens. With it, even an empty one,
                capitals, blanks around a word and a dot before it do not count, and a blank or a low line
                within it is a hyphen.
            hints: Words that are not taken, and the member that a fault suggests for each.
        """
        value = self._value(name)
        if value is None:
            return default
        word = value
        if aliases is not None and isinstance(value, str):
            folded = _BLANKS.sub("-", value.strip().lower().lstrip("."))
            word = aliases.get(folded, folded)
        try:
            return kind(word)
        except ValueError:
            known = [*kind, *also]
            guess = ""
            if aliases is not None and isinstance(value, str):
                meant = (hints or {}).get(word)
                guess = f"did you mean {meant}?" if meant else _suggest(value, known, _WORD_CUTOFF)
            self.fault(
                name, f"{_quote(value)} is not one of {' '.join(known)}{guess and f'; {guess.strip()}'}"
            )
            return default

    def size(self, name: str, low: int, high: int, default: int | None = None) -> int | None:
        """Return a number of bytes; `200kB`, `1.5MB`, `1MiB` and plain numbers count."""
        value = self._value(name)
        if value is None:
            return default
        match = _SIZE.fullmatch(_word(value))
        count = int(float(match[1]) * _UNITS[(match[2] or "b").lower()]) if match else -1
        if isinstance(value, bool) or not low <= count <= high:
            self.fault(
                name, f"{_quote(value)} is not a size from {low} B to {high} B, such as 200kB or 1.5MB"
            )
            return default
        return count

    def child(self, name: str) -> "Reader | None":
        """Return a reader of the mapping under `name`, or None if there is none."""
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.fault(name, "is not an object")
            return None
        return self._inner(value, self.spelled(name))

    def children(self, name: str, max_elements: int) -> "list[Reader]":
        """Return a reader per element of the list under `name`, at most `max_elements`."""
        value = self._value(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > max_elements:
            self.fault(name, f"is not a list of at most {max_elements}")
            return []
        readers = []
        for n, element in enumerate(value):
            if isinstance(element, Mapping):
                readers.append(self._inner(element, f"{self.spelled(name)}[{n}]"))
            else:
                self.fault(f"{name}[{n}]", "is not an object")
        return readers

    def texts(
        self, name: str, max_elements: int, max_length: int, pattern: str, shape: str
    ) -> tuple[str, ...]:
        """Return the strings of the list under `name`, at most `max_elements`; each as `text` takes it."""
        value = self._value(name)
        if value is not None and (not isinstance(value, list) or len(value) > max_elements):
            self.fault(name, f"is not a list of at most {max_elements}")
            return ()
        places = {f"{self.spelled(name)}[{n}]": each for n, each in enumerate(value or ())}
        elements = self._inner(places, "")
        found = [elements.text(place, max_length, pattern=pattern, shape=shape) for place in places]
        return tuple(each for each in found if each is not None)

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
        """Return the texts of the object under `name`, by names of the client's own.

        No fault repeats a value, nor a name that is none: they may be secrets.
        """
        value = self._value(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or len(value) > max_elements:
            self.fault(name, f"is not an object of at most {max_elements} fields")
            return {}
        known = [each for each in value if re.fullmatch(name_pattern, each, re.ASCII)]
        if len(known) < len(value):
            self.fault(name, f"has a field that is not {name_shape}")
        inner = Reader(
            {each: value[each] for each in known}, f"{self._path}.{self.spelled(name)}", self.faults
        )
        found = {
            each: inner.text(each, max_length, pattern=pattern, shape=shape, secret=True) for each in known
        }
        return {each: text for each, text in found.items() if text is not None}

    def _value(self, name: str) -> Any:
        return self._body.get(self.spelled(name))

    def _inner(self, body: Mapping[str, Any], path: str) -> "Reader":
        return Reader(
            body, f"{self._path}.{path}".strip("."), self.faults, tolerant=self._tolerant, snake=self._snake
        )


def _parse_whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)  # JSON knows one kind of numbers: 256.0 is a whole one
    if isinstance(value, str) and len(value) <= 20 and re.fullmatch(r"-?[0-9]+", value.strip(), re.ASCII):
        return int(value)
    return None


def _suggest(name: str, names: Sequence[str], cutoff: float = _NAME_CUTOFF) -> str:
    from difflib import get_close_matches  # workers, which start often, never come here

    found = get_close_matches(name.lower(), names, 1, cutoff) if len(name) <= _MAX_GUESSED else []
    return f"did you mean {found[0]}? " if found else ""


def _word(value: object) -> str:
    """Return the text of a plain value, "" for a list or an object: one of megabytes takes long to spell."""
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _quote(value: object) -> str:
    if isinstance(value, Mapping | list):
        return "an object" if isinstance(value, Mapping) else "a list"
    text = repr(value[:61] if isinstance(value, str) else value)
    return text if len(text) <= 60 else text[:57] + "..."
