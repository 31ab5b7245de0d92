"""Manifests: lists of images as JSON lines, written here and by callers.

A line is an item: `name`, and `key` or `url`.

Blank lines are none: they are neither counted nor numbered. Read in pieces, so that one of a gigabyte takes
no more memory than a small one.
"""

import json
from collections.abc import AsyncIterator, Iterable, Sequence

from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.model.items import Item, item_body
from imagejobs_contract.storage import ObjectStore

CONTENT_TYPE = "application/x-ndjson"
CHUNK_BYTES = 2 * 2**20
"""Read at once."""
MAX_LINE_BYTES = 16 * 2**10
"""A key of 1,024 and a URL of 2,048 characters fit in any encoding."""
MAX_BLANK_BYTES = 2 * 2**20
"""Of all blank lines, which a pod reads with those of its items: a million that end in CRLF have room."""


def item_lines(items: Iterable[Item]) -> list[bytes]:
    """Return the items as lines, line feeds included."""
    return [
        json.dumps(item_body(item), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        for item in items
    ]


def split_lines(data: bytes) -> list[bytes]:
    """Return the lines that are not blank, without their line feeds.

    A carriage return ends none: it may stand between the tokens of JSON.
    """
    return [line for line in data.split(b"\n") if not _is_blank(line)]


async def item_lengths(objects: ObjectStore, key: str, size: int, field: str) -> AsyncIterator[list[int]]:
    """Yield how many bytes of a manifest are each item's: its line, line feed included, behind the blank ones before it. Some at a time.

    Args:
        size: Of the manifest, in bytes.
        field: What a fault is to name.

    Raises:
        Invalid: A line is too long to be one, or the blank ones are.
    """
    ruler, rest = _Ruler(field), b""
    for start in range(0, size, CHUNK_BYTES):
        lines = (rest + await objects.get_range(key, start, min(start + CHUNK_BYTES, size))).split(b"\n")
        rest = lines.pop()
        yield ruler.lengths(lines)
        ruler.check([rest])
    if rest:
        yield [each - 1 for each in ruler.lengths([rest])]


class _Ruler:
    """Measures lines that end in a line feed."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._count = self._blank = self._before = 0

    def lengths(self, lines: Sequence[bytes]) -> list[int]:
        self.check(lines)
        found, before = [], self._before
        for line in lines:
            before += len(line) + 1
            if _is_blank(line):
                self._blank += len(line) + 1
            else:
                found.append(before)
                before = 0
        self._count, self._before = self._count + len(lines), before
        if self._blank > MAX_BLANK_BYTES:
            raise Invalid([Fault(self._field, f"has more than {MAX_BLANK_BYTES} bytes of blank lines")])
        return found

    def check(self, lines: Sequence[bytes]) -> None:
        if max(map(len, lines), default=0) > MAX_LINE_BYTES:
            number = next(n for n, line in enumerate(lines, self._count + 1) if len(line) > MAX_LINE_BYTES)
            raise Invalid([Fault(self._field, f"line {number} is longer than {MAX_LINE_BYTES} bytes")])


def _is_blank(line: bytes) -> bool:
    return not line.strip()
