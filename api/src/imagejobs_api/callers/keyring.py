"""The callers and their keys, read from JSON or YAML: all of it, or every fault at once. Pure."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass

from imagejobs_api import mounted_files
from imagejobs_api.callers import api_keys, permissions
from imagejobs_api.callers.caller import Caller, CallerLimits
from imagejobs_contract.model.limits import MAX_PREFIX_LENGTH
from imagejobs_contract.model.names import CallerName
from imagejobs_contract.model.spec_json import DNS_LABEL, DNS_NAME
from imagejobs_contract.reader import Reader

MAX_CALLERS = 1000
MAX_KEYS = 20
"""Of one caller: enough to replace keys one after the other, with a key for each program that only reads."""
MAX_LIMIT = 2**40
BUCKET_DIGITS = 8
"""Leading digits of a hash by which keys are looked up."""
PREFIX_FIELDS = ("source_prefixes", "output_prefixes")
CLUSTER_FIELDS = ("priority_classes", "queues")

_SHA256 = "[0-9a-f]{64}"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """The hash of one key, and its caller."""

    sha256: str
    caller: Caller


class Keyring:
    """Finds the caller of a key."""

    def __init__(self, entries: tuple[KeyEntry, ...] = ()) -> None:
        self.entries = entries
        self._buckets: dict[str, list[KeyEntry]] = {}
        for entry in entries:
            self._buckets.setdefault(entry.sha256[:BUCKET_DIGITS], []).append(entry)

    def find(self, key: str) -> Caller | None:
        """Return the caller that has this key.

        Only the first digits of the key's hash are looked up; the rest is compared in constant time. An
        attacker who measures the lookup learns digits of a hash, from which no key can be computed.
        """
        digest = api_keys.digest(key)
        for entry in self._buckets.get(digest[:BUCKET_DIGITS], ()):
            if hmac.compare_digest(entry.sha256, digest):
                return entry.caller
        return None


def read(text: str, namespace: str) -> Keyring:
    """Return the keys in a text.

    Args:
        namespace: Of callers that the text gives none.

    Raises:
        Invalid: With every fault. No fault repeats a hash.
    """
    reader = Reader(mounted_files.parse_mapping(text, "a list of callers"))
    reader.unknown(("callers",))
    if not reader.has("callers"):
        reader.fault("callers", "is missing: a list of callers, [] if there are none")
    entries = tuple(_read_entries(reader.children("callers", MAX_CALLERS), namespace))
    reader.check()
    return Keyring(entries)


def _read_entries(readers: list[Reader], namespace: str) -> Iterator[KeyEntry]:
    seen_names: set[str] = set()
    seen_keys: set[str] = set()
    for reader in readers:
        reader.unknown(
            ("name", "namespace", "keys", "limits", "kubectl_jobs", *PREFIX_FIELDS, *CLUSTER_FIELDS)
        )
        name = _read_required(reader, "name", DNS_LABEL, "a DNS label")
        _check_unique(reader, "name", name, seen_names)
        own = (
            reader.text("namespace", 63, default=namespace, pattern=DNS_LABEL, shape="a namespace")
            or namespace
        )
        limits = _read_limits(reader.child("limits"))
        given = [
            reader.texts(
                field, permissions.MAX_PREFIXES, MAX_PREFIX_LENGTH, permissions.PATTERN, permissions.SHAPE
            )
            for field in PREFIX_FIELDS
        ]
        sources = permissions.read_source_prefixes(reader, PREFIX_FIELDS[0], given[0])
        outputs = permissions.read_output_prefixes(reader, PREFIX_FIELDS[1], given[1])
        classes = reader.texts(CLUSTER_FIELDS[0], permissions.MAX_PREFIXES, 253, DNS_NAME, "a DNS name")
        permissions.check_priority_classes(reader, CLUSTER_FIELDS[0], classes)
        queues = reader.texts(CLUSTER_FIELDS[1], permissions.MAX_PREFIXES, 63, DNS_LABEL, "a DNS label")
        kubectl_jobs = reader.boolean("kubectl_jobs")
        keys = reader.children("keys", MAX_KEYS)
        if not reader.has("keys"):
            reader.fault("keys", "is missing: a list of keys, [] locks the caller out")
        for key in keys:
            key.unknown(("name", "sha256", "read_only"))
            sha256 = _read_required(key, "sha256", _SHA256, "the SHA-256 of a key, 64 digits from 0 to f")
            _check_unique(key, "sha256", sha256, seen_keys)
            key_name = key.text("name", 63, default="", pattern=DNS_LABEL, shape="a DNS label") or ""
            may_write = not key.boolean("read_only")
            yield KeyEntry(
                sha256,
                Caller(
                    own,
                    CallerName(name),
                    may_write,
                    key_name,
                    limits,
                    sources,
                    outputs,
                    classes,
                    queues,
                    kubectl_jobs,
                ),
            )


def _read_limits(reader: Reader | None) -> CallerLimits:
    if reader is None:
        return CallerLimits()
    reader.unknown(("requests_per_minute", "bytes_in_flight", "queued_images", "pool_images"))
    return CallerLimits(
        requests_per_minute=reader.integer("requests_per_minute", 1, MAX_LIMIT),
        bytes_in_flight=reader.size("bytes_in_flight", 1, MAX_LIMIT),
        queued_images=reader.integer("queued_images", 1, MAX_LIMIT),
        pool_images=reader.integer("pool_images", 1, MAX_LIMIT),
    )


def _read_required(reader: Reader, field: str, pattern: str, shape: str) -> str:
    if not reader.has(field):
        reader.fault(field, f"is missing: {shape}")
    return reader.text(field, 64, default="", pattern=pattern, shape=shape, secret=field == "sha256") or ""


def _check_unique(reader: Reader, field: str, value: str, seen: set[str]) -> None:
    if value and value in seen:
        reader.fault(field, "stands there twice")
    seen.add(value)
