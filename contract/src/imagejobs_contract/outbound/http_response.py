"""Reads one HTTP/1.1 response from a stream: strictly, and at most a given number of bytes.

It knows nothing of hosts, redirects or time.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from imagejobs_contract.errors import TooLarge

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: .*)?")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(;.*)?\r\n", re.DOTALL)
_ONLY_ONCE = frozenset({"content-length", "transfer-encoding", "location"})
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers, by their names in lower case."""

    status: int
    headers: Mapping[str, str]


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Read up to the end of the headers, at most the reader's limit; interim responses are skipped.

    Raises:
        ValueError: They are malformed.
        EOFError: They are cut.
        asyncio.LimitOverrunError: They are too long.
    """
    while True:
        head = _parse_head(await reader.readuntil(b"\r\n\r\n"))
        if head.status >= 200:
            return head


def _parse_head(raw: bytes) -> Head:
    status_line, *lines = raw[:-4].split(b"\r\n")
    match = _STATUS_LINE.fullmatch(status_line)
    if not match:
        raise ValueError("not an HTTP/1 answer")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        key, text = name.lower(), value.strip()
        if not colon or not name.strip() or (headers.get(key, text) != text and key in _ONLY_ONCE):
            raise ValueError("malformed or contradictory headers")
        headers[key] = text
    return Head(int(match[1]), headers)


async def read_body(reader: asyncio.StreamReader, head: Head, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body, at least a byte at a time, as its headers frame it.

    The caller decodes a content coding.

    Raises:
        ValueError: The framing is malformed.
        EOFError: The body is cut.
        TooLarge: It has more bytes.
    """
    left = max_bytes
    async for piece in _read_framed(reader, head, max_bytes):
        left -= len(piece)
        if left < 0:
            raise TooLarge
        yield piece


def _read_framed(reader: asyncio.StreamReader, head: Head, max_bytes: int) -> AsyncIterator[bytes]:
    coding, length = head.headers.get("transfer-encoding"), head.headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise ValueError("a transfer coding other than chunked, or a length beside it")
        return _read_chunks(reader)
    if length is None:
        return _read_until_end(reader)
    if not re.fullmatch(r"[0-9]{1,15}", length, re.ASCII):
        raise ValueError("the length is not a number")
    if int(length) > max_bytes:
        raise TooLarge
    return _read_exactly(reader, int(length))


async def _read_exactly(reader: asyncio.StreamReader, count: int) -> AsyncIterator[bytes]:
    while count:
        piece = await reader.read(min(count, _READ_BYTES))
        if not piece:
            raise EOFError("the body ends early")
        count -= len(piece)
        yield piece


async def _read_until_end(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while piece := await reader.read(_READ_BYTES):
        yield piece


async def _read_chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        match = _CHUNK_SIZE.fullmatch(await reader.readuntil(b"\r\n"))
        if not match:
            raise ValueError("a chunk without a size")
        if not (size := int(match[1], 16)):
            return
        async for piece in _read_exactly(reader, size):
            yield piece
        if await reader.readexactly(2) != b"\r\n":
            raise ValueError("a chunk longer than its size")
