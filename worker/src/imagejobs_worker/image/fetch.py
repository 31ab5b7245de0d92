"""Reads an image's source into memory: a key from the API's handoff or S3, a URL through the address guard.

Never more than one file's limit.
"""

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Protocol

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed, NotFound, TooLarge, Unavailable
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import NO_CALLER, CallerName, S3Key
from imagejobs_contract.model.source_headers import Headers
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import source_prefixes
from imagejobs_worker.image.sources import BeforeBody, Download, Source, file_too_large

if TYPE_CHECKING:
    from pathlib import Path

    from imagejobs_contract.outbound.guard import AddressGuard

SLOW_SECONDS = 1.0
"""A server is slow that has not sent the first bytes of its image after this time; others then need not wait
for it.
"""


class ReleasableSlot(Protocol):
    """An image's slot among those that a worker has in hand; `slots.Slot` is one."""

    def release(self) -> None:
        """Let other images begin."""
        ...

    async def reacquire(self) -> None:
        """Wait for a slot again."""
        ...


class Fetcher:
    """Fetches sources.

    Args:
        objects: Holds the objects of keys.
        download: Reads a URL.
        max_bytes: The largest source, in bytes.
        folder: Where an API on this machine leaves a copy of each upload, or None.
    """

    def __init__(
        self, objects: ObjectStore, download: Download, max_bytes: int, folder: "Path | None" = None
    ) -> None:
        self._objects = objects
        self._download = download
        self._max_bytes = max_bytes
        self._folder = folder

    async def fetch(self, item: Item, slot: ReleasableSlot, caller: CallerName = NO_CALLER) -> Source:
        """Return an item's source.

        Args:
            item: Names a key or a URL.
            slot: Released while the server is slow; reacquired before more than the first bytes are buffered.
            caller: Of the job; may be allowed private networks of its own.

        Raises:
            ImageFailed: source_..., file_too_large or storage_error.
            Misconfigured: S3 does not take our credentials.
        """
        if item.url is not None:
            return await self._download_url(item.url, item.headers, slot, caller)
        key = item.key or S3Key("")
        if not source_prefixes.names_object(key):
            raise ImageFailed(source_prefixes.NOT_PLAIN, code=Code.SOURCE_FORBIDDEN)
        handed = self._take_handoff(self._folder, key) if self._folder else None
        return Source(await self._get_object(key) if handed is None else handed)

    def _take_handoff(self, folder: "Path", key: S3Key) -> bytes | None:
        from imagejobs_contract.wire import handoff

        return handoff.take_copy(folder, key, self._max_bytes)

    async def _download_url(
        self, url: str, headers: Headers, slot: ReleasableSlot, caller: CallerName
    ) -> Source:
        slow = asyncio.get_running_loop().call_later(SLOW_SECONDS, slot.release)

        async def before_body() -> None:
            slow.cancel()
            await slot.reacquire()

        try:
            return await self._download(url, headers, self._max_bytes, before_body, caller)
        finally:
            slow.cancel()

    async def _get_object(self, key: S3Key) -> bytes:
        try:
            data, _ = await self._objects.get(key, self._max_bytes)
        except NotFound as ex:
            raise ImageFailed(code=Code.SOURCE_NOT_FOUND) from ex
        except TooLarge as ex:
            raise file_too_large(self._max_bytes) from ex
        except Unavailable as ex:
            raise ImageFailed(code=Code.STORAGE_ERROR) from ex
        return data


def guarded_download(policy: EgressPolicy, min_bytes_per_second: int, user_agent: str) -> Download:
    """Return a function that reads URLs through the address guard.

    Its modules are imported with the first URL: 25 ms that images from S3 do not pay.

    Args:
        policy: The addresses that URLs may reach.
        min_bytes_per_second: The slowest rate at which an image may come.
        user_agent: Sent to every host, unless the image's headers have one.
    """

    @cache
    def guard() -> "AddressGuard":
        from imagejobs_contract.outbound.guard import AddressGuard

        return AddressGuard(policy)

    async def read(
        url: str, headers: Headers, max_bytes: int, before_body: BeforeBody, caller: CallerName
    ) -> Source:
        from imagejobs_worker.image.download import RequestHeaders, Timeouts, download
        from imagejobs_worker.image.min_rate import MinRate

        timeouts = Timeouts(min_rate=MinRate(min_bytes_per_second))
        asked = RequestHeaders(user_agent, headers)
        return await download(guard().for_caller(caller), url, max_bytes, timeouts, before_body, asked)

    return read
