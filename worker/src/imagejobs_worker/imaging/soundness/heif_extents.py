"""Refuses a HEIC that ends before its main picture does: libheif shows missing tiles in one colour.

Only the bytes of that picture and its tiles must be there; a lost preview or lost metadata does no harm.
"""

import struct

from imagejobs_worker.imaging.metadata_blocks.heif_boxes import Span, find_boxes, read_boxes

_MAX_ITEMS = 65_536
_MAX_EXTENTS = 2**17
"""A file with more items or parts of items is left to the decoder."""
_NUMBERS = {0: "", 4: "I", 8: "Q"}
"""Length of a number in the list of places -> its code for `struct`."""
_IN_FILE = 0
"""The construction method of items whose places are offsets in the file."""


def check(data: bytes) -> None:
    """Refuse a HEIC of which a part of the main picture is missing.

    Raises:
        EOFError: It is so; a file whose boxes cannot be read is left to the decoder.
    """
    try:
        start, end = next(find_boxes(data, b"meta", (0, len(data))))
        meta = (start + 4, end)
        needed = _parts(data, meta)
        ends = _ends(data, next(find_boxes(data, b"iloc", meta))[0])
    except (StopIteration, struct.error, IndexError, KeyError):
        return
    if any(ends.get(item, 0) > len(data) for item in needed):
        raise EOFError("ends within its picture")


def _parts(data: bytes, meta: Span) -> set[int]:
    """Return the main picture's item and those that it is derived from: the tiles of a grid."""
    at, _ = next(find_boxes(data, b"pitm", meta))
    (main,) = struct.unpack_from(">H" if data[at] == 0 else ">I", data, at + 4)
    found = {main}
    for start, end in find_boxes(data, b"iref", meta):
        code = "H" if data[start] == 0 else "I"
        head = struct.Struct(f">{code}H")
        for kind, (begin, stop) in read_boxes(data, (start + 4, end)):
            source, count = head.unpack_from(data, begin)
            if kind == b"dimg" and source in found:
                first = begin + head.size
                count = min(count, (stop - first) // struct.calcsize(code))
                found.update(struct.unpack_from(f">{count}{code}", data, first))
    return found


def _ends(data: bytes, at: int) -> dict[int, int]:
    """Return the offset at which each item of the list of places ends (ISO/IEC 14496-12, 8.11.3)."""
    version, sizes, more_sizes = data[at], data[at + 4], data[at + 5]
    offset_code, length_code = _NUMBERS[sizes >> 4], _NUMBERS[sizes & 15]
    base_code, index_code = _NUMBERS[more_sizes >> 4], _NUMBERS[more_sizes & 15] if version else ""
    item_code = "H" if version < 2 else "I"
    head = struct.Struct(f">{item_code}{'H' if version else ''}H{base_code}H")
    extent = struct.Struct(f">{index_code}{offset_code}{length_code}")
    (count,) = struct.unpack_from(f">{item_code}", data, at + 6)
    at += 6 + struct.calcsize(item_code)
    found: dict[int, int] = {}
    extents = 0
    for _ in range(min(count, _MAX_ITEMS)):
        item, *rest = head.unpack_from(data, at)
        method, base = rest[0] & 15 if version else _IN_FILE, rest[-2] if base_code else 0
        at += head.size
        extents += rest[-1]
        if extents > _MAX_EXTENTS:
            raise IndexError
        for _ in range(rest[-1]):
            *numbers, last = extent.unpack_from(data, at) or (0,)
            offset, length = (numbers[-1] if offset_code else 0, last) if length_code else (last, 0)
            at += extent.size
            if method == _IN_FILE:
                found[item] = max(found.get(item, 0), base + offset + length)
    return found
