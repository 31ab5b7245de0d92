"""Damaged files: any error of a decoder becomes one named error, and pixels are checked before use."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed

DECODER_ERRORS = (
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
"""Errors that Pillow's decoders raise on damaged files; for a bomb in a PNG's text it is ValueError."""

_TEXT_BOMB_WORDS = ("Decompressed data too large", "Too much memory used in text chunks")
_UNSUPPORTED_WORDS = ("Unsupported BMP", "Reformat failed")
"""Of errors about sound files: layouts of BMPs, and matrices of colours in AVIF that libavif does
not compute.
"""


@contextmanager
def filter_warnings() -> Iterator[None]:
    """Silence Pillow's warnings about odd files, except the one about pixel bombs: that one is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def as_image_failed() -> Iterator[None]:
    """Turn any error of a decoder in the block into an `ImageFailed` with a code.

    Raises:
        ImageFailed: `too_many_pixels`, `corrupt_image`.
    """
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as ex:
        raise ImageFailed("has more pixels than are allowed", code=Code.TOO_MANY_PIXELS) from ex
    except UnidentifiedImageError as ex:
        raise ImageFailed(
            "has a damaged header, or is of a kind that is not read", code=Code.CORRUPT_IMAGE
        ) from ex
    except DECODER_ERRORS as ex:
        if any(words in str(ex) for words in _UNSUPPORTED_WORDS):
            raise ImageFailed(
                f"is of a kind that is not read: {str(ex)[:120]}", code=Code.UNSUPPORTED_FORMAT
            ) from ex
        raise ImageFailed(
            f"cannot be decoded: {str(ex)[:120] or type(ex).__name__}", code=Code.CORRUPT_IMAGE
        ) from ex


def is_text_bomb(error: Exception) -> bool:
    """Return whether Pillow refused a PNG because its compressed texts or its profile are too large."""
    return isinstance(error, ValueError) and any(words in str(error) for words in _TEXT_BOMB_WORDS)


def drop_info(image: Image.Image) -> Image.Image:
    """Return the picture without the decoder's notes; Pillow's encoders would write them.

    Raises:
        ImageFailed: `corrupt_image`, if the picture's size and its pixels disagree; the SIMD resizer would
            read past the end of the pixels.
    """
    if image.size != image.im.size:
        raise ImageFailed(f"says {image.size} and has {image.im.size} pixels", code=Code.CORRUPT_IMAGE)
    image.info = {}
    return image
