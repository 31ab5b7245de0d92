"""Manifests: lists of images as JSON lines, written here and by callers.

A line is an item: `name`, and `key` or `url`, for which there may be `headers`. Blank lines are neither
counted nor numbered.
"""

import json
from collections.abc import Iterable

from imagejobs_contract.model.items import Item, line_body

CONTENT_TYPE = "application/x-ndjson"
MAX_LINE_BYTES = 16 * 2**10
"""A key of 1,024 and a URL of 2,048 characters fit in any encoding, and headers of 4,096 beside them in plain
ASCII, as they are.
"""
MAX_BLANK_BYTES = 2 * 2**20
"""Of all blank lines, which a pod reads with those of its items: a million that end in CRLF have room."""


def item_lines(items: Iterable[Item]) -> list[bytes]:
    """Return the items as lines, line feeds included."""
    return [
        json.dumps(line_body(item), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        for item in items
    ]


def split_lines(data: bytes) -> list[bytes]:
    """Return the lines that are not blank, without their line feeds.

    A carriage return does not end a line, because JSON allows it between tokens.
    """
    return [line for line in data.split(b"\n") if not is_blank(line)]


def is_blank(line: bytes) -> bool:
    """Return whether a line holds no item."""
    return not line.strip()
