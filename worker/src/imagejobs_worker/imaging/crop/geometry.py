"""Computes the part of a source that is used, and the size of the result.

Pure: sizes and options in, boxes out; it knows no image library. All sizes are of the upright picture;
`orientation` converts boxes for pictures that are stored turned.
"""

from dataclasses import dataclass

from imagejobs_contract.model.options import Fit, Gravity, Variant
from imagejobs_worker.imaging.sizes import Anchor, Box, Size

_CENTER = (0.5, 0.5)
_ANCHORS: dict[Gravity, Anchor] = {
    Gravity.NORTH: (0.5, 0.0),
    Gravity.NORTHEAST: (1.0, 0.0),
    Gravity.EAST: (1.0, 0.5),
    Gravity.SOUTHEAST: (1.0, 1.0),
    Gravity.SOUTH: (0.5, 1.0),
    Gravity.SOUTHWEST: (0.0, 1.0),
    Gravity.WEST: (0.0, 0.5),
    Gravity.NORTHWEST: (0.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class Geometry:
    """The way from a source's pixels to a result's.

    Attributes:
        crop: The part of the source that is used.
        size: Pixels to which that part is scaled.
        canvas: Pixels of the result; larger than `size` only for `contain`.
        offset: Left upper corner of the scaled part on the canvas.
    """

    crop: Box
    size: Size
    canvas: Size
    offset: Size


def fit(source: Size, variant: Variant, anchor: Anchor | None = None) -> Geometry:
    """Return the geometry of one variant of a source.

    Args:
        source: Size of the source.
        variant: The request.
        anchor: Position of the crop. None goes by the variant's gravity; the centre if that one depends on
            the picture's content.

    Without `enlarge` no pixel is made larger: `inside` and `outside` keep the source's size, `cover` keeps
    the requested ratio at the largest size that the source fills, `contain` pads around the source as it is,
    `fill` shortens each side alone.
    """
    match variant.fit:
        case Fit.COVER:
            return _cover(source, variant, anchor or _ANCHORS.get(variant.gravity, _CENTER))
        case Fit.CONTAIN:
            return _contain(source, variant)
        case Fit.FILL:
            return _use_whole(source, _fill_size(source, variant))
        case Fit.INSIDE | Fit.OUTSIDE:
            return _use_whole(source, _scale_size(source, variant))


def _use_whole(source: Size, size: Size) -> Geometry:
    return Geometry((0.0, 0.0, float(source[0]), float(source[1])), size, size, (0, 0))


def _scale_size(source: Size, variant: Variant) -> Size:
    """Keep the ratio; the side that limits the scale gets exactly the requested pixels."""
    asked = [
        (wanted, side) for wanted, side in zip((variant.width, variant.height), source, strict=True) if wanted
    ]
    if not asked:
        return source
    choose = max if variant.fit is Fit.OUTSIDE else min
    wanted, side = choose(asked, key=lambda pair: pair[0] / pair[1])
    if wanted >= side and not variant.enlarge:
        return source
    return _scale_side(source[0], wanted, side), _scale_side(source[1], wanted, side)


def _fill_size(source: Size, variant: Variant) -> Size:
    wanted = (variant.width or source[0], variant.height or source[1])
    return wanted if variant.enlarge else (min(wanted[0], source[0]), min(wanted[1], source[1]))


def _cover(source: Size, variant: Variant, anchor: Anchor) -> Geometry:
    size = (variant.width or source[0], variant.height or source[1])
    if not variant.enlarge:
        size = _scale_size(size, Variant(width=source[0], height=source[1]))
    scale = max(size[0] / source[0], size[1] / source[1])
    width, height = min(size[0] / scale, source[0]), min(size[1] / scale, source[1])
    left, top = (source[0] - width) * anchor[0], (source[1] - height) * anchor[1]
    return Geometry((left, top, left + width, top + height), size, size, (0, 0))


def _contain(source: Size, variant: Variant) -> Geometry:
    canvas = (variant.width or source[0], variant.height or source[1])
    size = _scale_size(source, variant)
    x, y = _ANCHORS.get(variant.gravity, _CENTER)
    # Of an odd number of pixels the one more goes to the right and below, as sharp and imgproxy have it.
    offset = (int((canvas[0] - size[0]) * x), int((canvas[1] - size[1]) * y))
    return Geometry((0.0, 0.0, float(source[0]), float(source[1])), size, canvas, offset)


def _scale_side(side: int, wanted: int, whole: int) -> int:
    """Return side x wanted / whole, rounded half up in integers, at least 1."""
    return max(1, (2 * side * wanted + whole) // (2 * whole))
