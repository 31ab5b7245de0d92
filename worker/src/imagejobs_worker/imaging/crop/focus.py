"""Looks at a picture to choose the part of it that a crop should keep.

It looks at a small upright copy, because position matters here, not sharpness.
"""

from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Fit, Gravity, NoFace, Variant, looks_for_faces
from imagejobs_worker.imaging import modes
from imagejobs_worker.imaging.crop import entropy, faces
from imagejobs_worker.imaging.crop.geometry import Geometry
from imagejobs_worker.imaging.orientation import set_upright
from imagejobs_worker.imaging.sizes import Anchor, Box, Size

FACE_SIDE_PIXELS = 640
"""Pixels of the longer side in which faces are looked for; one of 2 % of it is still found."""
_ENTROPY_SIDE_PIXELS = 256


def needs_pixels(variant: Variant) -> bool:
    """Return whether the crop depends on the content of the picture."""
    return looks_for_faces(variant) or (variant.fit is Fit.COVER and variant.gravity is Gravity.ENTROPY)


def min_side_pixels(variant: Variant) -> int:
    """Return the pixels that the longer side of the decoded picture must have to choose the crop."""
    return FACE_SIDE_PIXELS if looks_for_faces(variant) else 1


def find_anchor(
    image: Image.Image, box: Box, orientation: int, size: Size, shape: Geometry, variant: Variant
) -> Anchor:
    """Return the position at which the crop keeps faces, or the most detailed part.

    Args:
        image: Decoded, as it is stored.
        box: The part of it that the picture fills.
        orientation: EXIF's number.
        size: Size of the upright source.
        shape: Geometry whose crop will be moved.
        variant: The request.

    Raises:
        ImageFailed: `no_face_found`.
    """
    left, top, right, bottom = shape.crop
    window = ((right - left) / size[0], (bottom - top) / size[1])
    if variant.gravity is Gravity.ENTROPY:
        return entropy.find_anchor(
            _preview(image, box, orientation, _ENTROPY_SIDE_PIXELS).convert("L"), window
        )
    found = faces.find_faces(_preview(image, box, orientation, FACE_SIDE_PIXELS))
    if found:
        return faces.find_anchor(found, window)
    if variant.no_face is NoFace.CENTER:
        return 0.5, 0.5
    raise ImageFailed("shows no face that could be found", code=Code.NO_FACE_FOUND)


def _preview(image: Image.Image, box: Box, orientation: int, side: int) -> Image.Image:
    """Return the picture upright, in RGB on white, its longer side of at most `side` pixels."""
    scale = min(1.0, side / max(box[2], box[3]))
    size = max(1, round(box[2] * scale)), max(1, round(box[3] * scale))
    small = image.resize(size, Image.Resampling.BOX, box, reducing_gap=2.0)
    if modes.has_alpha(small):
        small = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small.convert("RGBA"))
    return set_upright(small.convert("RGB"), orientation)
