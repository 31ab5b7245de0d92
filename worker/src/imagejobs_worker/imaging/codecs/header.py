"""What a file says of itself, read without a decoder: its size where that stands at a known place, and a GIF's number of frames.

The decoder is told nothing of this and checks for itself; two readers that must both be fooled are better
than one. The parent process reads with it what the child hands back.
"""

import struct
from collections.abc import Callable, Iterator
from itertools import islice

from imagejobs_contract.wire.sniff import HEAD_BYTES, sniff

Size = tuple[int, int]

_NO_SIZE = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers within the range of frame headers that are none: tables and extensions."""
_MOST_SEGMENTS = 4096
"""Steps to a JPEG's frame header; a photo takes tens. A file may be nothing but segments, and the worker,
which reads answers too, must not stop.
"""

_GRAPHIC_CONTROL = b"\xf9\x04"
"""Its label and its length."""


class Truncated(ValueError):
    """Raised when a file ends too early."""


def declared_size(data: bytes) -> Size | None:
    """Return width and height of a PNG, GIF, BMP, WebP or JPEG as stored, or None where they cannot be told."""
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


def _u24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _jpeg(data: bytes) -> Size | None:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if data[at] != 0xFF:
            return None
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + length
    return None


_READERS: dict[str, Callable[[bytes], Size | None]] = {
    "png": _png,
    "gif": _gif,
    "bmp": _bmp,
    "webp": _webp,
    "jpeg": _jpeg,
}


def gif_frames(data: bytes, most: int) -> int:
    """Count the frames of a GIF, and stop counting above `most`.

    Raises:
        Truncated: The file ends within a frame.
    """
    return sum(1 for _ in islice(gif_pictures(data), most + 1))


def gif_pictures(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Return where the graphic control extension (0 without one), the descriptor and the end of each frame of a GIF stand.

    A missing trailer is forgiven, as viewers do; a file that ends within a frame is not.

    Raises:
        Truncated: The file ends within a frame.
    """
    try:
        control, at, within = 0, 13 + gif_colours(data, 10), False
        while at < len(data) or within:
            match data[at]:
                case 0x2C:
                    end = _skip_blocks(data, at + 11 + gif_colours(data, at + 9))
                    yield control, at, end
                    control, at, within = 0, end, False
                case 0x21:
                    control = at if data[at + 1 : at + 3] == _GRAPHIC_CONTROL else control
                    at, within = _skip_blocks(data, at + 2), True
                case _:
                    break
    except IndexError as ex:
        raise Truncated("the file ends within a frame") from ex


def gif_colours(data: bytes, flags: int) -> int:
    """Return the bytes of the colour table that these flags announce."""
    return 3 << (data[flags] & 7) + 1 if data[flags] & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    """Return the place behind a chain of sub-blocks."""
    while length := data[at]:
        at += 1 + length
    return at + 1
