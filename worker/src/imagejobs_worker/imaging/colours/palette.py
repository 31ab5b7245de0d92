"""Reduces a picture to few colours: 256 for a GIF, one of them transparent if needed, or fewer for a PNG.

Median cut without dither, then k-means until few pixels change their colour: truer than the slow quantisers
of other libraries and three times as fast.
"""

import sys
from collections.abc import Sequence

from PIL import Image

from imagejobs_worker.imaging.modes import is_transparent
from imagejobs_worker.imaging.variant_plan import VariantPlan

GIF_COLOURS = 256
_MAX_REUSED_COLOURS = 64
"""A GIF gets the colours of its source if those are as few: with 256 of its own it would be twice as large,
because a GIF stores runs of equal pixels. sharp does so with any number.
"""
_STEPS = ((8192, 2), (32_768, 4), (32_768, 8))
"""A picture with more colours than this gets them in steps of so many levels before 256 are chosen: the time
grows with the number of colours. Steps of 2 cost nothing visible in a photo, steps of 4 0.3 dB in a noisy
picture.
"""
_MAX_EXAMINED_PIXELS = 2**20
"""The colours of a larger picture are chosen from this many of its pixels."""
_SETTLED_SHARE = 1 / 50
"""k-means ends when a smaller share of the pixels changes its colour. On photos its first rounds bring 0.4 to
0.9 dB, on smooth pictures 3, the later rounds a tenth of that.
"""
_MIN_OPAQUE_ALPHA = 128
"""A GIF's pixel is visible or not; from this alpha on it is visible."""


def reduce_for_gif(image: Image.Image, alpha: bool, plan: VariantPlan) -> Image.Image:
    """Return the picture in mode P, or grey in L.

    Args:
        image: L, LA, RGB or RGBA.
        alpha: Whether to reserve an entry for transparency, which `info["transparency"]` names. In an
            animation with any transparency each frame needs one, used or not: viewers fill the area of a
            disposed frame with it.
        plan: Names the colours of the source.
    """
    if alpha:
        return _reduce_with_transparency(image.convert("RGBA"), plan)
    # A copy: Pillow's encoder attaches a palette to a grey picture, and other variants may share the picture.
    if reused := _reuse_colours(image.convert("RGB"), plan):
        return reused
    return image.copy() if image.mode == "L" else _quantise(image, GIF_COLOURS)


def reduce_colours(image: Image.Image, colours: int) -> Image.Image:
    """Return an L, LA, RGB or RGBA picture in mode P; with transparency by octree, which keeps alpha."""
    if is_transparent(image):
        return image.convert("RGBA").quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return _quantise(image, colours)


def _reuse_colours(image: Image.Image, plan: VariantPlan) -> Image.Image | None:
    """Return an RGB picture in mode P with the nearest of the source's colours.

    None if the source has many colours or other ones.
    """
    few = plan.few_colours or ()
    if not 1 <= len(few) <= _MAX_REUSED_COLOURS or plan.metadata.profile:
        return None
    colours = list(dict.fromkeys((*few, plan.background)))
    if {colour for _, colour in image.getcolors(len(colours)) or [(0, ())]} <= set(colours):
        return index_colours(image, colours)
    table = Image.new("P", (1, 1))
    table.putpalette([value for colour in colours for value in colour])
    return image.quantize(palette=table, dither=Image.Dither.NONE)


def index_colours(image: Image.Image, colours: Sequence[Sequence[int]]) -> Image.Image:
    """Return an RGB or RGBA picture in mode P whose colours are all in the list, each as it is.

    Pillow looks colours up by their first six bits only.
    """
    index_of = {int.from_bytes(bytes((*each, 255)[:4]), sys.byteorder): n for n, each in enumerate(colours)}
    values = memoryview(image.convert("RGBA").tobytes()).cast("I")
    picture = Image.frombytes("P", image.size, bytes(map(index_of.__getitem__, values)))
    picture.putpalette([value for colour in colours for value in colour], image.mode)
    return picture


def _reduce_with_transparency(image: Image.Image, plan: VariantPlan) -> Image.Image:
    invisible = image.getchannel("A").point([255] * _MIN_OPAQUE_ALPHA + [0] * (256 - _MIN_OPAQUE_ALPHA))
    image = image.convert("RGB")
    image.paste((plan.few_colours or (plan.background,))[0], mask=invisible)
    result = _reuse_colours(image, plan) or _quantise(image, GIF_COLOURS - 1)
    colours = result.getpalette() or []
    transparent_index = len(colours) // 3
    result.putpalette(colours + [0] * 3)
    result.paste(transparent_index, mask=invisible)
    result.info["transparency"] = transparent_index
    return result


def _quantise(image: Image.Image, colours: int) -> Image.Image:
    image = image.convert("RGB")
    share = _MAX_EXAMINED_PIXELS / (image.width * image.height)
    if share >= 1 or image.getcolors(colours) is not None:
        return _choose_colours(image, colours)
    size = max(1, int(image.width * share**0.5)), max(1, int(image.height * share**0.5))
    examined = _choose_colours(image.resize(size, Image.Resampling.NEAREST), colours)
    return image.quantize(palette=examined, dither=Image.Dither.NONE)


def _choose_colours(image: Image.Image, colours: int) -> Image.Image:
    for many, step in _STEPS:
        if image.getcolors(many) is not None:
            break
        image = image.point([min(255, (value + step // 2) // step * step) for value in range(256)] * 3)
    settled = max(1, int(image.width * image.height * _SETTLED_SHARE))
    return image.quantize(colours, Image.Quantize.MEDIANCUT, settled, dither=Image.Dither.NONE)
