"""Checks a file before any decoder sees it: its length, its first bytes, and the size that its header names.

The parent process checks before it hands a file to a child, and the child checks again. Only a few bytes are
read, at places that the formats define, by Python alone.
"""

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.wire.sniff import HEAD_BYTES, explain_refusal, sniff
from imagejobs_worker.imaging import bounds
from imagejobs_worker.imaging.codecs import header
from imagejobs_worker.imaging.formats import HEIC, SOURCE_FORMATS

_IOS_CHUNK = b"CgBI"
"""Begins the PNGs that Xcode writes: colours in another order, and compressed pixels without zlib's
header.
"""

MAX_SCALED_FACTOR = 4
"""A sequential JPEG may have this many times `max_pixels`, if it is decoded so small that `max_pixels` hold:
200 megapixels, as phones make them, at the default.
"""


def check_file(source: bytes, limits: Limits, *, heic: bool) -> str:
    """Check whether a file may be opened, and return the name of its format, one of `SOURCE_FORMATS`.

    Args:
        source: The file.
        limits: Bytes and pixels that are allowed.
        heic: Whether HEIC is read.

    Raises:
        ImageFailed: `not_an_image`, `unsupported_format`, `file_too_large`, `too_many_pixels`,
            `corrupt_image`.
    """
    bounds.check_bytes(len(source), limits)
    form = sniff(source[:HEAD_BYTES])
    if form is None:
        code, message = explain_refusal(source[:HEAD_BYTES])
        raise ImageFailed(message, code=code)
    if form == HEIC and not heic:
        raise ImageFailed(
            f"is heic; read are {' '.join(name for name in SOURCE_FORMATS if name != HEIC)}",
            code=Code.UNSUPPORTED_FORMAT,
        )
    if form == "png" and source[12:16] != b"IHDR":
        raise _not_a_plain_png(source[12:16])
    if declared := header.declared_size(source):
        bounds.check_size(declared, source_limits(source, limits))
    return form


def source_limits(source: bytes, limits: Limits) -> Limits:
    """Return the limits of a file's own size; those of what is decoded and made stay as they are."""
    if not header.is_sequential_jpeg(source):
        return limits
    return limits._replace(max_pixels=MAX_SCALED_FACTOR * limits.max_pixels)


def _not_a_plain_png(first_chunk: bytes) -> ImageFailed:
    if first_chunk == _IOS_CHUNK:
        return ImageFailed("is an iOS PNG (CgBI), which is not read", code=Code.UNSUPPORTED_FORMAT)
    return ImageFailed("has no IHDR as its first chunk", code=Code.CORRUPT_IMAGE)
