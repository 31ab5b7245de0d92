"""Splits a GIF into its frames (GIF89a; where that leaves a choice, as browsers do)."""

import struct
from collections.abc import Iterator
from itertools import islice

from PIL import ImageFile

from imagejobs_worker.imaging.codecs import canvas, header
from imagejobs_worker.imaging.codecs.canvas import Disposal, PartialFrame
from imagejobs_worker.imaging.sizes import Size
from imagejobs_worker.imaging.source import SourceColours

_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}
"""Disposal methods; all others keep the frame. Some encoders write 4 for 3, and browsers accept it."""
_HARMLESS_PIXELS = 2**20
"""Pixels that a frame may have on the smallest canvas."""
_COLOUR_TABLE_OFFSET = 13
"""Offset of the global colour table."""
_LOCAL_TABLE_FLAG = 0x80
_DESCRIPTOR = struct.Struct("<xHHHHB")


def partial_frames(data: bytes, size: Size) -> Iterator[PartialFrame]:
    """Yield the frames of a GIF.

    Raises:
        ValueError: A frame is far larger than the canvas; only the canvas was checked against the limits.
    """
    for control, at, end in header.find_gif_frames(data):
        left, top, width, height, flags = _DESCRIPTOR.unpack_from(data, at)
        if width * height > max(size[0] * size[1], _HARMLESS_PIXELS):
            raise ValueError(f"a frame has {width}x{height} pixels, the canvas {size[0]}x{size[1]}")
        disposal, hundredths = (
            (data[control + 3] >> 2 & 7, struct.unpack_from("<H", data, control + 4)[0])
            if control
            else (0, 0)
        )
        file = _build_head(data, width, height, flags) + (data[control : control + 8] if control else b"")
        file += struct.pack("<B4HB", 0x2C, 0, 0, width, height, flags) + data[at + 10 : end] + b";"
        yield PartialFrame(
            "GIF",
            file,
            (left, top),
            10 * hundredths,
            _DISPOSALS.get(disposal, Disposal.KEEP),
            blend_over=True,
        )


def read_colours(data: bytes, frames: int) -> SourceColours:
    """Return the colours of all colour tables that the first frames use or may use."""
    tables = [(_COLOUR_TABLE_OFFSET, header.gif_colour_table_bytes(data, 10))]
    for _, at, _ in islice(header.find_gif_frames(data), frames):
        tables.append((at + _DESCRIPTOR.size, header.gif_colour_table_bytes(data, at + 9)))
    entries = (iter(data[start : start + length]) for start, length in tables)
    return tuple(
        dict.fromkeys(colour for table in entries for colour in zip(table, table, table, strict=False))
    )


def _build_head(data: bytes, width: int, height: int, flags: int) -> bytes:
    """Return the start of a GIF with one frame, with the global colour table if that frame has no own."""
    colours = (
        b""
        if flags & _LOCAL_TABLE_FLAG
        else data[_COLOUR_TABLE_OFFSET : _COLOUR_TABLE_OFFSET + header.gif_colour_table_bytes(data, 10)]
    )
    return data[:6] + struct.pack("<HHBBB", width, height, data[10] if colours else 0, 0, 0) + colours


def load_small_first_frame(image: ImageFile.ImageFile, source: bytes) -> None:
    """Decode a GIF whose first frame does not fill the canvas: the rest is transparent, as in browsers.

    Any other GIF is left to Pillow.

    Args:
        image: Opened by Pillow and found within the limits.
        source: The file.
    """
    first = next(header.find_gif_frames(source), None)
    if first is None or _DESCRIPTOR.unpack_from(source, first[1])[:4] == (0, 0, *image.size):
        return
    seen, _ = next(canvas.paint_frames(partial_frames(source, image.size), image.size))
    image.im, image._mode, image.palette, image.tile = seen.im, seen.mode, None, []
