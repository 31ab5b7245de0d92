"""The EXIF turn: a picture that is stored turned or mirrored is worked on as it lies and set upright last, when it is small."""

from PIL import Image

from imagejobs_worker.imaging.crop.geometry import Box, Size
from imagejobs_worker.imaging.plan import Plan

_Turn = Image.Transpose
_TURNS = {
    2: _Turn.FLIP_LEFT_RIGHT,
    3: _Turn.ROTATE_180,
    4: _Turn.FLIP_TOP_BOTTOM,
    5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_270,
    7: _Turn.TRANSVERSE,
    8: _Turn.ROTATE_90,
}
"""EXIF orientation -> what sets the stored picture upright."""
_MIRRORED_ACROSS = frozenset({2, 3, 6, 7})
_MIRRORED_DOWN = frozenset({3, 4, 7, 8})
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})


def turn(image: Image.Image, plan: Plan) -> Image.Image:
    """Set the picture upright."""
    return upright(image, plan.metadata.orientation)


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture as people see it."""
    how = _TURNS.get(orientation)
    return image if how is None else image.transpose(how)


def swapped(size: Size, orientation: int) -> Size:
    """Return the upright size of a stored one, or the stored size of an upright one."""
    return (size[1], size[0]) if orientation in _ON_ITS_SIDE else size


def laid_down(box: Box, upright: Size, orientation: int) -> Box:
    """Return where a box of the upright picture lies in the stored one."""
    left, top, right, bottom = box
    if orientation in _MIRRORED_ACROSS:
        left, right = upright[0] - right, upright[0] - left
    if orientation in _MIRRORED_DOWN:
        top, bottom = upright[1] - bottom, upright[1] - top
    return (top, left, bottom, right) if orientation in _ON_ITS_SIDE else (left, top, right, bottom)
