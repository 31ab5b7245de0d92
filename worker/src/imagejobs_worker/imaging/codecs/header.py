"""Reads facts from a file without a decoder: its size, if it is at a known place, and the frames of a GIF.

The decoder checks again by itself: a hostile file must fool two readers rather than one. The parent process
reads with it the files that a child returns.
"""

import struct
from collections.abc import Callable, Iterator
from itertools import islice

from imagejobs_contract.wire.sniff import HEAD_BYTES, sniff
from imagejobs_worker.imaging.metadata_blocks import heif_boxes
from imagejobs_worker.imaging.sizes import Size

_NOT_FRAME_HEADERS = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers in the range of frame headers that are tables and extensions."""
_SEQUENTIAL = frozenset({0xC0, 0xC1})
"""Markers of baseline and extended sequential frames."""
_LOSSLESS = 0xC3
"""Marker of a lossless frame."""
_JPEG_LS = 0xF7
_UNREAD_FRAMES = {
    0xC5: "a hierarchical JPEG", 0xC6: "a hierarchical JPEG", 0xC7: "a hierarchical JPEG",
    0xCB: "a lossless JPEG with arithmetic coding", 0xCD: "a hierarchical JPEG", 0xCE: "a hierarchical JPEG",
    0xCF: "a hierarchical JPEG", _JPEG_LS: "a JPEG-LS",
}  # fmt: skip
"""Markers of frames that libjpeg does not decode (ITU-T T.81, table B.1; T.87)."""
_READ_JPEG_BITS, _READ_JPEG_BANDS = 8, (1, 3, 4)
_JPEG_BITS = range(2, 17)
"""Bits of a sample that the standards know."""
_MAX_SEGMENTS = 4096
"""Steps to a JPEG's frame header; a photo takes tens. A hostile file may consist of segments alone, and the
parent process, which reads files of children too, must not be blocked.
"""

_WEBP_FRAME_HEAD_BYTES = 16
"""Of an ANMF chunk, before the chunks of its picture."""
_GRAPHIC_CONTROL = b"\xf9\x04"
"""Its label and its length in bytes."""


class Truncated(ValueError):
    """Raised when a file ends too early."""


def declared_size(data: bytes) -> Size | None:
    """Return the size of a PNG, GIF, BMP, WebP or JPEG as stored, or None if it cannot be read."""
    reader = _READERS.get(sniff(data[:HEAD_BYTES]) or "")
    try:
        return reader(data) if reader else None
    except (struct.error, IndexError):
        return None


def _png(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp(data: bytes) -> Size | None:
    header, width, height = struct.unpack_from("<Iii", data, 14)
    return (width, abs(height)) if header >= 40 else None


def _webp(data: bytes) -> Size | None:
    match data[12:16]:
        case b"VP8X":
            return _u24(data, 24) + 1, _u24(data, 27) + 1
        case b"VP8L":
            bits = struct.unpack_from("<I", data, 21)[0]
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
    return None


def is_lossless_webp(data: bytes) -> bool:
    """Return whether every frame of a WebP is stored without loss."""
    if sniff(data[:HEAD_BYTES]) != "webp":
        return False
    kinds = set()
    try:
        at = 12
        for _ in range(_MAX_SEGMENTS):
            if at + 8 > len(data):
                break
            kind, length = struct.unpack_from("<4sI", data, at)
            if kind == b"ANMF":
                at += 8 + _WEBP_FRAME_HEAD_BYTES
                continue
            kinds.add(kind)
            at += 8 + length + length % 2
    except struct.error:
        return False
    return b"VP8L" in kinds and b"VP8 " not in kinds


def _u24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def is_sequential_jpeg(data: bytes) -> bool:
    """Return whether a file is a JPEG that is decoded line by line, in memory that its scale decides.

    libjpeg holds all coefficients of a progressive one: 3 bytes a pixel, whatever the scale is.
    """
    try:
        found = _find_jpeg_frame(data) if sniff(data[:HEAD_BYTES]) == "jpeg" else None
    except (struct.error, IndexError):
        return False
    return found is not None and data[found + 1] in _SEQUENTIAL


def is_lossless_jpeg(data: bytes) -> bool:
    """Return whether a file is a JPEG without the cosine transform, which has no smaller scales."""
    try:
        found = _find_jpeg_frame(data) if sniff(data[:HEAD_BYTES]) == "jpeg" else None
    except (struct.error, IndexError):
        return False
    return found is not None and data[found + 1] == _LOSSLESS


def describe_unread_jpeg(data: bytes) -> str:
    """Return the kind of a JPEG whose frame header is sound and which is not read; empty for all others."""
    try:
        at = _find_jpeg_frame(data) or len(data)
        marker, length, bits, bands = struct.unpack_from(">xBHB4xB", data, at)
    except (struct.error, IndexError):
        return ""
    if length != 8 + 3 * bands or bits not in _JPEG_BITS:
        return ""
    if bits != _READ_JPEG_BITS:
        return f"a JPEG of {bits} bits"
    if bands not in _READ_JPEG_BANDS:
        return f"a JPEG of {bands} bands"
    return _UNREAD_FRAMES.get(marker, "")


def _jpeg(data: bytes) -> Size | None:
    at = _find_jpeg_frame(data)
    if at is None:
        return None
    height, width = struct.unpack_from(">HH", data, at + 5)
    return width, height


def _find_jpeg_frame(data: bytes) -> int | None:
    """Return the offset of the frame header's marker, or None."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if data[at] != 0xFF:
            return None
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xFF:
            at += 1
        elif marker == _JPEG_LS or (0xC0 <= marker <= 0xCF and marker not in _NOT_FRAME_HEADERS):
            return at
        else:
            at += 2 + length
    return None


def _avif(data: bytes) -> Size | None:
    return heif_boxes.read_properties(data).size


_READERS: dict[str, Callable[[bytes], Size | None]] = {
    "png": _png,
    "gif": _gif,
    "bmp": _bmp,
    "webp": _webp,
    "jpeg": _jpeg,
    "avif": _avif,
}


def count_gif_frames(data: bytes, max_frames: int) -> int:
    """Count the frames of a GIF, to at most one more than `max_frames`.

    Raises:
        Truncated: The file ends within a frame.
    """
    return sum(1 for _ in islice(find_gif_frames(data), max_frames + 1))


def find_gif_frames(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield three offsets per frame of a GIF: graphic control extension (0 without one), descriptor, end.

    A missing trailer is accepted, as by viewers; a file that ends within a frame is not.

    Raises:
        Truncated: The file ends within a frame.
    """
    try:
        control, at, within = 0, 13 + gif_colour_table_bytes(data, 10), False
        while at < len(data) or within:
            match data[at]:
                case 0x2C:
                    end = skip_gif_blocks(data, at + 11 + gif_colour_table_bytes(data, at + 9))
                    yield control, at, end
                    control, at, within = 0, end, False
                case 0x21:
                    control = at if data[at + 1 : at + 3] == _GRAPHIC_CONTROL else control
                    at, within = skip_gif_blocks(data, at + 2), True
                case _:
                    break
    except IndexError as ex:
        raise Truncated("the file ends within a frame") from ex


def gif_colour_table_bytes(data: bytes, flags: int) -> int:
    """Return the length in bytes of the colour table that the flags at this offset announce."""
    return 3 << (data[flags] & 7) + 1 if data[flags] & 0x80 else 0


def skip_gif_blocks(data: bytes, at: int) -> int:
    """Return the offset behind a chain of sub-blocks of a GIF."""
    while length := data[at]:
        at += 1 + length
    return at + 1
