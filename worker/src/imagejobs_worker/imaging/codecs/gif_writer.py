"""Writes animated GIFs with transparency (GIF89a): of each frame only what changed, and its own colours.

Pillow's encoder writes such a frame whole, with a table of 256 colours. Here a frame stays under the next one
as long as nothing of it has to vanish; where something has, the smallest rectangle around that is cleared.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image, ImageChops

from imagejobs_worker.imaging.sizes import Size

_KEEP, _CLEAR = 1, 2
"""Disposal methods."""
_TRANSPARENT_FLAG, _TABLE_FLAG = 0x01, 0x80
_MIN_CODE_BITS = 2
_FULL_RESOLUTION = 0x70
_MILLISECONDS = 10
"""Of a unit of time."""
_MAX_DELAY = 65_535
_LEVELS = 256
_MAX_ERROR, _MAX_MEAN_ERROR = 16, 2.0
"""Levels by which the colours of a visible pixel, and those of a frame on average, may change so that frames
share their colours.
"""
_CLEAR_PIXEL = (0, 0, 0, 0)
Rectangle = tuple[int, int, int, int]
Colour = tuple[int, ...]


class _Part(NamedTuple):
    """The part of a frame that is written: pixels that stay as they were are transparent in it."""

    corner: tuple[int, int]
    pixels: Image.Image
    disposal: int
    milliseconds: int


def write(frames: Iterator[tuple[Image.Image, int]], size: Size, loop_count: int) -> bytes:
    """Return the file of an animation.

    Args:
        frames: Pictures in mode P whose `info["transparency"]` names an entry, each with its time.
        size: Pixels.
        loop_count: Times that it plays; 0 for ever.
    """
    table: dict[Colour, int] = {}
    blocks: list[bytes] = []
    for part in _parts(_share_colours(frames), size):
        colours = _colours(part.pixels)
        if not blocks:
            table = {colour: n for n, colour in enumerate(colours)}
        blocks.append(_frame_block(part, colours, table))
    return b"".join((_head(size, table, loop_count), *blocks, b";"))


def _share_colours(frames: Iterator[tuple[Image.Image, int]]) -> Iterator[tuple[Image.Image, int]]:
    """Yield the frames in the colours of the first one, as far as hardly any pixel changes by that.

    Else colours that differ by a step or two from frame to frame would count as changes.
    """
    table = None
    for frame, milliseconds in frames:
        yield (_in_colours(frame, table) if table else frame), milliseconds
        table = table or frame


def _in_colours(frame: Image.Image, table: Image.Image) -> Image.Image:
    """Return a frame with the nearest colours of another one; itself if they are not near enough."""
    picture = frame.convert("RGBA")
    seen, colours = picture.getchannel("A"), picture.convert("RGB")
    near = colours.quantize(palette=table, dither=Image.Dither.NONE)
    counts = ImageChops.difference(colours, near.convert("RGB")).histogram(seen)
    steps = [(n % _LEVELS, count) for n, count in enumerate(counts) if count]
    total = sum(step * count for step, count in steps)
    if max(steps, default=(0, 0))[0] > _MAX_ERROR or total > _MAX_MEAN_ERROR * sum(counts):
        return frame
    transparent = table.info["transparency"]
    near.paste(transparent, mask=ImageChops.invert(seen))
    near.info["transparency"] = transparent
    return near


def _parts(frames: Iterator[tuple[Image.Image, int]], size: Size) -> Iterator[_Part]:
    """Yield the parts to be written; a frame that changes nothing only lengthens the one before it."""
    under, waiting = Image.new("RGBA", size), None
    current = next(frames, None)
    while current:
        following = next(frames, None)
        frame, milliseconds = current
        picture = frame.convert("RGBA")
        vanishing = _vanishing(picture, following[0].convert("RGBA")) if following else None
        changed = _changed(under, picture)
        box = _union(changed.getbbox(), vanishing)
        if box is None and waiting:
            waiting = waiting._replace(milliseconds=waiting.milliseconds + milliseconds)
        else:
            if waiting:
                yield waiting
            box = box or (0, 0, 1, 1)
            pixels = frame.crop(box)
            pixels.paste(frame.info["transparency"], mask=ImageChops.invert(changed.crop(box)))
            pixels.info["transparency"] = frame.info["transparency"]
            waiting = _Part(box[:2], pixels, _CLEAR if vanishing else _KEEP, milliseconds)
        under = picture
        if vanishing and box:
            under.paste(_CLEAR_PIXEL, box)
        current = following
    if waiting:
        yield waiting


def _changed(before: Image.Image, after: Image.Image) -> Image.Image:
    """Return a mask of the pixels that differ."""
    bands = ImageChops.difference(before, after).split()
    most = bands[0]
    for band in bands[1:]:
        most = ImageChops.lighter(most, band)
    return most.point([0] + [255] * 255)


def _vanishing(before: Image.Image, after: Image.Image) -> Rectangle | None:
    """Return the box of the visible pixels that become transparent."""
    return ImageChops.subtract(before.getchannel("A"), after.getchannel("A")).getbbox()


def _union(one: Rectangle | None, other: Rectangle | None) -> Rectangle | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _colours(pixels: Image.Image) -> list[Colour]:
    """Return the visible colours of a part, each once."""
    palette = pixels.getpalette() or []
    used = (n for n, count in enumerate(pixels.histogram()) if count and n != pixels.info["transparency"])
    return list(dict.fromkeys(tuple(palette[3 * n : 3 * n + 3]) for n in used))


def _frame_block(part: _Part, colours: list[Colour], shared: dict[Colour, int]) -> bytes:
    """Return a frame; with a table of its own if the shared one lacks a colour.

    The transparent entry follows the last colour.
    """
    has_own = not shared.keys() >= set(colours)
    table = {colour: n for n, colour in enumerate(colours)} if has_own else shared
    bits = _table_bits(table)
    palette = part.pixels.getpalette() or []
    indices = [
        table.get(tuple(palette[3 * n : 3 * n + 3]), 0)
        if n != part.pixels.info["transparency"]
        else len(table)
        for n in range(256)
    ]
    pixels = Image.frombytes("L", part.pixels.size, part.pixels.tobytes()).point(indices)
    delay = min(_MAX_DELAY, part.milliseconds // _MILLISECONDS)
    flags = part.disposal << 2 | _TRANSPARENT_FLAG
    return b"".join(
        (
            struct.pack("<2sBBHBB", b"!\xf9", 4, flags, delay, len(table), 0),
            struct.pack("<B4HB", 0x2C, *part.corner, *pixels.size, has_own and _TABLE_FLAG | bits - 1),
            _pack_table(table) if has_own else b"",
            bytes([max(_MIN_CODE_BITS, bits)]),
            pixels.tobytes("gif", ("L", max(_MIN_CODE_BITS, bits), 0)),
            b"\0",
        )
    )


def _table_bits(table: dict[Colour, int]) -> int:
    """Return the bits of an index into a table and its transparent entry."""
    return max(1, len(table).bit_length())


def _pack_table(table: dict[Colour, int]) -> bytes:
    return bytes(value for colour in table for value in colour).ljust(3 << _table_bits(table), b"\0")


def _head(size: Size, table: dict[Colour, int], loop_count: int) -> bytes:
    flags = _TABLE_FLAG | _FULL_RESOLUTION | _table_bits(table) - 1
    head = b"GIF89a" + struct.pack("<HHBBB", *size, flags, 0, 0) + _pack_table(table)
    if loop_count == 1:
        return head
    return head + b"!\xff\x0bNETSCAPE2.0" + struct.pack("<BBHB", 3, 1, max(0, loop_count - 1), 0)
