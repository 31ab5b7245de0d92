"""Collects the images of `POST /api/jobs`: items of the ImageJob, or a manifest in S3 if there are more.

A manifest is written, or a caller's own copied, to a key that only the API writes, before the job is created.
So exactly the list that was checked and counted is run. Lists are streamed.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial

from imagejobs_api.http import json_io
from imagejobs_api.http.errors import Problem
from imagejobs_api.submit.distinct_names import BloomNames
from imagejobs_api.submit.job_request import JobRequest, ManifestRef
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Fault, Invalid, NotFound
from imagejobs_contract.files.item_lengths import measure_items
from imagejobs_contract.model import limits
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.spec import Manifest, with_distinct_names
from imagejobs_contract.storage import ListedObject, ObjectStore
from imagejobs_contract.wire.manifests import item_lines
from imagejobs_contract.wire.source_prefixes import names_object

FEW_ITEMS = 64
"""Images whose names are told apart at once; 500 of the longest names take 50 ms."""
PIECE_LINES = 250
"""Lines that are encoded in one turn of the event loop, in 5 ms: an answer to another request takes a few
turns and waits for no more than that in each.
"""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ItemsOrManifest:
    """The images of a job as an ImageJob holds them: either items or a manifest."""

    items: tuple[Item, ...] = ()
    manifest: Manifest | None = None


class ItemCollector:
    """Collects the images of requests. `JobIntake` has one, as long as the app lives.

    Args:
        max_manifest_bytes: The largest manifest that a caller may bring.
    """

    def __init__(self, objects: ObjectStore, max_manifest_bytes: int) -> None:
        self._objects = objects
        self._max_bytes = max_manifest_bytes

    async def collect(self, request: JobRequest, list_key: S3Key) -> ItemsOrManifest:
        """Return the images of a request.

        Args:
            list_key: Where a manifest is stored if one is needed.

        Raises:
            Invalid: There are no images or too many, or the caller's manifest is invalid.
            Problem: The caller's manifest was deleted meanwhile.
            Unavailable: S3 does not answer.
        """
        if request.manifest:
            return ItemsOrManifest(manifest=await self._copy_manifest(request.manifest, list_key))
        if request.prefix is None:
            return await self._items_or_manifest(_iterate(request.items), list_key)
        listing = _PrefixListing(request.prefix, self._objects.list(request.prefix))
        images = await self._items_or_manifest(listing.items(), list_key)
        if not images.items and not images.manifest:
            raise Invalid(
                [Fault("prefix", f"there are no images under {request.prefix}{listing.skipped_note()}")]
            )
        return images

    async def _items_or_manifest(self, items: AsyncIterator[Item], list_key: S3Key) -> ItemsOrManifest:
        first: list[Item] = []
        async for item in items:
            first.append(item)
            if len(first) > limits.MAX_ITEMS or item.headers:
                return ItemsOrManifest(manifest=await self._write_manifest(first, items, list_key))
        if len(first) <= FEW_ITEMS:
            return ItemsOrManifest(with_distinct_names(first))
        return ItemsOrManifest(await json_io.run_apart(partial(with_distinct_names, first)))

    async def _write_manifest(
        self, first: list[Item], rest: AsyncIterator[Item], list_key: S3Key
    ) -> Manifest:
        lines = _ManifestLines()
        await self._objects.put_stream(list_key, lines.encode(first, rest))
        return Manifest(list_key, lines.count)

    async def _copy_manifest(self, given: ManifestRef, list_key: S3Key) -> Manifest:
        facts = await self._objects.head(given.key)
        if facts is None:
            raise Invalid([Fault("manifest.key", f"there is nothing under {given.key}")])
        if not 0 < facts.size <= self._max_bytes:
            raise Invalid(
                [Fault("manifest.key", f"has {facts.size} bytes; 1 to {self._max_bytes} are allowed")]
            )
        try:
            await self._objects.copy(given.key, list_key)
        except NotFound as ex:
            raise Problem(Code.CONFLICT, f"{given.key} was deleted just now.") from ex
        count = await self._count(list_key, self._max_bytes)
        if not count:
            raise Invalid([Fault("manifest.key", "has blank lines only")])
        if given.count not in (None, count):
            message = f"is {given.count}, but the manifest has {count} lines, blank ones aside"
            raise Invalid([Fault("manifest.count", message)])
        return Manifest(list_key, count)

    async def _count(self, key: S3Key, max_bytes: int) -> int:
        facts, count = await self._objects.head(key), 0
        async for lengths in measure_items(
            self._objects, key, min(facts.size, max_bytes) if facts else 0, "manifest.key"
        ):
            count += len(lengths)
            _check_count(count, "manifest.key")
        return count


class _PrefixListing:
    """The objects under a prefix, except empty ones: folders, as consoles make them, are empty.

    Whether an object is an image is found out by the worker that reads it.
    """

    def __init__(self, prefix: str, pages: AsyncIterator[Iterable[ListedObject]]) -> None:
        self._prefix = prefix
        self._pages = pages
        self._skipped = 0

    async def items(self) -> AsyncIterator[Item]:
        async for page in self._pages:
            for key, size, _ in page:
                if size == 0:
                    self._skipped += 1
                elif names_object(key):
                    yield Item(key[len(self._prefix) :][-limits.MAX_NAME_LENGTH :], key)
                else:
                    yield self._unreadable_item(key)

    def _unreadable_item(self, key: S3Key) -> Item:
        """Return an item for an object that is not read: it stays in the job, and fails there by itself.

        An ImageJob can hold no control characters. So they are percent-encoded, behind a part `.` that no
        reader takes for the key of another object.
        """
        below = _CONTROL.sub(lambda found: f"%{ord(found[0]):02X}", key[len(self._prefix) :])
        name = below.strip("/")[-limits.MAX_NAME_LENGTH :]
        if key.endswith(below):
            return Item(name, key)
        return Item(name, S3Key(f"{self._prefix}./{below}"[: limits.MAX_KEY_LENGTH]))

    def skipped_note(self) -> str:
        return f"; {self._skipped} objects are empty or folders" if self._skipped else ""


class _ManifestLines:
    """Encodes items as the lines of a manifest, with distinct names, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    async def encode(self, first: Iterable[Item], rest: AsyncIterator[Item]) -> AsyncIterator[bytes]:
        names, piece = BloomNames(), []
        async for item in _chain(first, rest):
            piece.append(Item(names.assign(self.count, item.name), item.key, item.url, item.headers))
            self.count += 1
            _check_count(self.count, "prefix")
            if len(piece) == PIECE_LINES:
                yield b"".join(item_lines(piece))
                piece.clear()
                await asyncio.sleep(0)
        yield b"".join(item_lines(piece))


def _check_count(count: int, field: str) -> None:
    if count > limits.MAX_MANIFEST_ITEMS:
        raise Invalid([Fault(field, f"holds more than {limits.MAX_MANIFEST_ITEMS} images")])


async def _iterate(items: Iterable[Item]) -> AsyncIterator[Item]:
    for item in items:
        yield item


async def _chain(first: Iterable[Item], rest: AsyncIterator[Item]) -> AsyncIterator[Item]:
    for item in first:
        yield item
    async for item in rest:
        yield item
