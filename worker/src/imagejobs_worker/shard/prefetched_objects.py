"""S3, of which some was read before anybody asked."""

import asyncio
from contextlib import suppress

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_worker.shard.prefetch import HeadStart, Read


class EarlyObjects(S3Objects):
    """Implements `storage.ObjectStore`; the first read of what was begun is answered by that, unless S3 did not answer it."""

    def __init__(self, settings: S3Settings, begun: HeadStart) -> None:
        super().__init__(settings, begun.store)
        self._begun = begun

    async def get(self, key: S3Key, max_bytes: int) -> tuple[bytes, str]:
        """Do what `S3Objects.get` does."""
        return await self._early(key) or await super().get(key, max_bytes)

    async def get_range(self, key: S3Key, start: int, end: int, *, only_if: str | None = None) -> bytes:
        """Do what `S3Objects.get_range` does."""
        early = None if only_if else await self._early(key)
        return early[0] if early else await super().get_range(key, start, end, only_if=only_if)

    async def _early(self, key: S3Key) -> Read | None:
        if begun := self._begun.taken(key):
            with suppress(Unavailable):
                return await asyncio.wrap_future(begun)
        return None
