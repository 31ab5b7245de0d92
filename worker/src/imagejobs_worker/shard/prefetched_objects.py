"""An object store that answers the first read of a key from `prefetch`."""

import asyncio
from contextlib import suppress

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_worker.shard.prefetch import Prefetch, ReadResult


class PrefetchedObjects(S3Objects):
    """Implements `storage.ObjectStore` over S3, with the reads of a `Prefetch`.

    A read that S3 did not answer is sent again.
    """

    def __init__(self, settings: S3Settings, prefetch: Prefetch) -> None:
        super().__init__(settings, prefetch.store)
        self._prefetch = prefetch

    async def get(self, key: S3Key, max_bytes: int) -> tuple[bytes, str]:
        """Do `S3Objects.get`, or return the read that was begun."""
        return await self._take_prefetched(key) or await super().get(key, max_bytes)

    async def get_range(self, key: S3Key, start: int, end: int, *, only_if: str | None = None) -> bytes:
        """Do `S3Objects.get_range`, or return the read that was begun."""
        prefetched = None if only_if else await self._take_prefetched(key)
        return prefetched[0] if prefetched else await super().get_range(key, start, end, only_if=only_if)

    async def _take_prefetched(self, key: S3Key) -> ReadResult | None:
        if read := self._prefetch.take(key):
            with suppress(Unavailable):
                return await asyncio.wrap_future(read)
        return None
