"""Stores a body of unknown length in S3 with bounded memory: small ones as one PUT, others in parts.

Measured with obstore 0.12: an async iterator always becomes a multipart upload, three requests even for one
byte; one that raises is aborted, but one that is cancelled from outside stays open in the bucket. Therefore
the first part is gathered here, and a cancelled upload is ended by an error from its own source.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import obstore
from obstore.store import S3Store

from imagejobs_contract.model.names import S3Key

PART_BYTES = 5 * 2**20
"""The smallest part that S3 accepts, and so the largest body that is one PUT."""
MAX_PARALLEL_PARTS = 2
"""Parts that are being sent, beside the one that is being gathered."""
MAX_HELD_BYTES = PART_BYTES * (MAX_PARALLEL_PARTS + 1)
"""Of one body in memory."""
ABORT_SECONDS = 5.0


class _Abandoned(Exception):
    """Raised inside an upload to make obstore abort it."""


async def put_parts(store: S3Store, key: S3Key, chunks: AsyncIterator[bytes]) -> int:
    """Store the chunks and return their size; if the iterator raises, nothing is stored."""
    first, ended = await _gather(chunks)
    if ended:
        await obstore.put_async(store, key, first, use_multipart=False)
        return len(first)
    source = _Source(first, chunks)
    upload = asyncio.ensure_future(
        obstore.put_async(
            store, key, source.chunks(), chunk_size=PART_BYTES, max_concurrency=MAX_PARALLEL_PARTS
        )
    )
    try:
        await asyncio.shield(upload)
    except asyncio.CancelledError:
        source.abandon()
        with suppress(Exception):
            await asyncio.wait_for(upload, ABORT_SECONDS)
        raise
    return source.size


class _Source:
    """The chunks for obstore, which can be made to fail."""

    def __init__(self, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self.size = 0
        self._first = first
        self._rest = rest
        self._abandoned = asyncio.Event()

    def abandon(self) -> None:
        """Let the next read fail, also one that waits already."""
        self._abandoned.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the first chunk and the rest."""
        chunk: bytes | None = self._first
        while chunk is not None:
            self.size += len(chunk)
            yield chunk
            chunk = await self._next()

    async def _next(self) -> bytes | None:
        reading = asyncio.ensure_future(anext(self._rest, None))
        stopping = asyncio.ensure_future(self._abandoned.wait())
        await asyncio.wait((reading, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if self._abandoned.is_set():
            reading.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await reading
            raise _Abandoned
        return await reading


async def _gather(chunks: AsyncIterator[bytes]) -> tuple[bytes, bool]:
    """Return at least a part's worth of bytes and False, or all bytes and True."""
    gathered: list[bytes] = []
    size = 0
    async for chunk in chunks:
        gathered.append(chunk)
        size += len(chunk)
        if size >= PART_BYTES:
            return b"".join(gathered), False
    return b"".join(gathered), True
