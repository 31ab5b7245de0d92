"""What is known of a file before any decoder sees it: its length, what it starts like, and the size that its header names.

The worker asks before it hands a file to a child, and the child asks again. A few bytes are read at places
that formats name, by nothing but Python.
"""

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.wire.sniff import HEAD_BYTES, sniff
from imagejobs_worker.imaging import bounds
from imagejobs_worker.imaging.codecs import header

HEIC = "heic"
FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WEBP",
    "avif": "AVIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    HEIC: "HEIF",
}
"""What is read: the contract's name -> Pillow's. All else is turned away unopened."""


def admit(source: bytes, limits: Limits, *, heic: bool) -> str:
    """Return the name of the file's format, one of `FORMATS`, if it may be opened.

    Args:
        source: The file.
        limits: What is allowed.
        heic: Whether HEIC is read.

    Raises:
        ImageFailed: `not_an_image`, `unsupported_format`, `file_too_large`, `too_many_pixels`,
            `corrupt_image`.
    """
    bounds.check_bytes(len(source), limits)
    form = sniff(source[:HEAD_BYTES])
    if form is None:
        raise ImageFailed("starts like no image", code=Code.NOT_AN_IMAGE)
    if form == HEIC and not heic:
        raise ImageFailed(
            f"is heic; read are {' '.join(name for name in FORMATS if name != HEIC)}",
            code=Code.UNSUPPORTED_FORMAT,
        )
    if declared := header.declared_size(source):
        bounds.check_size(declared, limits)
    return form
