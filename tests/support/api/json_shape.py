"""Compares an answer with a documented one: same fields and types; ids, links, times and sizes differ."""

from typing import Any

STABLE = (
    "state",
    "code",
    "status",
    "title",
    "type",
    "retryable",
    "format",
    "experimental",
    "total",
    "done",
    "failed",
    "progress",
    "variant",
)
"""Fields whose values are the same each time."""


def differences(documented: Any, actual: Any, where: str = "") -> list[str]:
    """Return where two values differ in shape, or in a field that is the same each time."""
    if isinstance(documented, dict) and isinstance(actual, dict):
        found = [f"{where}: {name} is only in one of them" for name in documented.keys() ^ actual.keys()]
        return found + [
            each
            for name in documented.keys() & actual.keys()
            for each in _field_differences(documented, actual, name, f"{where}/{name}")
        ]
    if isinstance(documented, list) and isinstance(actual, list):
        if len(documented) != len(actual):
            return [f"{where}: {len(documented)} and {len(actual)} elements"]
        return [
            each
            for n, (one, other) in enumerate(zip(documented, actual, strict=True))
            for each in differences(one, other, f"{where}/{n}")
        ]
    return [] if type(documented) is type(actual) else [f"{where}: {documented!r} and {actual!r}"]


def _field_differences(
    documented: dict[str, Any], actual: dict[str, Any], name: str, where: str
) -> list[str]:
    if name in STABLE and not isinstance(documented[name], (dict, list)):
        return (
            []
            if documented[name] == actual[name]
            else [f"{where}: {documented[name]!r} and {actual[name]!r}"]
        )
    return differences(documented[name], actual[name], where)
