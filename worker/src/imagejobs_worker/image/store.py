"""Stores one result under its deterministic key, so that a repeated task meets its own result and nobody overwrites another's by mistake.

The rule: create the object, while the work is still ours. If there is one, its metadata decide. The same job,
image and variant: it is this very result, its facts are taken. Another image of the same job: two names give
one key, which is the job's fault. Anything else, such as an earlier job with the same prefix: it is replaced,
as that version only, and only if the work is ours now, so that a worker that was away for long (a zombie)
replaces nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Protocol

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import (
    Conflict,
    ImageFailed,
    ImageJobsError,
    Misconfigured,
    NotFound,
    Unavailable,
)
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.options import Format, Variant, variant_body
from imagejobs_contract.model.outcome import OutputFile
from imagejobs_contract.storage import ObjectFacts, ObjectStore
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.tasks import Task
from imagejobs_worker.imaging.picture import Picture

ROUNDS = 3
"""Times that somebody else may be faster than us before the storage counts as broken."""


class Claim(Protocol):
    """Tells whether the work is still ours."""

    async def holds(self) -> bool:
        """Tell whether a result may still be created, asking nobody where that is known: asked before every try to store one.

        Whoever took the work from us waits, before results are deleted, for as long as this may be true by
        mistake.
        """
        ...

    async def owned(self) -> bool:
        """Ask whether the work is ours now, before anything that was there is replaced."""
        ...


class Disowned(ImageJobsError):
    """Raised when the work was taken from us, by another worker or by the job's end; what we have is thrown away."""

    code = Code.CONFLICT


class Store:
    """Stores results in S3."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def __call__(
        self, task: Task, variant: Variant, picture: Picture, bytes_in: int, claim: Claim
    ) -> OutputFile:
        """Store a result, or find that it is stored already, and tell its facts.

        Args:
            task: The image it was made of.
            variant: What was asked for.
            picture: What was made.
            bytes_in: Size of the source, for the object's metadata.
            claim: Asked before each try.

        Raises:
            ImageFailed: storage_error, or invalid_options if another image of the job has the same key.
            Disowned: The work is no longer ours.
            Misconfigured: S3 does not take our credentials, or has no such bucket.
        """
        key = s3_keys.output(task.prefix, task.index, task.item.name, variant.name, picture.format)
        facts = _metadata(task, variant, picture, bytes_in)
        try:
            stored = await self._put(task, key, picture, facts, claim)
        except Unavailable as ex:
            raise ImageFailed(code=Code.STORAGE_ERROR) from ex
        except NotFound as ex:
            raise Misconfigured("the bucket is missing") from ex
        if stored is not None:
            return _found(variant, key, stored)
        return OutputFile(
            variant.name,
            key,
            picture.width,
            picture.height,
            picture.format,
            len(picture.data),
            picture.kept_original,
        )

    async def _put(
        self, task: Task, key: S3Key, picture: Picture, metadata: Mapping[str, str], claim: Claim
    ) -> ObjectFacts | None:
        only_if = ""
        for _ in range(ROUNDS):
            if not await claim.holds():
                raise Disowned
            try:
                await self._objects.put(
                    key,
                    picture.data,
                    content_type=picture.format.content_type,
                    cache_control=task.cache_control,
                    metadata=metadata,
                    only_if=only_if,
                )
                return None
            except Conflict:
                there = await self._objects.head(key)
            if there is not None and _is_same(there.metadata, metadata):
                return there
            only_if = await _may_replace(there, metadata, key, claim)
        raise ImageFailed(f"{key} is being written by somebody else", code=Code.STORAGE_ERROR)


def rule(variant: Variant) -> str:
    """Return a digest of what a variant asks for: 16 hexadecimal digits of SHA-256."""
    return hashlib.sha256(json.dumps(variant_body(variant), sort_keys=True).encode()).hexdigest()[:16]


def _metadata(task: Task, variant: Variant, picture: Picture, bytes_in: int) -> dict[str, str]:
    return {
        s3_keys.MADE_BY: task.uid,
        "index": str(task.index),
        "rule": rule(variant),
        "width": str(picture.width),
        "height": str(picture.height),
        "format": picture.format.value,
        "kept": str(int(picture.kept_original)),
        "bytes-in": str(bytes_in),
    }


def _is_same(there: Mapping[str, str], ours: Mapping[str, str]) -> bool:
    return all(there.get(name) == ours[name] for name in (s3_keys.MADE_BY, "index", "rule"))


async def _may_replace(there: ObjectFacts | None, ours: Mapping[str, str], key: S3Key, claim: Claim) -> str:
    if there is None:
        return ""
    if (
        there.metadata.get(s3_keys.MADE_BY) == ours[s3_keys.MADE_BY]
        and there.metadata.get("index") != ours["index"]
    ):
        raise ImageFailed(
            f"image {there.metadata.get('index')} of this job has the same result key {key}",
            code=Code.INVALID_OPTIONS,
        )
    if not await claim.owned():
        raise Disowned
    return there.etag


def _found(variant: Variant, key: S3Key, facts: ObjectFacts) -> OutputFile:
    told = facts.metadata
    return OutputFile(
        variant.name,
        key,
        int(told["width"]),
        int(told["height"]),
        Format(told["format"]),
        facts.size,
        told.get("kept") == "1",
    )
