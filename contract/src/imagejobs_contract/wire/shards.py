"""The files that the operator puts into S3 for the pods of a Job, and the pods' exit codes.

`jobs/<uid>/manifest.jsonl` holds the items, one line each; `offsets` holds each shard's range of bytes of
it; `spec.json` holds the work.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from imagejobs_contract.model.options import Variant, read_variants, variant_body
from imagejobs_contract.reader import Reader

MAX_SPEC_BYTES = 2**20
"""Spec and offsets hold a few hundred bytes to a few kilobytes."""
MAX_RESULTS_BYTES = 64 * 2**20
"""Of the outcomes of one shard: 5,000 images of 16 variants at 300 bytes each are 24 MB."""
ENV_NAME = "IMAGEJOB_NAME"
ENV_NAMESPACE = "IMAGEJOB_NAMESPACE"
ENV_UID = "IMAGEJOB_UID"
ENV_ATTEMPT = "IMAGEJOB_ATTEMPT"
ENV_RETRY_CODES = "IMAGEJOB_RETRY_CODES"
"""Codes of the failures that the attempt works on again, separated by commas; not set for all."""
ENV_INDEX = "JOB_COMPLETION_INDEX"
"""Set by Kubernetes in the pods of an Indexed Job."""


class Exit(IntEnum):
    """Exit codes of a shard; the Job's podFailurePolicy is written against them (sysexits.h)."""

    DONE = 0
    POISON = 65
    """The shard's own input cannot be read: its index fails, the others go on."""
    MISCONFIGURED = 78
    """Credentials or settings are wrong: the Job fails at once, no attempt is burnt."""
    LOST = 75
    """Another pod works on this shard, or something may pass: counts as a try."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A shard's part of the manifest.

    Attributes:
        start: First byte.
        end: One after the last byte.
        first: Index of the first image.
        count: How many images.
    """

    start: int
    end: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Work:
    """The work that a shard does with each image of its slice (`spec.json`).

    Attributes:
        sources: Prefixes that the keys of images must lie under; None allows every key.
    """

    variants: tuple[Variant, ...]
    prefix: str
    attempts: int
    total: int
    cache_control: str | None = None
    sources: tuple[str, ...] | None = None

    def to_json(self) -> str:
        """Return the work as one JSON object."""
        body = {
            "variants": [variant_body(each) for each in self.variants],
            "prefix": self.prefix,
            "attempts": self.attempts,
            "total": self.total,
            "cacheControl": self.cache_control,
            "sources": self.sources,
        }
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Work":
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is not a shard's work.
        """
        try:
            body: Mapping[str, Any] = json.loads(text)
            reader = Reader(body)
            variants = read_variants(reader)
            if reader.faults:
                raise ValueError("; ".join(map(str, reader.faults)))
            sources = body.get("sources")  # an operator of an older release does not write it
            return cls(
                variants,
                body["prefix"],
                int(body["attempts"]),
                int(body["total"]),
                body["cacheControl"],
                None if sources is None else tuple(sources),
            )
        except (KeyError, TypeError, AttributeError) as ex:
            raise ValueError(f"not a shard's work: {ex!r}") from ex


def retry_variables(codes: Collection[str]) -> dict[str, str]:
    """Return the variable that names the failures which an attempt works on again; none for all."""
    return {ENV_RETRY_CODES: ",".join(codes)} if codes else {}


def read_retry_codes(text: str | None) -> frozenset[str]:
    """Read what `retry_variables` wrote."""
    return frozenset(filter(None, (text or "").split(",")))


def cut(lengths: Sequence[int], shards: int) -> list[Slice]:
    """Cut a manifest into slices of nearly equal count.

    Args:
        lengths: Bytes of each item, line feed included.
        shards: 1 to the number of items.
    """
    count = len(lengths)
    slices, start, first = [], 0, 0
    for shard in range(shards):
        last = count * (shard + 1) // shards
        end = start + sum(lengths[first:last])
        slices.append(Slice(start, end, first, last - first))
        start, first = end, last
    return slices


def shard_of(index: int, total: int, shards: int) -> int:
    """Return which shard of a job has an image: the inverse of `cut`.

    Args:
        shards: 0 for a job of the pool, whose results the operator writes as shard 0.
    """
    return ((index + 1) * max(shards, 1) - 1) // max(total, 1)


def offsets_json(slices: Sequence[Slice]) -> str:
    """Return the slices as the JSON of `offsets`."""
    return json.dumps(
        [[each.start, each.end, each.first, each.count] for each in slices], separators=(",", ":")
    )


def read_offsets(text: str | bytes) -> list[Slice]:
    """Read what `offsets_json` wrote.

    Raises:
        ValueError: The text has not that form.
    """
    try:
        return [Slice(*map(int, each)) for each in json.loads(text)]
    except TypeError as ex:
        raise ValueError(f"not offsets: {ex!r}") from ex
