"""Reduces a picture to few colours: the 256 of a GIF, one of them transparent where it must be, or fewer where a PNG is to be small.

Median cut without dither, then k-means until few pixels change their colour: truer than the slow quantisers
of others and three times as fast.
"""

from PIL import Image

from imagejobs_worker.imaging.modes import is_transparent

GIF_COLOURS = 256
PNG_COLOURS = (256, 128, 64, 32, 16, 8, 4, 2)
"""Colours of ever smaller PNGs; from 16 on a pixel takes less than a byte."""
_MANY_COLOURS = 8192
"""Colours of a photo: with more, steps of two a channel are fine enough to choose 256 by, and half the time;
with less, every colour counts.
"""
_TO_EVEN = [min(255, (value + 1) // 2 * 2) for value in range(256)] * 3
_SETTLED_SHARE = 1 / 50
"""Share of the pixels. On photos the first rounds of k-means bring 0.4 to 0.9 dB, on smooth pictures 3, the
others a tenth of that.
"""
_MIN_OPAQUE_ALPHA = 128
"""A GIF's pixel is seen or not; alpha from here on is seen."""


def reduce_for_gif(image: Image.Image, alpha: bool) -> Image.Image:
    """Return the picture in mode P, or grey in L.

    Args:
        image: L, LA, RGB or RGBA.
        alpha: Whether an entry is set aside for transparency, which `info["transparency"]` names. In an
            animation with any transparency each frame needs one, used or not: viewers look there for what a
            disposed frame leaves behind.
    """
    if alpha:
        return _reduce_with_transparency(image.convert("RGBA"))
    # A copy: Pillow's encoder hangs a palette on a grey picture, and other variants may use the same one.
    return image.copy() if image.mode == "L" else _quantise(image, GIF_COLOURS)


def reduce_colours(image: Image.Image, colours: int) -> Image.Image:
    """Return an L, LA, RGB or RGBA picture in mode P; the octree keeps alpha in its colours."""
    if is_transparent(image):
        return image.convert("RGBA").quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return _quantise(image, colours)


def _reduce_with_transparency(image: Image.Image) -> Image.Image:
    hole = GIF_COLOURS - 1
    unseen = image.getchannel("A").point([255] * _MIN_OPAQUE_ALPHA + [0] * (256 - _MIN_OPAQUE_ALPHA))
    result = _quantise(image, hole)
    colours = result.getpalette() or []
    result.putpalette(colours + [0] * (3 * GIF_COLOURS - len(colours)))
    result.paste(hole, mask=unseen)
    result.info["transparency"] = hole
    return result


def _quantise(image: Image.Image, colours: int) -> Image.Image:
    image = image.convert("RGB")
    if image.getcolors(_MANY_COLOURS) is None:
        image = image.point(_TO_EVEN)
    settled = max(1, int(image.width * image.height * _SETTLED_SHARE))
    return image.quantize(colours, Image.Quantize.MEDIANCUT, settled, dither=Image.Dither.NONE)
