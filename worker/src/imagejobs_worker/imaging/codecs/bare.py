"""Tells whether a file holds a picture alone: no metadata, no second picture, nothing behind its end.

A file may be handed out unchanged only if it is bare. What is not known to be harmless counts as metadata, so
that a kind of metadata that is invented later is not given away. Pure; reads only the structure of a file.
"""

import struct
from collections.abc import Callable

from imagejobs_worker.imaging.codecs import header

_PNG_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})
_PNG_HARMLESS = frozenset({b"sRGB", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"iCCP"})
"""Chunks about the pixels alone. Whether the profile is sRGB is not decided here."""
_PNG_SRGB = {
    b"gAMA": struct.pack(">I", 45_455),
    b"cHRM": struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000),
}
"""Chunks that are harmless with the values of sRGB (w3.org/TR/png-3, 11.3.2.5)."""
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_WEBP_PICTURE = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_AVIF_PICTURE = frozenset({b"ftyp", b"meta", b"mdat", b"moov"})
_AVIF_METADATA = (b"Exif", b"mime", b"uri ", b"uuid", b"udta", b"thmb", b"tmap", b"cdsc", b"clap")
"""Names in an AVIF's directory: metadata, previews, gain maps, and an area that was cropped away."""
_SRGB_PRIMARIES, _SRGB_TRANSFERS = frozenset({1, 2}), frozenset({1, 2, 6, 13})
"""Numbers of CICP (ITU-T H.273) that viewers take for sRGB; 2 is unspecified."""
_CLASSIC_TIFF = 42
_TIFF_PICTURE = frozenset(
    {*range(254, 260), 262, 263, 266, 273, *range(277, 285), 292, 293, 296, 317, 320}
    | {322, 323, 324, 325, 338, 339, 347, 529, 530, 531, 532, 34_675}
)
"""Tags about pixels and their storage, the profile among them; not the orientation."""


def is_bare(data: bytes, form: str) -> bool:
    """Return whether a file that was decoded without an error holds nothing but its picture or animation.

    Args:
        data: The file.
        form: As `imagejobs_contract.wire.sniff` names it; False for BMP and HEIC, which are never results.
    """
    reader = _READERS.get(form)
    try:
        return reader is not None and reader(data)
    except (struct.error, IndexError, ValueError):
        return False


def _jpeg(data: bytes) -> bool:
    """Allow tables, frames, scans, JFIF without a thumbnail, Adobe's colour mark and a profile."""
    at = 2
    while True:
        marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if data[at] != 0xFF or length < 2 or not (marker < 0xE0 or _is_harmless_segment(marker, body)):
            return False
        at += 2 + length
        if marker == 0xDA:
            at = _end_of_scan(data, at)
            if data[at + 1] == 0xD9:
                return at + 2 == len(data)


def _is_harmless_segment(marker: int, body: bytes) -> bool:
    return (
        (marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) == 14)
        or (marker == 0xEE and body[:5] == b"Adobe" and len(body) == 12)
        or (marker == 0xE2 and body[:12] == b"ICC_PROFILE\0")
    )


def _end_of_scan(data: bytes, at: int) -> int:
    """Return the offset of the first marker behind a scan that does not belong to it."""
    while True:
        at = data.index(b"\xff", at)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _png(data: bytes) -> bool:
    at, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        value = _PNG_SRGB.get(kind)
        if kind not in _PNG_PICTURE | _PNG_HARMLESS and (
            value is None or value != data[at + 8 : at + 8 + length]
        ):
            return False
        at += 12 + length
    return at == len(data)


def _gif(data: bytes) -> bool:
    at = 13 + header.gif_colour_table_bytes(data, 10)
    while data[at] == 0x21 or data[at] == 0x2C:
        if data[at] == 0x2C:
            at += 9 + header.gif_colour_table_bytes(data, at + 9) + 2
        elif data[at + 1] == 0xF9 or (data[at + 1] == 0xFF and data[at + 3 : at + 14] in _GIF_LOOPS):
            at += 2
        else:
            return False
        at = header.skip_gif_blocks(data, at)
    return data[at] == 0x3B and at + 1 == len(data)


def _webp(data: bytes) -> bool:
    at = 12
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind not in _WEBP_PICTURE:
            return False
        at += 8 + length + length % 2
    return at == len(data) and data[4:8] == struct.pack("<I", len(data) - 8)


def _avif(data: bytes) -> bool:
    at = 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind not in _AVIF_PICTURE or length < 8:
            return False
        if kind in (b"meta", b"moov") and not _is_plain_directory(data[at : at + length]):
            return False
        at += length
    return at == len(data)


def _is_plain_directory(box: bytes) -> bool:
    if any(name in box for name in _AVIF_METADATA):
        return False
    colours = box.find(b"colrnclx")
    while colours >= 0:
        primaries, transfer = struct.unpack_from(">HH", box, colours + 8)
        if primaries not in _SRGB_PRIMARIES or transfer not in _SRGB_TRANSFERS:
            return False
        colours = box.find(b"colrnclx", colours + 8)
    return True


def _tiff(data: bytes) -> bool:
    """Allow one directory of plain tags, in a classic TIFF."""
    tags, next_offset = _tiff_directory(data)
    return next_offset == 0 and tags <= _TIFF_PICTURE


def has_one_page(data: bytes) -> bool:
    """Return whether a TIFF has one directory; False for a BigTIFF, whose directories are not read here."""
    try:
        return _tiff_directory(data)[1] == 0
    except (struct.error, ValueError):
        return False


def _tiff_directory(data: bytes) -> tuple[set[int], int]:
    """Return the tags of the first directory, and the offset of the next, which is 0 behind the last.

    Raises:
        ValueError: It is a BigTIFF.
    """
    order = "<" if data[:2] == b"II" else ">"
    version, at = struct.unpack_from(f"{order}HI", data, 2)
    if version != _CLASSIC_TIFF:
        raise ValueError("a BigTIFF")
    (count,) = struct.unpack_from(f"{order}H", data, at)
    tags = {struct.unpack_from(f"{order}H", data, at + 2 + 12 * n)[0] for n in range(count)}
    return tags, struct.unpack_from(f"{order}I", data, at + 2 + 12 * count)[0]


_READERS: dict[str, Callable[[bytes], bool]] = {
    "jpeg": _jpeg,
    "png": _png,
    "gif": _gif,
    "webp": _webp,
    "avif": _avif,
    "tiff": _tiff,
}
