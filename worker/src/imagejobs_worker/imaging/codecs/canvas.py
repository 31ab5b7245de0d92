"""Paints the frames of a GIF or an APNG one over the other, as browsers do.

Pillow does it too, but blends half transparent pixels by a rule of its own, fills cleared areas with a colour
that no browser shows, disposes of a frame without a disposal as of the one before, and fails at frames that
extend beyond their canvas.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from io import BytesIO
from typing import NamedTuple

from PIL import Image

from imagejobs_worker.imaging import modes
from imagejobs_worker.imaging.codecs import transparent_colour
from imagejobs_worker.imaging.sizes import Size


class Disposal(Enum):
    """What happens to a frame after its time: GIF's disposal method, APNG's dispose_op."""

    KEEP = auto()
    CLEAR = auto()
    RESTORE = auto()
    """The canvas becomes again as it was before the frame."""


class PartialFrame(NamedTuple):
    """The part of the canvas that one frame changes.

    Attributes:
        pillow_format: Pillow's name of the format.
        file: The frame's picture as a file of its own, in the same format.
        corner: Position of its left upper corner on the canvas, in pixels.
        milliseconds: Time for which it is shown.
        disposal: What happens to it afterwards.
        blend_over: It is blended with the canvas; otherwise it replaces the pixels there.
    """

    pillow_format: str
    file: bytes
    corner: Size
    milliseconds: float
    disposal: Disposal
    blend_over: bool


def paint_frames(parts: Iterable[PartialFrame], size: Size) -> Iterator[tuple[Image.Image, float]]:
    """Yield the canvas as shown after each part, in the simplest mode that holds it, with its milliseconds.

    Args:
        parts: Partial frames in their order.
        size: Size of the canvas, which is transparent at first.
    """
    canvas: Image.Image | None = None
    grey = True
    for part in parts:
        picture = _decode(part)
        grey = grey and picture.mode in ("L", "LA")
        shown, box = _paint(canvas, picture, part, size), _box(part, picture.size)
        # A picture can have 200 MB: keep none that is not needed again.
        del picture
        canvas = canvas if part.disposal is Disposal.RESTORE else shown
        yield _simplify_mode(shown, grey), part.milliseconds
        canvas = _clear(shown, box) if part.disposal is Disposal.CLEAR else canvas
        del shown


def _decode(part: PartialFrame) -> Image.Image:
    image = Image.open(BytesIO(part.file), formats=[part.pillow_format])
    transparent_colour.load_transparent_colour(image, part.file)
    image.load()
    return modes.normalise(image)


def _paint(canvas: Image.Image | None, picture: Image.Image, part: PartialFrame, size: Size) -> Image.Image:
    """Return a new canvas with the picture on it.

    It is RGB while it is opaque, that is until something is cleared; most are, and RGB is half the work.
    """
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
        # If one of the two is opaque, the result is the same as alpha compositing, without copies.
        under.paste(picture, part.corner, picture)
    else:
        under.alpha_composite(picture.convert("RGBA"), part.corner)
    return under


def _clear(canvas: Image.Image, box: tuple[int, int, int, int]) -> Image.Image | None:
    """Return the canvas with a box cleared, or None if nothing is left on it."""
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
