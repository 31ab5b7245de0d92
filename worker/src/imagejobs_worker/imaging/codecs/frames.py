"""Gives the frames of an animation one by one, whole, as browsers show them."""

from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import count

from PIL import Image, ImageFile

from imagejobs_worker.imaging import damage
from imagejobs_worker.imaging.codecs import apng, canvas, gif
from imagejobs_worker.imaging.codecs.canvas import Part
from imagejobs_worker.imaging.formats import SOURCE_FORMATS
from imagejobs_worker.imaging.modes import normalise
from imagejobs_worker.imaging.sizes import Size

_PARTS: dict[str, Callable[[bytes, Size], Iterator[Part]]] = {"gif": gif.parts, "png": apng.parts}
"""Formats whose frames are painted here; the decoders of the others give whole ones."""


def frames_of(source: bytes, form: str, wanted: int) -> Iterator[tuple[Image.Image, int]]:
    """Decode the first frames of an animation that was found within the limits, each with its time in milliseconds.

    Raises:
        ImageFailed: `corrupt_image`, `too_many_pixels`.
    """
    with damage.as_image_failed():
        image = Image.open(BytesIO(source), formats=[SOURCE_FORMATS[form]])
    frames = (
        canvas.painted(_PARTS[form](source, image.size), image.size) if form in _PARTS else _wound_on(image)
    )
    for _ in range(wanted):
        with damage.as_image_failed():
            frame, milliseconds = next(frames, None) or _ended()
        yield damage.drop_info(frame), round(milliseconds)


def _wound_on(image: ImageFile.ImageFile) -> Iterator[tuple[Image.Image, float]]:
    for n in count():
        image.seek(n)
        image.load()
        frame = normalise(image)
        # The decoder paints the next frame over its own picture.
        yield frame.copy() if frame is image else frame, image.info.get("duration") or 0


def _ended() -> tuple[Image.Image, float]:
    raise EOFError("ends before its last frame")
