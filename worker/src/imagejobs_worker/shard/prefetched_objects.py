"""S3, of which some was read before anybody asked."""

import asyncio
from contextlib import suppress

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_worker.shard.prefetch import Prefetch, ReadResult


class PrefetchedObjects(S3Objects):
    """Implements `storage.ObjectStore`; the first read of what was begun is answered by that, unless S3 did not answer it."""

    def __init__(self, settings: S3Settings, prefetch: Prefetch) -> None:
        super().__init__(settings, prefetch.store)
        self._prefetch = prefetch

    async def get(self, key: str, max_bytes: int) -> tuple[bytes, str]:
        """Do what `S3Objects.get` does."""
        return await self._take_prefetched(key) or await super().get(key, max_bytes)

    async def get_range(self, key: str, start: int, end: int, *, only_if: str | None = None) -> bytes:
        """Do what `S3Objects.get_range` does."""
        early = None if only_if else await self._take_prefetched(key)
        return early[0] if early else await super().get_range(key, start, end, only_if=only_if)

    async def _take_prefetched(self, key: str) -> ReadResult | None:
        if begun := self._prefetch.take(key):
            with suppress(Unavailable):
                return await asyncio.wrap_future(begun)
        return None
