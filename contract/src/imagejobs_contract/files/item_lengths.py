"""Measures the items of a manifest in S3, so that it can be counted, and cut into shards, without being held.

A manifest is read in pieces: one of a gigabyte takes no more memory than a small one.
"""

from collections.abc import AsyncIterator, Sequence

from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire.manifests import MAX_BLANK_BYTES, MAX_LINE_BYTES, is_blank

CHUNK_BYTES = 2 * 2**20
"""Read at once."""


async def measure_items(objects: ObjectStore, key: S3Key, size: int, field: str) -> AsyncIterator[list[int]]:
    """Yield the length in bytes of each item of a manifest, some items at a time.

    The length of an item is that of its line, line feed included, and of the blank lines before it.

    Args:
        size: Of the manifest, in bytes.
        field: The name of the field in a fault.

    Raises:
        Invalid: A line is longer than `MAX_LINE_BYTES`, or the blank lines together than `MAX_BLANK_BYTES`.
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
            if is_blank(line):
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
