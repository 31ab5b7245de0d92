"""Makes the images of a job out of what a caller named: items in the ImageJob itself, or a manifest in S3, streamed, when there are more.

A list is written, or a caller's own copied, to where only the API writes, before the job is created: what was
checked and counted is what is run.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from imagejobs_api.http.errors import Problem
from imagejobs_api.submit.distinct_names import Apart
from imagejobs_api.submit.job_request import JobRequest, Listing
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Fault, Invalid, NotFound
from imagejobs_contract.files.item_lengths import measure_items
from imagejobs_contract.model import limits
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.spec import Manifest, with_distinct_names
from imagejobs_contract.storage import ListedObject, ObjectStore
from imagejobs_contract.wire.manifests import item_lines
from imagejobs_contract.wire.source_prefixes import may_read

PIECE_LINES = 250
"""Written at once, in 5 ms: others wait for no more of a list than that in each turn of the loop, of which an
answer takes a few.
"""


@dataclass(frozen=True, slots=True)
class Images:
    """The images of a job, as an ImageJob holds them: one of both."""

    items: tuple[Item, ...] = ()
    manifest: Manifest | None = None


class Gather:
    """Gathers the images of requests.

    Args:
        max_manifest_bytes: The largest manifest of a caller's own.
    """

    def __init__(self, objects: ObjectStore, max_manifest_bytes: int) -> None:
        self._objects = objects
        self._max_bytes = max_manifest_bytes

    async def images(self, request: JobRequest, list_key: S3Key) -> Images:
        """Return the images of a request.

        Args:
            list_key: Where a manifest is put if there has to be one.

        Raises:
            Invalid: There are none, too many, or the caller's manifest is not what it should be.
            Unavailable: S3 does not answer.
        """
        if request.manifest:
            return Images(manifest=await self._copied(request.manifest, list_key))
        if request.prefix is None:
            return await self._few_or_many(_each(request.items), list_key)
        found = _Folder(request.prefix, self._objects.list(request.prefix))
        images = await self._few_or_many(found.items(), list_key)
        if not images.items and not images.manifest:
            raise Invalid(
                [Fault("prefix", f"there are no images under {request.prefix}{found.passed_over()}")]
            )
        return images

    async def _few_or_many(self, items: AsyncIterator[Item], list_key: S3Key) -> Images:
        first: list[Item] = []
        async for item in items:
            first.append(item)
            if len(first) > limits.MAX_ITEMS:
                return Images(manifest=await self._written(first, items, list_key))
        return Images(with_distinct_names(first))

    async def _written(self, first: list[Item], rest: AsyncIterator[Item], list_key: S3Key) -> Manifest:
        lines = _Lines()
        await self._objects.put_stream(list_key, lines.of(first, rest))
        return Manifest(list_key, lines.count)

    async def _copied(self, listing: Listing, list_key: S3Key) -> Manifest:
        facts = await self._objects.head(S3Key(listing.key))
        if facts is None:
            raise Invalid([Fault("manifest.key", f"there is nothing under {listing.key}")])
        if not 0 < facts.size <= self._max_bytes:
            raise Invalid(
                [Fault("manifest.key", f"has {facts.size} bytes; 1 to {self._max_bytes} are allowed")]
            )
        try:
            await self._objects.copy(S3Key(listing.key), list_key)
        except NotFound as ex:
            raise Problem(Code.CONFLICT, f"{listing.key} was deleted just now.") from ex
        count = await self._count(list_key, self._max_bytes)
        if not count:
            raise Invalid([Fault("manifest.key", "has blank lines only")])
        if listing.count not in (None, count):
            raise Invalid(
                [
                    Fault(
                        "manifest.count",
                        f"is {listing.count}, but the manifest has {count} lines, blank ones aside",
                    )
                ]
            )
        return Manifest(list_key, count)

    async def _count(self, key: S3Key, most_bytes: int) -> int:
        facts, count = await self._objects.head(key), 0
        async for some in measure_items(
            self._objects, key, min(facts.size, most_bytes) if facts else 0, "manifest.key"
        ):
            count += len(some)
            _check_count(count, "manifest.key")
        return count


class _Folder:
    """The images of a listing: everything that is not empty and not a folder.

    What they are is seen by whoever reads them.
    """

    def __init__(self, prefix: str, pages: AsyncIterator[Iterable[ListedObject]]) -> None:
        self._prefix = prefix
        self._pages = pages
        self._passed_over = 0

    async def items(self) -> AsyncIterator[Item]:
        async for page in self._pages:
            for key, size, _ in page:
                if size == 0 or key.endswith("/"):
                    self._passed_over += 1
                elif not may_read(key, (self._prefix,)):
                    raise Invalid([Fault("prefix", f"holds {key!r}, which no ImageJob can name")])
                else:
                    yield Item(key[len(self._prefix) :][-limits.MAX_NAME_LENGTH :], key)

    def passed_over(self) -> str:
        return f"; {self._passed_over} objects are empty or folders" if self._passed_over else ""


class _Lines:
    """Items on their way into a manifest."""

    def __init__(self) -> None:
        self.count = 0

    async def of(self, first: Iterable[Item], rest: AsyncIterator[Item]) -> AsyncIterator[bytes]:
        apart, piece = Apart(), []
        async for item in _both(first, rest):
            piece.append(Item(apart.name(self.count, item.name), item.key, item.url))
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


async def _each(items: Iterable[Item]) -> AsyncIterator[Item]:
    for item in items:
        yield item


async def _both(first: Iterable[Item], rest: AsyncIterator[Item]) -> AsyncIterator[Item]:
    for item in first:
        yield item
    async for item in rest:
        yield item
