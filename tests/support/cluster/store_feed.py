"""The feed of a store as tests listen to it: only which jobs it tells of."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import JobEvent, JobStore


async def told_keys(store: JobStore) -> AsyncGenerator[JobKey, None]:
    """Yield the key of each job that is told of."""
    async with aclosing(cast("AsyncGenerator[JobEvent | None, None]", store.watch())) as feed:
        async for seen in feed:
            if seen is not None:
                yield seen.key
