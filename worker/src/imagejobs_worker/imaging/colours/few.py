"""Keeps pictures of few colours small: palette in, palette out; greys of few levels stay few.

A source that stores few colours (a palette, a bitmap, greys of 2 or 4 bits) gets a result that does too, in
PNG, GIF and TIFF. A picture that still has few enough keeps each colour exactly. A scaled one has thousands,
between those of the source; it gets 256 of its own, or as many greys as make its edges smooth.
"""

from typing import Any

from PIL import Image, ImageChops

from imagejobs_worker.imaging.colours import palette
from imagejobs_worker.imaging.modes import is_transparent
from imagejobs_worker.imaging.source import SourceColours

MAX_COLOURS = 256
_MAX_PACKED_COLOURS = 16
"""With as many or fewer a pixel takes half a byte or less."""
_BITMAP_GREYS, _GREYS_PER_LEVEL = 16, 4
"""Greys of a scaled bitmap, and for each grey of another source."""
_PNG_DEPTH, _PNG_COLOUR_TYPE = 24, 25
"""Offsets in a PNG."""
_TIFF_BITS = 258


def read_source_colours(image: Image.Image, source: bytes) -> SourceColours | None:
    """Return the colours of an opened file, or None if it stores many.

    Args:
        image: Opened by Pillow; its pixels are not read.
        source: The file.
    """
    if image.mode in ("P", "PA"):
        entries = _read_palette(image)
        return tuple(dict.fromkeys(zip(*[iter(entries)] * 3, strict=False)))
    if image.mode == "1":
        return _greys(1)
    if image.mode == "L" and (bits := _grey_bits(image, source)) < 8:
        return _greys(bits)
    return None


def _read_palette(image: Image.Image) -> list[int]:
    """Return the values of the palette; Pillow's own way would decode the pixels for it."""
    if image.palette is None:
        return []
    rawmode, data = image.palette.getdata()
    table = Image.new("P", (1, 1))
    table.putpalette(data, rawmode)
    return table.getpalette("RGB") or []


def _grey_bits(image: Image.Image, source: bytes) -> int:
    if image.format == "PNG" and source[_PNG_COLOUR_TYPE] == 0:
        return source[_PNG_DEPTH]
    found = getattr(image, "tag_v2", {}).get(_TIFF_BITS, (8,))
    bits = found[0] if isinstance(found, tuple) else found
    return int(bits) if isinstance(bits, int) and bits in (1, 2, 4) else 8


def _greys(bits: int) -> SourceColours:
    highest = 2**bits - 1
    return tuple((level * 255 // highest,) * 3 for level in range(highest + 1))


def reduce(image: Image.Image, colours: SourceColours) -> Image.Image:
    """Return the picture in mode 1, L or P, for a PNG or a TIFF.

    Args:
        image: L, LA, RGB or RGBA; a picture with at most 256 colours keeps them exactly.
        colours: Of the source.
    """
    if not is_transparent(image):
        image = _as_grey(image.convert("RGB") if image.mode in ("LA", "RGBA") else image)
        if image.mode == "L":
            return _reduce_greys(image, _greys_for(colours))
    return index_exactly(image) or palette.reduce_colours(image, MAX_COLOURS)


def _greys_for(colours: SourceColours) -> int:
    """Return the number of greys that a scaled picture gets if all of it is grey."""
    few = len(colours)
    return _BITMAP_GREYS if few <= 2 else min(MAX_COLOURS, _GREYS_PER_LEVEL * few)


def _as_grey(image: Image.Image) -> Image.Image:
    """Return the picture in L if all of it is grey, else as it is."""
    if image.mode != "RGB":
        return image
    red, green, blue = image.split()
    differs = ImageChops.difference(red, green).getbbox() or ImageChops.difference(red, blue).getbbox()
    return image if differs else red


def _reduce_greys(image: Image.Image, greys: int) -> Image.Image:
    """Return a bitmap, a palette of at most 16 greys, or L with at most `greys` levels."""
    levels = _levels(image)
    if len(levels) > greys:
        steps = greys - 1
        image = image.point([round(round(value * steps / 255) * 255 / steps) for value in range(256)])
        levels = _levels(image)
    if set(levels) <= {0, 255}:
        return image.convert("1", dither=Image.Dither.NONE)
    if len(levels) > _MAX_PACKED_COLOURS:
        return image
    table = [0] * 256
    for index, level in enumerate(levels):
        table[level] = index
    picture = Image.frombytes("P", image.size, image.point(table).tobytes())
    picture.putpalette([value for level in levels for value in (level,) * 3])
    return picture


def _levels(image: Image.Image) -> list[int]:
    return [level for level, count in enumerate(image.histogram()) if count]


def index_exactly(image: Image.Image) -> Image.Image | None:
    """Return a picture of at most 256 colours in mode P, each as it is; None if it has more.

    Colours with alpha come first, so that a PNG needs few bytes for it.
    """
    mode = "RGBA" if is_transparent(image) else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    found = image.getcolors(MAX_COLOURS)
    if found is None:
        return None
    colours = sorted((colour for _, colour in found), key=_alpha_first)
    return palette.index_colours(image, colours)  # type: ignore[arg-type]


def _alpha_first(colour: Any) -> tuple[Any, Any]:
    return colour[3:], colour[:3]
