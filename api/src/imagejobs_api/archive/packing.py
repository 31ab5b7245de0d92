"""Packs an archive: reads its files from S3 in pieces, a few ahead, and yields the zip.

Neither a file nor the zip is ever in memory as a whole.

A file that changed or was deleted after the archive began raises an error: its length was announced, and
bytes of another version would be a broken picture.
"""

import zlib
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import partial

from imagejobs_api.archive import zip_format
from imagejobs_api.archive.contents import Contents, File
from imagejobs_api.archive.readahead import read_ahead
from imagejobs_api.archive.zip_format import Member, Timestamp
from imagejobs_contract.errors import Conflict
from imagejobs_contract.storage import ObjectStore

READ_BYTES = 2 * 2**20
"""Of one read. Larger files are read twice: first for the checksum, which comes before their bytes."""
MAX_READS_AHEAD = 4
"""At most 8 MB for each archive; for small files enough to hide S3's delay."""
CHUNK_BYTES = 64 * 2**10
"""Passed on at once, so that a slow client has little to receive before its next deadline."""
MISSING_NAME = "failed.txt"
"""Of the file that names missing outputs. No output has that name, because its extension is an image's."""


class Packer:
    """Makes zips of a bucket's objects; keeps nothing between two archives."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def pack(self, contents: Contents, stamp: Timestamp) -> AsyncGenerator[bytes, None]:
        """Yield the zip.

        Raises:
            NotFound, Conflict: A file was deleted or changed since its contents were read.
            Unavailable: S3 does not answer.
        """
        buffer = bytearray()
        async with aclosing(self._zip_pieces(contents, stamp)) as pieces:
            async for piece in pieces:
                for start in range(0, len(piece), CHUNK_BYTES):  # so no piece of 2 MB is in memory twice
                    buffer += piece[start : start + CHUNK_BYTES]
                    if len(buffer) >= CHUNK_BYTES:
                        yield bytes(buffer[:CHUNK_BYTES])
                        del buffer[:CHUNK_BYTES]
        yield bytes(buffer)

    async def _zip_pieces(self, contents: Contents, stamp: Timestamp) -> AsyncGenerator[bytes, None]:
        crcs = array("L")
        async with aclosing(read_ahead(self._reads(contents.files), MAX_READS_AHEAD)) as reads:
            for file in contents.files:
                async for piece in _file_pieces(file, reads, stamp, crcs):
                    yield piece
        if contents.missing:
            data = contents.missing.encode()
            crcs.append(zlib.crc32(data))
            yield zip_format.local_header(Member(MISSING_NAME, len(data)), crcs[-1], stamp) + data
        for piece in _directory_pieces(zip_members(contents), crcs, stamp):
            yield piece

    def _reads(self, files: Iterable[File]) -> Iterator[Callable[[], Awaitable[bytes]]]:
        for file in files:
            for _ in range(2 if _is_large(file) else 1):
                for span in _read_ranges(file):
                    yield partial(self._read, file, span)

    async def _read(self, file: File, span: range) -> bytes:
        data = await self._objects.get_range(file.key, span.start, span.stop, only_if=file.etag)
        if len(data) != len(span):
            raise Conflict(f"{file.key} has another size than it had")
        return data


def zip_members(contents: Contents) -> Iterator[Member]:
    """Yield the members of the zip, in order."""
    yield from (Member(file.name, file.size) for file in contents.files)
    if contents.missing:
        yield Member(MISSING_NAME, len(contents.missing.encode()))


async def _file_pieces(
    file: File, reads: AsyncIterator[bytes], stamp: Timestamp, crcs: "array[int]"
) -> AsyncGenerator[bytes, None]:
    whole = b""
    if _is_large(file):
        crcs.append(await _checksum(file, reads))
    else:
        whole = await anext(reads)
        crcs.append(zlib.crc32(whole))
    yield zip_format.local_header(Member(file.name, file.size), crcs[-1], stamp)
    yield whole
    if _is_large(file):
        for _ in _read_ranges(file):
            yield await anext(reads)


async def _checksum(file: File, reads: AsyncIterator[bytes]) -> int:
    crc = 0
    for _ in _read_ranges(file):
        crc = zlib.crc32(await anext(reads), crc)
    return crc


def _is_large(file: File) -> bool:
    return file.size > READ_BYTES


def _read_ranges(file: File) -> list[range]:
    """Return the byte range of each read of a file; one empty range for an empty file."""
    return [
        range(start, min(start + READ_BYTES, file.size)) for start in range(0, file.size, READ_BYTES)
    ] or [range(0)]


def _directory_pieces(found: Iterable[Member], crcs: Sequence[int], stamp: Timestamp) -> Iterator[bytes]:
    offset = size = count = 0
    for member, crc in zip(found, crcs, strict=True):
        entry = zip_format.directory_entry(member, crc, stamp, offset)
        yield entry
        offset += len(zip_format.local_header(member, crc, stamp)) + member.size
        size, count = size + len(entry), count + 1
    yield zip_format.end_records(count, size, offset)
