"""Brings an image's source into memory: by its key from the API's hands or from S3, or from a URL through the address guard.

Never more than one file's limit.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING, Protocol

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed, NotFound, TooLarge, Unavailable
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.storage import ObjectStore

if TYPE_CHECKING:
    from pathlib import Path

    from imagejobs_contract.outbound.guard import AddressGuard

Arrived = Callable[[], Awaitable[None]]
Download = Callable[[str, int, Arrived], Awaitable[bytes]]
"""URL, most bytes, what is waited for before more than the body's beginning is held -> body; raises
ImageFailed.
"""
SLOW_SECONDS = 1.0
"""After so long without the beginning of its image a server of the web is slow, and others need not wait for
it.
"""


class Turn(Protocol):
    """An image's place among those that a worker has in hand."""

    def step_aside(self) -> None:
        """Let others begin."""
        ...

    async def come_back(self) -> None:
        """Wait for a place again."""
        ...


class Fetch:
    """Fetches sources.

    Args:
        objects: Where keys lie.
        download: How a URL is read.
        max_bytes: The largest source, in bytes.
        folder: Where an API on this machine leaves what it put under a key, or None.
    """

    def __init__(
        self, objects: ObjectStore, download: Download, max_bytes: int, folder: "Path | None" = None
    ) -> None:
        self._objects = objects
        self._download = download
        self._max_bytes = max_bytes
        self._folder = folder

    async def __call__(self, item: Item, turn: Turn) -> bytes:
        """Return the bytes of an item's source.

        Args:
            turn: Left to others while a server of the web is slow; only with a place is more than the
                beginning of its answer held.

        Raises:
            ImageFailed: source_..., file_too_large or storage_error.
            Misconfigured: S3 does not take our credentials.
        """
        if item.url is not None:
            return await self._from_afar(item.url, turn)
        key = item.key or S3Key("")
        handed = self._handed(self._folder, key) if self._folder else None
        return await self._get(key) if handed is None else handed

    def _handed(self, folder: "Path", key: S3Key) -> bytes | None:
        from imagejobs_contract.wire import handoff

        return handoff.take_copy(folder, key, self._max_bytes)

    async def _from_afar(self, url: str, turn: Turn) -> bytes:
        slow = asyncio.get_running_loop().call_later(SLOW_SECONDS, turn.step_aside)

        async def arrived() -> None:
            slow.cancel()
            await turn.come_back()

        try:
            return await self._download(url, self._max_bytes, arrived)
        finally:
            slow.cancel()

    async def _get(self, key: S3Key) -> bytes:
        try:
            data, _ = await self._objects.get(key, self._max_bytes)
        except NotFound as ex:
            raise ImageFailed(code=Code.SOURCE_NOT_FOUND) from ex
        except TooLarge as ex:
            raise too_large(self._max_bytes) from ex
        except Unavailable as ex:
            raise ImageFailed(code=Code.STORAGE_ERROR) from ex
        return data


def too_large(max_bytes: int) -> ImageFailed:
    """Return what becomes of an image whose file is larger than it may be."""
    return ImageFailed(f"The file is larger than {max_bytes} bytes.", code=Code.FILE_TOO_LARGE)


def through_guard(reach: EgressPolicy, min_bytes_per_second: int) -> Download:
    """Return what reads URLs through the address guard.

    What that needs is imported with the first URL: 25 ms that images from S3 do not pay.

    Args:
        reach: How far they may lead.
        min_bytes_per_second: How slowly an image may come.
    """

    @cache
    def guard() -> "AddressGuard":
        from imagejobs_contract.outbound.guard import AddressGuard

        return AddressGuard(reach)

    async def read(url: str, max_bytes: int, arrived: Arrived) -> bytes:
        from imagejobs_worker.image.download import Patience, download
        from imagejobs_worker.image.min_rate import Pace

        return await download(guard(), url, max_bytes, Patience(pace=Pace(min_bytes_per_second)), arrived)

    return read
