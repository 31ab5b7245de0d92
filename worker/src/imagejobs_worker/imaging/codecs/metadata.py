"""Reads a file's orientation, colour profile, EXIF and XMP.

Broken metadata never fails an image; it is left out.
"""

import re
import struct

from PIL import ExifTags, Image

from imagejobs_worker.imaging.source import Metadata

MAX_SEGMENT_BYTES = 65_000
"""Longest EXIF or XMP that results keep: as much as fits into one segment of a JPEG."""
MAX_PROFILE_BYTES = 4 * 2**20
"""Longest colour profile that is used; the largest press profiles have about 3 MB."""

_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    struct.error,
)
_STORAGE_TAGS = frozenset(
    {
        *range(0x00FE, 0x010E),
        0x0111,
        0x0115,
        0x0116,
        0x0117,
        0x011C,
        0x013D,
        0x0140,
        0x0152,
        0x0153,
        0x02BC,
        0x8773,
    }
)
"""TIFF tags that describe how the source's pixels are stored, which is not true of the result."""
_SIZE_TAGS = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
"""EXIF tags with the size of the source."""
_XMP = ("xmp", "XML:com.adobe.xmp")
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(=\"|>)[0-9]")


def read(image: Image.Image, *, keep: bool) -> Metadata:
    """Read the metadata of an opened image; a PNG may be decoded for it.

    Args:
        image: Opened, not yet changed.
        keep: Whether to read EXIF and XMP too.
    """
    profile = image.info.get("icc_profile")
    return Metadata(
        orientation=_orientation(image),
        profile=profile if isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES else b"",
        exif=_exif(image) if keep else b"",
        xmp=_xmp(image) if keep else b"",
    )


def _orientation(image: Image.Image) -> int:
    """Return EXIF's orientation, 1 to 8; 1 for a TIFF, because Pillow turns it while it decodes."""
    if image.format == "TIFF":
        return 1
    try:
        found = _exif_without_xmp(image).get(ExifTags.Base.Orientation, 1)
    except _BROKEN:
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _exif_without_xmp(image: Image.Image) -> Image.Exif:
    """Return the EXIF alone.

    Pillow takes the orientation from XMP if EXIF has none; browsers do not, and editors leave stale ones.
    """
    if image.format == "PNG" and "exif" not in image.info:
        # EXIF may stand behind the pixels, and so may XMP.
        image.load()
    aside = {key: image.info.pop(key) for key in _XMP if key in image.info}
    try:
        return image.getexif()
    finally:
        image.info.update(aside)


def _exif(image: Image.Image) -> bytes:
    try:
        # A copy: a TIFF's own tags would change with it, and the TIFF is not decoded yet.
        exif = Image.Exif()
        exif.load(image.getexif().tobytes())
        for tag in _STORAGE_TAGS & set(exif):
            del exif[tag]
        for tag in _SIZE_TAGS:
            exif.get_ifd(ExifTags.IFD.Exif).pop(tag, None)
        if ExifTags.Base.Orientation in exif:
            exif[ExifTags.Base.Orientation] = 1
        data = exif.tobytes() if exif else b""
    except _BROKEN:
        return b""
    return data if len(data) <= MAX_SEGMENT_BYTES else b""


def _xmp(image: Image.Image) -> bytes:
    found = image.info.get("xmp", b"")
    data = found.encode() if isinstance(found, str) else found
    if not isinstance(data, bytes) or len(data) > MAX_SEGMENT_BYTES:
        return b""
    return _XMP_ORIENTATION.sub(rb"tiff:Orientation\g<1>1", data)
