"""Compares an answer to one that stands in the documentation: the same fields and kinds of values; ids, links, times and sizes differ."""

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


def differences(told: Any, real: Any, where: str = "") -> list[str]:
    """Return where two values differ in shape, or in a field that is the same each time."""
    if isinstance(told, dict) and isinstance(real, dict):
        found = [f"{where}: {name} is only in one of them" for name in told.keys() ^ real.keys()]
        return found + [
            each for name in told.keys() & real.keys() for each in _field(told, real, name, f"{where}/{name}")
        ]
    if isinstance(told, list) and isinstance(real, list):
        if len(told) != len(real):
            return [f"{where}: {len(told)} and {len(real)} elements"]
        return [
            each
            for n, (one, other) in enumerate(zip(told, real, strict=True))
            for each in differences(one, other, f"{where}/{n}")
        ]
    return [] if type(told) is type(real) else [f"{where}: {told!r} and {real!r}"]


def _field(told: dict[str, Any], real: dict[str, Any], name: str, where: str) -> list[str]:
    if name in STABLE and not isinstance(told[name], (dict, list)):
        return [] if told[name] == real[name] else [f"{where}: {told[name]!r} and {real[name]!r}"]
    return differences(told[name], real[name], where)
