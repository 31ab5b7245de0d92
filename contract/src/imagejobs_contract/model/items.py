"""One image of a job: its source and its name.

Apart from the ImageJob, which workers never read.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from imagejobs_contract.model import limits
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.source_headers import FIELD, Headers, read_headers
from imagejobs_contract.reader import Reader

KEY_PATTERN = r"[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]*"
URL_PATTERN = r"[hH][tT][tT][pP][sS]?://[^\s]+"
"""Schemes are case-insensitive (RFC 3986 3.1). A pattern in a CRD cannot have flags."""


@dataclass(frozen=True, slots=True)
class Item:
    """One image to work on: an S3 key or a URL.

    Attributes:
        headers: Sent to the host of the URL. They may be secrets: only a manifest holds them.
    """

    name: str = ""
    key: S3Key | None = None
    url: str | None = None
    headers: Headers = field(default=(), repr=False)


def read_item(reader: Reader, *, with_headers: bool = False) -> Item:
    """Read one element of `spec.items` or one line of a manifest; faults go to the reader.

    Args:
        with_headers: Whether there may be headers.
    """
    reader.unknown(("name", "key", "url", *([FIELD] if with_headers else [])))
    key = reader.text("key", limits.MAX_KEY_LENGTH, pattern=KEY_PATTERN, shape="an S3 key")
    item = Item(
        name=reader.text("name", limits.MAX_NAME_LENGTH) or "",
        key=S3Key(key) if key else None,
        url=reader.text("url", limits.MAX_URL_LENGTH, pattern=URL_PATTERN, shape="an http(s) URL"),
        headers=read_headers(reader) if with_headers else (),
    )
    if reader.has("key") == reader.has("url"):
        reader.fault("key", "give either key or url")
    if item.headers and item.url is None:
        reader.fault(FIELD, "go with a url")
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
    item = read_item(reader, with_headers=True)
    return "; ".join(map(str, reader.faults)) or item


def item_body(item: Item) -> dict[str, str]:
    """Return an item as an element of `spec.items`, which has no headers."""
    body = {"name": item.name, "key": item.key, "url": item.url}
    return {name: value for name, value in body.items() if value}


def line_body(item: Item) -> dict[str, Any]:
    """Return an item as a line of a manifest."""
    return item_body(item) | ({FIELD: dict(item.headers)} if item.headers else {})
