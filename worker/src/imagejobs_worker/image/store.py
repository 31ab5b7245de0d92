"""Stores one result under its deterministic key: a repeated task meets its own result, and nothing is lost.

The rule: create the object while the work is still ours. If there is one, its metadata decide. The same job,
image and variant: it is this very result, and its facts are taken. Another image of the same job: two names
give one key, which is the job's fault. Any other object, such as one of an earlier job with the same prefix:
it is replaced, as that version only, and only if the work is verified to be ours now, so that a worker that
was away for long (a zombie) replaces nothing.
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
from imagejobs_contract.model.placeholder import read_placeholder
from imagejobs_contract.storage import ObjectFacts, ObjectStore
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.tasks import Task
from imagejobs_worker.imaging.picture import Picture

MAX_ROUNDS = 3
"""Times that another writer may be faster than us before the storage counts as broken."""


class Ownership(Protocol):
    """Answers whether the work is still ours; a lease or a shard's results file is one."""

    async def may_create(self) -> bool:
        """Return whether a result may still be created; called before every try to store one.

        May answer from memory. A yes may therefore be out of date for a bounded time, and an operator that
        takes the work away waits for that time before it deletes results.
        """
        ...

    async def verify_ownership(self) -> bool:
        """Ask whether the work is ours now; called before an object that exists is replaced.

        Never answers from memory: a wrong yes would destroy the result of the new owner.
        """
        ...


class OwnershipLost(ImageJobsError):
    """Raised when another worker, or the job's end, took the work from us; our result is thrown away."""

    code = Code.CONFLICT


class OutputStore:
    """Stores results in S3."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def put_output(
        self, task: Task, variant: Variant, picture: Picture, bytes_in: int, ownership: Ownership
    ) -> OutputFile:
        """Store a result, or find that it is stored already, and return its facts.

        Args:
            task: The image it was made of.
            variant: The options it was made by.
            picture: The result.
            bytes_in: Size of the source, for the object's metadata.
            ownership: Asked before each try.

        Raises:
            ImageFailed: storage_error, or invalid_options if another image of the job has the same key.
            OwnershipLost: The work is no longer ours.
            Misconfigured: S3 does not take our credentials, or has no such bucket.
        """
        key = s3_keys.output(task.prefix, task.index, task.item.name, variant.name, picture.format)
        facts = _metadata(task, variant, picture, bytes_in)
        try:
            stored = await self._put(task, key, picture, facts, ownership)
        except Unavailable as ex:
            raise ImageFailed(code=Code.STORAGE_ERROR) from ex
        except NotFound as ex:
            raise Misconfigured("the bucket is missing") from ex
        if stored is not None:
            return _output_from_metadata(variant, key, stored)
        return OutputFile(
            variant.name,
            key,
            picture.width,
            picture.height,
            picture.format,
            len(picture.data),
            picture.kept_original,
            picture.placeholder,
        )

    async def _put(
        self, task: Task, key: S3Key, picture: Picture, metadata: Mapping[str, str], ownership: Ownership
    ) -> ObjectFacts | None:
        only_if = ""
        for _ in range(MAX_ROUNDS):
            if not await ownership.may_create():
                raise OwnershipLost
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
            if there is not None and _is_same_output(there.metadata, metadata):
                return there
            only_if = await _etag_to_replace(there, metadata, key, ownership)
        raise ImageFailed(f"{key} is being written by somebody else", code=Code.STORAGE_ERROR)


def rule_digest(variant: Variant) -> str:
    """Return a digest of a variant's options: 16 hexadecimal digits of SHA-256."""
    return hashlib.sha256(json.dumps(variant_body(variant), sort_keys=True).encode()).hexdigest()[:16]


def _metadata(task: Task, variant: Variant, picture: Picture, bytes_in: int) -> dict[str, str]:
    shown = picture.placeholder
    told = {"thumbhash": shown.thumbhash, "main-colour": shown.main_colour}
    return {name: value for name, value in told.items() if value} | {
        s3_keys.MADE_BY: task.uid,
        "index": str(task.index),
        "rule": rule_digest(variant),
        "width": str(picture.width),
        "height": str(picture.height),
        "format": picture.format.value,
        "kept": str(int(picture.kept_original)),
        "bytes-in": str(bytes_in),
    }


def _is_same_output(there: Mapping[str, str], ours: Mapping[str, str]) -> bool:
    return all(there.get(name) == ours[name] for name in (s3_keys.MADE_BY, "index", "rule"))


async def _etag_to_replace(
    there: ObjectFacts | None, ours: Mapping[str, str], key: S3Key, ownership: Ownership
) -> str:
    """Return the ETag of the object to replace, "" if it is gone meanwhile.

    Raises:
        ImageFailed: invalid_options; it belongs to another image of this job.
        OwnershipLost: The work is no longer ours.
    """
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
    if not await ownership.verify_ownership():
        raise OwnershipLost
    return there.etag


def _output_from_metadata(variant: Variant, key: S3Key, facts: ObjectFacts) -> OutputFile:
    stored = facts.metadata
    return OutputFile(
        variant.name,
        key,
        int(stored["width"]),
        int(stored["height"]),
        Format(stored["format"]),
        facts.size,
        stored.get("kept") == "1",
        read_placeholder(stored.get("thumbhash", ""), stored.get("main-colour", "")),
    )
