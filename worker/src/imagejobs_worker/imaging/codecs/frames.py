"""Decodes the frames of an animation one by one, each a whole picture as browsers show it."""

from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import count

from PIL import Image, ImageFile

from imagejobs_worker.imaging import damage
from imagejobs_worker.imaging.codecs import apng, avif_crop, canvas, gif
from imagejobs_worker.imaging.codecs.canvas import PartialFrame
from imagejobs_worker.imaging.formats import SOURCE_FORMATS
from imagejobs_worker.imaging.modes import normalise
from imagejobs_worker.imaging.sizes import Size

_PARTIAL_FRAMES: dict[str, Callable[[bytes, Size], Iterator[PartialFrame]]] = {
    "gif": gif.partial_frames,
    "png": apng.partial_frames,
}
"""Formats whose frames are painted by `canvas`; decoders of the other formats return whole pictures."""


def decode_frames(source: bytes, form: str, count: int) -> Iterator[tuple[Image.Image, int]]:
    """Yield the first `count` frames of an animation within the limits, each with its time in milliseconds.

    Raises:
        ImageFailed: `corrupt_image`, `too_many_pixels`.
    """
    with damage.as_image_failed():
        image = Image.open(BytesIO(source), formats=[SOURCE_FORMATS[form]])
    frames = (
        canvas.paint_frames(_PARTIAL_FRAMES[form](source, image.size), image.size)
        if form in _PARTIAL_FRAMES
        else _seek_frames(image, avif_crop.find(source, image.size, count) if form == "avif" else None)
    )
    for _ in range(count):
        with damage.as_image_failed():
            frame, milliseconds = next(frames, None) or _raise_missing_frame()
        yield damage.drop_info(frame), round(milliseconds)


def _seek_frames(
    image: ImageFile.ImageFile, crop: tuple[int, int, int, int] | None
) -> Iterator[tuple[Image.Image, float]]:
    for n in count():
        image.seek(n)
        image.load()
        frame = normalise(image)
        frame = frame.crop(crop) if crop else frame
        # The decoder paints the next frame over its own picture.
        yield frame.copy() if frame is image else frame, image.info.get("duration") or 0


def _raise_missing_frame() -> tuple[Image.Image, float]:
    raise EOFError("ends before its last frame")
