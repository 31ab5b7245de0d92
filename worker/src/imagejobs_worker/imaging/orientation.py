"""EXIF's orientation: pictures are worked on as stored and set upright last, when they are small.

Converts boxes and sizes between the stored picture, which may be turned or mirrored, and the upright one.
"""

from PIL import Image

from imagejobs_worker.imaging.sizes import Box, Size

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
"""EXIF orientation -> the operation that sets the stored picture upright."""
_MIRRORED_ACROSS = frozenset({2, 3, 6, 7})
_MIRRORED_DOWN = frozenset({3, 4, 7, 8})
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})


def set_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture as viewers show it."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def swap_sides(size: Size, orientation: int) -> Size:
    """Return the upright size of a stored one, or the stored size of an upright one."""
    return (size[1], size[0]) if orientation in _ON_ITS_SIDE else size


def to_stored_box(box: Box, upright: Size, orientation: int) -> Box:
    """Return the place in the stored picture of a box in the upright one.

    Args:
        box: In pixels of the upright picture.
        upright: Size of the upright picture.
        orientation: EXIF's number.
    """
    left, top, right, bottom = box
    if orientation in _MIRRORED_ACROSS:
        left, right = upright[0] - right, upright[0] - left
    if orientation in _MIRRORED_DOWN:
        top, bottom = upright[1] - bottom, upright[1] - top
    return (top, left, bottom, right) if orientation in _ON_ITS_SIDE else (left, top, right, bottom)
