"""One image of a job: its source and its name.

Apart from the ImageJob, which workers never read.
"""

import json
from dataclasses import dataclass

from imagejobs_contract.model import limits
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.reader import Reader

KEY_PATTERN = r"[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]*"
URL_PATTERN = r"[hH][tT][tT][pP][sS]?://[^\s]+"
"""Schemes are case-insensitive (RFC 3986 3.1). A pattern in a CRD cannot have flags."""


@dataclass(frozen=True, slots=True)
class Item:
    """One image to work on: an S3 key or a URL."""

    name: str = ""
    key: S3Key | None = None
    url: str | None = None


def read_item(reader: Reader) -> Item:
    """Read one element of `spec.items` or one line of a manifest; faults go to the reader."""
    reader.unknown(("name", "key", "url"))
    key = reader.text("key", limits.MAX_KEY_LENGTH, pattern=KEY_PATTERN, shape="an S3 key")
    item = Item(
        name=reader.text("name", limits.MAX_NAME_LENGTH) or "",
        key=S3Key(key) if key else None,
        url=reader.text("url", limits.MAX_URL_LENGTH, pattern=URL_PATTERN, shape="an http(s) URL"),
    )
    if reader.has("key") == reader.has("url"):
        reader.fault("key", "give either key or url")
    return item


def read_line(line: bytes) -> Item | str:
    """Return the item of a manifest's line, or a sentence that names the line's fault."""
    try:
        body = json.loads(line)
    except (ValueError, RecursionError):
        return "the manifest's line is not JSON"
    if not isinstance(body, dict):
        return "the manifest's line is not an object"
    reader = Reader(body)
    item = read_item(reader)
    return "; ".join(map(str, reader.faults)) or item


def item_body(item: Item) -> dict[str, str]:
    """Return an item as an element of `spec.items` or a line of a manifest."""
    body = {"name": item.name, "key": item.key, "url": item.url}
    return {name: value for name, value in body.items() if value}
