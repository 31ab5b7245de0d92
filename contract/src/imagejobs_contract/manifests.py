"""Manifests: lists of images as JSON lines, written here and by callers. A line is an item: `name`, and `key` or `url`.

Read in pieces, so that one of a gigabyte takes no more memory than a small one.
"""

import json
from collections.abc import AsyncIterator, Iterable

from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.items import Item, item_body
from imagejobs_contract.ports import ObjectStore

CONTENT_TYPE = "application/x-ndjson"
CHUNK_BYTES = 2 * 2**20
"""Read at once."""
MAX_LINE_BYTES = 16 * 2**10
"""A key of 1,024 and a URL of 2,048 characters fit in any encoding."""


def item_lines(items: Iterable[Item]) -> list[bytes]:
    """Return the items as lines, line feeds included."""
    return [json.dumps(item_body(item), separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for item in items]


def split_lines(data: bytes) -> list[bytes]:
    """Return the lines without their line feeds. Only those end a line: a carriage return may stand between the tokens of JSON."""
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


async def line_lengths(objects: ObjectStore, key: str, size: int, field: str) -> AsyncIterator[list[int]]:
    """Yield the lengths of a manifest's lines in bytes, line feeds included, some at a time.

    Args:
        size: Of the manifest, in bytes.
        field: What a fault is to name.

    Raises:
        Invalid: A line is too long to be one.
    """
    count, rest = 0, b""
    for start in range(0, size, CHUNK_BYTES):
        data = rest + await objects.get_range(key, start, min(start + CHUNK_BYTES, size))
        lines = data.split(b"\n")
        rest = lines.pop()
        count += len(lines)
        long = next((n for n, line in enumerate([*lines, rest], count - len(lines) + 1) if len(line) > MAX_LINE_BYTES), 0)
        if long:
            raise Invalid([Fault(field, f"line {long} is longer than {MAX_LINE_BYTES} bytes")])
        yield [len(line) + 1 for line in lines]
    if rest:
        yield [len(rest)]
