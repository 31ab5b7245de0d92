"""The callers and their keys, read from a text in JSON or YAML: all of it, or every fault at once. Pure."""

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from imagejobs_api.callers import api_keys, permissions
from imagejobs_api.callers.caller import Caller, CallerLimits
from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.model.limits import MAX_PREFIX_LENGTH
from imagejobs_contract.model.names import CallerName
from imagejobs_contract.model.spec_json import DNS_LABEL
from imagejobs_contract.reader import Reader

MAX_CALLERS = 1000
MAX_KEYS = 20
"""Of one caller: enough to change keys one after the other, and one for each place that only reads."""
MAX_LIMIT = 2**40
BUCKET_DIGITS = 8
PREFIXES = ("source_prefixes", "output_prefixes")

_SHA256 = "[0-9a-f]{64}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One key, and who shows it."""

    sha256: str
    caller: Caller


class Book:
    """Finds a key's caller."""

    def __init__(self, entries: tuple[Entry, ...] = ()) -> None:
        self.entries = entries
        self._buckets: dict[str, list[Entry]] = {}
        for entry in entries:
            self._buckets.setdefault(entry.sha256[:BUCKET_DIGITS], []).append(entry)

    def find(self, key: str) -> Caller | None:
        """Return who shows this key.

        Only the first digits of its hash are looked up, the rest is compared in constant time; and who
        measures that learns of a hash, which leads back to no key.
        """
        digest = api_keys.digest(key)
        for entry in self._buckets.get(digest[:BUCKET_DIGITS], ()):
            if hmac.compare_digest(entry.sha256, digest):
                return entry.caller
        return None


def read(text: str, namespace: str) -> Book:
    """Return the book that a text holds.

    Args:
        namespace: Of callers that have none of their own.

    Raises:
        Invalid: With every fault. No fault repeats a hash.
    """
    reader = Reader(_mapping(text))
    reader.unknown(("callers",))
    if not reader.has("callers"):
        reader.fault("callers", "is missing: a list of callers, [] if there are none")
    entries = tuple(_entries(reader.children("callers", MAX_CALLERS), namespace))
    reader.check()
    return Book(entries)


def _entries(readers: list[Reader], namespace: str) -> Iterator[Entry]:
    seen_names: set[str] = set()
    seen_keys: set[str] = set()
    for reader in readers:
        reader.unknown(("name", "namespace", "keys", "limits", "source_prefixes", "output_prefixes"))
        name = _required(reader, "name", DNS_LABEL, "a DNS label")
        _once(reader, "name", name, seen_names)
        own = (
            reader.text("namespace", 63, default=namespace, pattern=DNS_LABEL, shape="a namespace")
            or namespace
        )
        limits = _limits(reader.child("limits"))
        given = [
            reader.texts(
                field, permissions.MAX_PREFIXES, MAX_PREFIX_LENGTH, permissions.PATTERN, permissions.SHAPE
            )
            for field in PREFIXES
        ]
        sources = permissions.source_prefixes(reader, PREFIXES[0], given[0])
        outputs = permissions.output_prefixes(reader, PREFIXES[1], given[1])
        keys = reader.children("keys", MAX_KEYS)
        if not reader.has("keys"):
            reader.fault("keys", "is missing: a list of keys, [] locks the caller out")
        for key in keys:
            key.unknown(("name", "sha256", "read_only"))
            sha256 = _required(key, "sha256", _SHA256, "the SHA-256 of a key, 64 digits from 0 to f")
            _once(key, "sha256", sha256, seen_keys)
            key_name = key.text("name", 63, default="", pattern=DNS_LABEL, shape="a DNS label") or ""
            yield Entry(
                sha256,
                Caller(
                    own, CallerName(name), not key.boolean("read_only"), key_name, limits, sources, outputs
                ),
            )


def _limits(reader: Reader | None) -> CallerLimits:
    if reader is None:
        return CallerLimits()
    reader.unknown(("requests_per_minute", "bytes_in_flight", "queued_images"))
    return CallerLimits(
        requests_per_minute=reader.integer("requests_per_minute", 1, MAX_LIMIT),
        bytes_in_flight=reader.size("bytes_in_flight", 1, MAX_LIMIT),
        queued_images=reader.integer("queued_images", 1, MAX_LIMIT),
    )


def _required(reader: Reader, field: str, pattern: str, shape: str) -> str:
    if not reader.has(field):
        reader.fault(field, f"is missing: {shape}")
    return reader.text(field, 64, default="", pattern=pattern, shape=shape, secret=field == "sha256") or ""


def _once(reader: Reader, field: str, value: str, seen: set[str]) -> None:
    if value and value in seen:
        reader.fault(field, "stands there twice")
    seen.add(value)


def _mapping(text: str) -> Mapping[str, Any]:
    value = _parsed(text)
    if not isinstance(value, Mapping):
        raise Invalid([Fault("file", "holds no object with a list of callers")])
    return value


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass  # not JSON; and YAML takes no tabs, so that JSON is not read as YAML
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as ex:
        mark = getattr(ex, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "file"
        raise Invalid([Fault(where, "is neither JSON nor YAML")]) from ex
