"""Opens files from strangers: only known formats, every limit checked from the header, and every way to fail as one named error.

Nothing here trusts a file's name or declared type. A truncated file is refused, never shown in part.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import NamedTuple

from PIL import Image, ImageFile, UnidentifiedImageError

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_worker.imaging import admission, bounds
from imagejobs_worker.imaging.admission import FORMATS
from imagejobs_worker.imaging.codecs import gif, header, heic, still_webp, tiff
from imagejobs_worker.imaging.crop.geometry import Box, Size
from imagejobs_worker.imaging.steps.modes import normalise

_ANIMATED = frozenset({"gif", "webp", "avif", "png"})
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on damaged files; the bomb in a PNG's text is among them, as a ValueError."""


class Opened(NamedTuple):
    """A file whose header was read and found within the limits; no pixel is decoded yet.

    Attributes:
        format: As `imagejobs_contract.wire.sniff` names it.
        frames: Of the animation, counted up to one more than the limit; 1 for a still.
    """

    image: ImageFile.ImageFile
    format: str
    frames: int


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings about odd files to itself, but for the one about bombs: that is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def damage_named() -> Iterator[None]:
    """Turn whatever a decoder raises into an `ImageFailed` with a code."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as ex:
        raise ImageFailed("has more pixels than are allowed", code=Code.TOO_MANY_PIXELS) from ex
    except UnidentifiedImageError as ex:
        raise ImageFailed(
            "has a damaged header, or is of a kind that is not read", code=Code.CORRUPT_IMAGE
        ) from ex
    except _BROKEN as ex:
        raise ImageFailed(
            f"cannot be decoded: {str(ex)[:120] or type(ex).__name__}", code=Code.CORRUPT_IMAGE
        ) from ex


def open_image(source: bytes, limits: Limits) -> Opened:
    """Read the header of a file and hold its size against the limits.

    Raises:
        ImageFailed: `not_an_image`, `unsupported_format`, `file_too_large`, `too_many_pixels`,
            `corrupt_image`.
    """
    form = admission.admit(source, limits, heic=heic.known())
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    with damage_named():
        if form == "avif":
            _decode_avif_alone()
        image = (
            tiff.opened(source) if form == "tiff" else Image.open(BytesIO(source), formats=[FORMATS[form]])
        )
        frames = _frames(image, form, source, limits)
    bounds.check_size(image.size, limits)
    if form == "webp" and frames == 1:
        still_webp.hold_once(image)
    elif form == "gif":
        with damage_named():
            gif.fill(image, source)
    return Opened(image, form, frames)


def decode(image: ImageFile.ImageFile, least: Size, length: int = 0) -> tuple[Image.Image, Box]:
    """Decode the first frame and return it with the box that it fills.

    Args:
        image: Opened. A JPEG is decoded at the smallest of its four scales that is no smaller than `least`;
            the fraction of a pixel that this scale leaves over is why the box is not the picture's size.
        least: Pixels that are needed of the whole picture.
        length: Bytes of the file.

    Raises:
        ImageFailed: `corrupt_image`, `too_many_pixels`.
    """
    size = image.size
    with damage_named():
        drafted = image.draft(None, least)
        # Handed to the decoder whole rather than in slices of 64 kB: a large JPEG takes 2 % less.
        image.decodermaxblock = max(image.decodermaxblock, length)
        image.load()
        picture = tiff.toned(image, normalise(image))
    if not drafted and picture.size != size:
        raise ImageFailed(f"says {size} and has {picture.size} pixels", code=Code.CORRUPT_IMAGE)
    return bare(picture), drafted[1] if drafted else (0.0, 0.0, *picture.size)


def _decode_avif_alone() -> None:
    """Use one thread: a core has one worker, and the child may not start any."""
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def _frames(image: ImageFile.ImageFile, form: str, source: bytes, limits: Limits) -> int:
    """Other formats with several pictures in a file (TIFF, MPO, HEIC) are stills here: their first is used."""
    if form == "gif":
        return max(1, header.gif_frames(source, limits.max_frames))
    return int(getattr(image, "n_frames", 1)) - _beside(image) if form in _ANIMATED else 1


def _beside(image: Image.Image) -> int:
    """Return 1 if an APNG's first picture is not of its animation: it is for viewers that know none."""
    return int(bool(getattr(image, "default_image", False)))


def bare(image: Image.Image) -> Image.Image:
    """Return the picture without what the decoder noted: Pillow's encoders would write comments and profiles of it.

    Raises:
        ImageFailed: `corrupt_image`, if the file left Pillow with another size than it has pixels; the SIMD
            resizer would read past their end.
    """
    if image.size != image.im.size:
        raise ImageFailed(f"says {image.size} and has {image.im.size} pixels", code=Code.CORRUPT_IMAGE)
    image.info = {}
    return image
