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
from imagejobs_worker.imaging.metadata_blocks import heif_boxes

_AV1 = b"av01"
_OTHER_CODINGS = frozenset({_AV1, b"av02", b"avc1", b"vvc1", b"evc1", b"jpeg", b"j2k1", b"unci"})
"""Codings of pictures in a HEIF for which there is no decoder, AV1 only outside an AVIF (mp4ra.org)."""
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
    if kind := _describe_unread(source, form):
        raise ImageFailed(f"is {kind}, which is not read", code=Code.UNSUPPORTED_FORMAT)
    if declared := header.declared_size(source):
        bounds.check_size(declared, source_limits(source, limits))
    return form


def _describe_unread(source: bytes, form: str) -> str:
    """Return the kind of a file that no decoder here reads though its format is; empty for all others."""
    if form == "jpeg":
        return header.describe_unread_jpeg(source)
    coding = heif_boxes.read_main_type(source) if form in (HEIC, "avif") else b""
    is_coding = coding in _OTHER_CODINGS and not (form == "avif" and coding == _AV1)
    return f"a HEIF coded as {coding.decode()}" if is_coding else ""


def source_limits(source: bytes, limits: Limits) -> Limits:
    """Return the limits of a file's own size; those of what is decoded and made stay as they are."""
    if not header.is_sequential_jpeg(source):
        return limits
    return limits._replace(max_pixels=MAX_SCALED_FACTOR * limits.max_pixels)


def _not_a_plain_png(first_chunk: bytes) -> ImageFailed:
    if first_chunk == _IOS_CHUNK:
        return ImageFailed("is an iOS PNG (CgBI), which is not read", code=Code.UNSUPPORTED_FORMAT)
    return ImageFailed("has no IHDR as its first chunk", code=Code.CORRUPT_IMAGE)
