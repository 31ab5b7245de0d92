"""Paints the frames of a GIF or an APNG one over the other, as browsers do.

Pillow does it too, but mixes what is half transparent by a rule of its own, fills what is cleared with a
colour that no browser shows, disposes of a frame that asks for nothing as of the one before, and fails at
frames that reach out of their canvas.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from io import BytesIO
from typing import NamedTuple

from PIL import Image

from imagejobs_worker.imaging import modes
from imagejobs_worker.imaging.sizes import Size


class Disposal(Enum):
    """What becomes of a frame when its time is over."""

    KEEP = auto()
    CLEAR = auto()
    RESTORE = auto()
    """What was there before it comes back."""


class PartialFrame(NamedTuple):
    """What one frame brings.

    Attributes:
        form: As Pillow calls it.
        file: Its picture, as a file of its own of the same format.
        corner: Where its left upper corner stands on the canvas.
        over: It lies over what is there; else it takes its place.
    """

    pillow_format: str
    file: bytes
    corner: Size
    milliseconds: float
    disposal: Disposal
    blend_over: bool


def paint_frames(parts: Iterable[PartialFrame], size: Size) -> Iterator[tuple[Image.Image, float]]:
    """Return the canvas as it is seen after each part, in the plainest mode that holds it, with its milliseconds.

    Args:
        parts: In their order.
        size: Of the canvas, which is transparent at first.
    """
    canvas: Image.Image | None = None
    grey = True
    for part in parts:
        picture = _decode(part)
        grey = grey and picture.mode in ("L", "LA")
        shown, box = _paint(canvas, picture, part, size), _box(part, picture.size)
        # Pictures may have 200 MB: none is kept that is not needed again.
        del picture
        canvas = canvas if part.disposal is Disposal.RESTORE else shown
        yield _simplify_mode(shown, grey), part.milliseconds
        canvas = _clear(shown, box) if part.disposal is Disposal.CLEAR else canvas
        del shown


def _decode(part: PartialFrame) -> Image.Image:
    image = Image.open(BytesIO(part.file), formats=[part.pillow_format])
    image.load()
    return modes.normalise(image)


def _paint(canvas: Image.Image | None, picture: Image.Image, part: PartialFrame, size: Size) -> Image.Image:
    """Return another canvas with a picture: in RGB from when it is opaque until something is cleared, as most are and that is half the work."""
    clear = modes.has_alpha(picture)
    if not clear and _box(part, picture.size) == (0, 0, *size):
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    under = Image.new("RGBA", size) if canvas is None else canvas.copy()
    if not clear:
        under.paste(picture, part.corner)
    elif not part.blend_over:
        under = under.convert("RGBA")
        under.paste(picture, part.corner)
    elif part.pillow_format == "GIF" or under.mode == "RGB":
        # Where one of the two is opaque this is the same, and takes no copies.
        under.paste(picture, part.corner, picture)
    else:
        under.alpha_composite(picture.convert("RGBA"), part.corner)
    return under


def _clear(canvas: Image.Image, box: tuple[int, int, int, int]) -> Image.Image | None:
    """Return the canvas with nothing in a box, None if nothing is left."""
    if box == (0, 0, *canvas.size):
        return None
    canvas = canvas.convert("RGBA")
    canvas.paste((0, 0, 0, 0), box)
    return canvas


def _box(part: PartialFrame, size: Size) -> tuple[int, int, int, int]:
    return (*part.corner, part.corner[0] + size[0], part.corner[1] + size[1])


def _simplify_mode(canvas: Image.Image, grey: bool) -> Image.Image:
    mode = ("L" if grey else "RGB") + "A" * modes.is_transparent(canvas)
    return canvas if canvas.mode == mode else canvas.convert(mode)
