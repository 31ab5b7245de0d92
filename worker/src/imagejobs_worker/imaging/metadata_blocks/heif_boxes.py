"""Reads the properties of an AVIF or a HEIC (ISO/IEC 23008-12): size, crop and colours.

Pure; the boxes of one level that are read are bounded, because the file may be hostile.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from imagejobs_worker.imaging.colours.cicp import Cicp
from imagejobs_worker.imaging.sizes import Size

_TO_TRACK_FORMAT = (b"mdia", b"minf", b"stbl", b"stsd", b"av01")
"""From a track to the description of its frames (ISO/IEC 14496-12)."""
_LIST_HEAD_BYTES, _FRAME_HEAD_BYTES = 8, 78
"""Before the boxes in that list, and before the boxes in a description of frames."""
_FRAME_SIZE_OFFSET = 24
_MAX_BOXES = 2048
_MAX_ITEMS = 4096
Span = tuple[int, int]


class Properties(NamedTuple):
    """What the file says of its main picture, as it is stored.

    Attributes:
        size: Pixels before a crop and a turn; None if it is not told.
        crop: Left, top, right and bottom of the clean aperture in pixels; None without one.
        colours: The numbers of its colours; None without them.
    """

    size: Size | None = None
    crop: tuple[int, int, int, int] | None = None
    colours: Cicp | None = None


def read_properties(data: bytes) -> Properties:
    """Return the properties of the main picture; none if the boxes cannot be read."""
    try:
        return _read(data)
    except (StopIteration, struct.error, IndexError, ZeroDivisionError):
        return Properties()


def read_animation(data: bytes) -> Properties:
    """Return size and crop of the frames of an animation, by its first track; none if they cannot be read."""
    try:
        span = (0, len(data))
        for kind in (b"moov", b"trak", *_TO_TRACK_FORMAT):
            span = next(find_boxes(data, kind, span))
            if kind == b"stsd":
                span = (span[0] + _LIST_HEAD_BYTES, span[1])
        size = struct.unpack_from(">HH", data, span[0] + _FRAME_SIZE_OFFSET)
        at, _ = next(find_boxes(data, b"clap", (span[0] + _FRAME_HEAD_BYTES, span[1])))
        return Properties(size, _crop(struct.unpack_from(">IIIIiIiI", data, at), size))
    except (StopIteration, struct.error, ZeroDivisionError):
        return Properties()


def read_main_type(data: bytes) -> bytes:
    """Return the coding of the main picture, such as `hvc1`; empty if it cannot be read."""
    try:
        meta, item = _find_main_item(data)
        at, end = next(find_boxes(data, b"iinf", meta))
        for start, _ in find_boxes(data, b"infe", (at + (6 if data[at] == 0 else 8), end)):
            layout = {2: ">HH4s", 3: ">IH4s"}[data[start]]
            number, _, kind = struct.unpack_from(layout, data, start + 4)
            if number == item:
                return bytes(kind)
    except (StopIteration, struct.error, LookupError):
        pass
    return b""


def _find_main_item(data: bytes) -> tuple[Span, int]:
    """Return the boxes about items, and the number of the main picture among these."""
    start, end = next(find_boxes(data, b"meta", (0, len(data))))
    meta = (start + 4, end)
    at, _ = next(find_boxes(data, b"pitm", meta))
    (item,) = struct.unpack_from(">H" if data[at] == 0 else ">I", data, at + 4)
    return meta, item


def _read(data: bytes) -> Properties:
    meta, item = _find_main_item(data)
    container = next(find_boxes(data, b"iprp", meta))
    boxes = list(read_boxes(data, next(find_boxes(data, b"ipco", container))))
    found = Properties()
    for span in find_boxes(data, b"ipma", container):
        for index in _indices(data, span[0], item):
            if 1 <= index <= len(boxes):
                found = _add(found, data, *boxes[index - 1])
    return found


def _add(found: Properties, data: bytes, kind: bytes, span: Span) -> Properties:
    at = span[0]
    match kind:
        case b"ispe":
            width, height = struct.unpack_from(">II", data, at + 4)
            return found._replace(size=(width, height))
        case b"colr" if data[at : at + 4] == b"nclx":
            return found._replace(colours=Cicp(*struct.unpack_from(">HH", data, at + 4)))
        case b"clap" if found.size:
            return found._replace(crop=_crop(struct.unpack_from(">IIIIiIiI", data, at), found.size))
    return found


def _crop(fields: tuple[int, ...], size: Size) -> tuple[int, int, int, int] | None:
    """Return the box of a clean aperture (ISO/IEC 14496-12, 12.1.4); None if it is not within the picture."""
    width, height = round(fields[0] / fields[1]), round(fields[2] / fields[3])
    left = round((size[0] - fields[0] / fields[1]) / 2 + fields[4] / fields[5])
    top = round((size[1] - fields[2] / fields[3]) / 2 + fields[6] / fields[7])
    is_within = left >= 0 and top >= 0 and left + width <= size[0] and top + height <= size[1]
    return (left, top, left + width, top + height) if is_within and width > 0 and height > 0 else None


def _indices(data: bytes, at: int, item: int) -> list[int]:
    """Return the numbers of the properties of an item, from 1, in their order."""
    version, flags = data[at], data[at + 3]
    (count,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    for _ in range(min(count, _MAX_ITEMS)):
        (number,) = struct.unpack_from(">H" if version == 0 else ">I", data, at)
        at += 2 if version == 0 else 4
        associations, wide = data[at], flags & 1
        if number == item:
            values = struct.unpack_from(f">{associations}{'H' if wide else 'B'}", data, at + 1)
            return [value & (0x7FFF if wide else 0x7F) for value in values]
        at += 1 + associations * (2 if wide else 1)
    return []


def find_boxes(data: bytes, name: bytes, within: Span) -> Iterator[Span]:
    """Yield the bodies of the boxes of one level that have a name."""
    return (span for kind, span in read_boxes(data, within) if kind == name)


def read_boxes(data: bytes, within: Span) -> Iterator[tuple[bytes, Span]]:
    """Yield names and bodies of the boxes of one level."""
    at, end = within
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            (length,), head = struct.unpack_from(">Q", data, at + 8), 16
        length = length or end - at
        if length < head:
            return
        yield kind, (at + head, min(at + length, end))
        at += length
