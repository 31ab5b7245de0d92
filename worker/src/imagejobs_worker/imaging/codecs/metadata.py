"""Reads a file's orientation, colour profile, EXIF, XMP, IPTC and resolution.

Broken metadata never fails an image; it is left out.
"""

import struct
from dataclasses import replace

from PIL import ExifTags, Image

from imagejobs_worker.imaging.colours import cicp
from imagejobs_worker.imaging.metadata_blocks import heif_boxes, iptc, rights, xmp
from imagejobs_worker.imaging.source import Metadata

MAX_SEGMENT_BYTES = 65_000
"""Longest EXIF or XMP that results keep: as much as fits into one segment of a JPEG."""
MAX_PROFILE_BYTES = 4 * 2**20
"""Longest colour profile that is used; the largest press profiles have about 3 MB."""

_MAX_CHUNKS = 4096

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
_COLOUR_TAGS = (ExifTags.Base.Gamma, ExifTags.IFD.Interop)
"""EXIF tags with the colours of the source; the second leads to a mark of Adobe RGB."""
_SRGB = 1
_IPTC_RESOURCE, _IPTC_TAG = 0x0404, 33_723
_MAX_DPI = 65_535


def read(image: Image.Image, file: bytes = b"", *, keep: bool) -> Metadata:
    """Read the metadata of an opened image; a PNG may be decoded for it.

    Args:
        image: Opened, not yet changed.
        file: The bytes of it.
        keep: Whether to read EXIF and XMP too.
    """
    profile = image.info.get("icc_profile")
    numbers = _read_cicp(image, file, has_profile=bool(profile))
    if numbers:
        profile = cicp.build_profile(numbers)
    return Metadata(
        orientation=_orientation(image),
        profile=profile if isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES else b"",
        exif=_exif(image) if keep else b"",
        xmp=xmp.correct(_xmp(image)) if keep else b"",
        iptc=iptc.write(_iptc(image)) if keep else b"",
        dpi=_dpi(image) if keep else None,
    )


def read_rights(image: Image.Image, found: Metadata, *, keep: bool) -> Metadata:
    """Return the metadata with the by-line and the rights alone.

    Args:
        image: Opened, not yet changed.
        found: What `read` returned of it.
        keep: Whether any variant needs them.
    """
    if not keep:
        return found.without_notes()
    try:
        exif = image.getexif()
        artist, notice = str(exif.get(ExifTags.Base.Artist, "")), str(exif.get(ExifTags.Base.Copyright, ""))
    except _BROKEN:
        artist = notice = ""
    texts = {str(key): value for key, value in image.info.items() if isinstance(value, str)}
    known = rights.find_rights(_xmp(image), _iptc(image), artist, notice, texts)
    tags = Image.Exif()
    for tag, text in (
        (ExifTags.Base.Artist, "; ".join(known.creators)),
        (ExifTags.Base.Copyright, known.notice),
    ):
        if text:
            tags[tag] = text
    return replace(
        found.without_notes(),
        exif=tags.tobytes() if tags else b"",
        xmp=rights.write_xmp(known),
        iptc=rights.write_iptc(known),
    )


def _iptc(image: Image.Image) -> list[iptc.Dataset]:
    """Return the datasets of a JPEG or a TIFF."""
    resources = image.info.get("photoshop")
    found = resources.get(_IPTC_RESOURCE) if isinstance(resources, dict) else None
    if found is None:
        found = getattr(image, "tag_v2", {}).get(_IPTC_TAG) if image.format == "TIFF" else None
    found = bytes(found) if isinstance(found, (bytes, tuple)) and _is_bytes(found) else b""
    return iptc.read(found) if len(found) <= MAX_SEGMENT_BYTES else []


def _is_bytes(found: object) -> bool:
    return isinstance(found, bytes) or all(isinstance(each, int) and 0 <= each < 256 for each in found)  # type: ignore[attr-defined]


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    """Return the resolution if it is one: some files say 0, and a JPEG without a unit has none."""
    found = image.info.get("dpi")
    if image.format == "JPEG" and image.info.get("jfif_unit") == 0 and "exif" not in image.info:
        return None
    try:
        across, down = (float(value) for value in found) if found else (0.0, 0.0)
    except _BROKEN:
        return None
    is_real = 1 <= across <= _MAX_DPI and 1 <= down <= _MAX_DPI
    return (across, down) if is_real else None


def _read_cicp(image: Image.Image, file: bytes, *, has_profile: bool) -> cicp.Cicp | None:
    """Return the numbers of the colours; in a PNG they come before a profile, in AVIF and HEIC after it."""
    if image.format == "PNG":
        return _png_cicp(file)
    if image.format in ("AVIF", "HEIF") and not has_profile:
        return heif_boxes.read_properties(file).colours
    return None


def _png_cicp(file: bytes) -> cicp.Cicp | None:
    """Return the chunk cICP (w3.org/TR/png-3, 11.3.2.6), which comes before the pixels."""
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(file):
            return None
        length, name = struct.unpack_from(">I4s", file, at)
        if name == b"IDAT":
            return None
        if name == b"cICP" and length == 4:
            return cicp.Cicp(file[at + 8], file[at + 9])
        at += 12 + length
    return None


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
        _set_colour_space(exif)
        if ExifTags.Base.Orientation in exif:
            exif[ExifTags.Base.Orientation] = 1
        data = exif.tobytes() if exif else b""
    except _BROKEN:
        return b""
    return data if len(data) <= MAX_SEGMENT_BYTES else b""


def _set_colour_space(exif: Image.Exif) -> None:
    """Say sRGB where EXIF names a colour space: all results are."""
    details = exif.get_ifd(ExifTags.IFD.Exif)
    for tag in _COLOUR_TAGS:
        details.pop(tag, None)
    if ExifTags.Base.ColorSpace in details:
        details[ExifTags.Base.ColorSpace] = _SRGB


def _xmp(image: Image.Image) -> bytes:
    found = image.info.get("xmp", b"")
    data = found.encode() if isinstance(found, str) else found
    if not isinstance(data, bytes) or len(data) > MAX_SEGMENT_BYTES:
        return b""
    return data
