"""Reads single items of a manifest in S3, which is never held whole."""

from collections.abc import Container, Mapping

from imagejobs_contract.errors import NotFound
from imagejobs_contract.files.item_lengths import CHUNK_BYTES
from imagejobs_contract.model.items import Item, read_line
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire.manifests import MAX_LINE_BYTES, split_lines


async def read_items(objects: ObjectStore, key: S3Key, wanted: Container[int]) -> Mapping[int, Item]:
    """Return the items of these numbers; without those whose line is no item, and without any if it is gone.

    Raises:
        Unavailable: S3 does not answer.
    """
    facts = await objects.head(key)
    size = facts.size if facts else 0
    found: dict[int, Item] = {}
    number, rest = 0, b""
    for start in range(0, size, CHUNK_BYTES):
        end = min(start + CHUNK_BYTES, size)
        try:
            data = rest + await objects.get_range(key, start, end)
        except NotFound:
            return found
        head, feed, rest = data.rpartition(b"\n")
        if end == size:
            head, rest = data, b""
        if not feed and len(rest) > MAX_LINE_BYTES:
            return found  # no line of a manifest is that long
        for line in split_lines(head):
            if number in wanted and isinstance(item := read_line(line), Item):
                found[number] = item
            number += 1
    return found
