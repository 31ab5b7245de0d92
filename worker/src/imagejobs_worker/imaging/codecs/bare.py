"""Tells whether a file holds a picture alone: no metadata, no second picture, nothing behind its end.

A file may be handed out as it is, or as `stripping` left it, only if it is bare. What is not known to be
harmless counts as metadata, so that a kind of metadata that is invented later is not given away. Pure; reads
only the structure of a file.
"""

import struct
from collections.abc import Callable

from imagejobs_worker.imaging.codecs import header

_JPEG_TABLES = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD})
"""Segments of every JPEG: frames, Huffman tables, scans, quantization tables, restart interval."""
_PNG_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
_PNG_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
"""A file without the first of them is a still, and nobody looks at the others."""
_PNG_BYTES = {b"IEND": 0, b"sRGB": 1, b"sBIT": 4, b"bKGD": 6, b"pHYs": 9}
"""The ends of a file, and chunks about its pixels alone -> the most bytes that one has."""
_PNG_SRGB = {
    b"gAMA": struct.pack(">I", 45_455),
    b"cHRM": struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000),
}
"""Chunks that are harmless with the values of sRGB (w3.org/TR/png-3, 11.3.2.5)."""
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
WEBP_PICTURE = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
_WEBP_FRAME = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_WEBP_BYTES = {b"VP8X": 10, b"ANIM": 6}
_AVIF_PICTURE = frozenset({b"ftyp", b"meta", b"mdat"})
_AVIF_METADATA = (b"Exif", b"mime", b"uri ", b"uuid", b"udta", b"thmb", b"tmap", b"cdsc", b"clap")
"""Names in an AVIF's directory: metadata, previews, gain maps, and an area that was cropped away."""
_SRGB_PRIMARIES, _SRGB_TRANSFERS = frozenset({1, 2}), frozenset({1, 2, 6, 13})
"""Numbers of CICP (ITU-T H.273) that viewers take for sRGB; 2 is unspecified."""
_CLASSIC_TIFF = 42
_TIFF_DATA = frozenset({273, 279, 324, 325})
"""Tags with the places and lengths of strips and tiles."""
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of a value, by its type."""
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
    except (struct.error, LookupError, ValueError):
        return False


def _jpeg(data: bytes) -> bool:
    """Allow tables, frames, scans, JFIF without a thumbnail and Adobe's colour mark."""
    at = 2
    while True:
        marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if data[at] != 0xFF or length < 2 or not (marker in _JPEG_TABLES or is_plain_segment(marker, body)):
            return False
        at += 2 + length
        if marker == 0xDA:
            at = end_of_scan(data, at)
            if data[at + 1] == 0xD9:
                return at + 2 == len(data)


def is_plain_segment(marker: int, body: bytes) -> bool:
    """Return whether a segment of a JPEG is JFIF's without a thumbnail, or Adobe's colour mark."""
    return (marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) == 14) or (
        marker == 0xEE and body[:5] == b"Adobe" and len(body) == 12
    )


def end_of_scan(data: bytes, at: int) -> int:
    """Return the offset of the first marker behind a scan that does not belong to it."""
    while True:
        at = data.index(b"\xff", at)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _png(data: bytes) -> bool:
    at, kind, known = 8, b"", _PNG_PICTURE
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"acTL":
            known = _PNG_PICTURE | _PNG_ANIMATION
        if kind not in known and not _is_plain_chunk(kind, data[at + 8 : at + 8 + length]):
            return False
        at += 12 + length
    return at == len(data)


def _is_plain_chunk(kind: bytes, body: bytes) -> bool:
    return len(body) <= _PNG_BYTES[kind] if kind in _PNG_BYTES else body == _PNG_SRGB.get(kind)


def _gif(data: bytes) -> bool:
    at = 13 + header.gif_colour_table_bytes(data, 10)
    while data[at] == 0x21 or data[at] == 0x2C:
        begin = at + (2 if data[at] == 0x21 else 11 + header.gif_colour_table_bytes(data, at + 9))
        end = header.skip_gif_blocks(data, begin)
        if data[at] == 0x21 and not is_plain_extension(data[at:end]):
            return False
        at = end
    return data[at] == 0x3B and at + 1 == len(data)


def is_plain_extension(extension: bytes) -> bool:
    """Return whether an extension of a GIF is the control of a frame, or the number of loops."""
    return (extension[1:3] == b"\xf9\x04" and len(extension) == 8) or (
        extension[1:3] == b"\xff\x0b"
        and extension[3:14] in _GIF_LOOPS
        and extension[14:16] == b"\x03\x01"
        and len(extension) == 19
    )


def _webp(data: bytes) -> bool:
    return data[4:8] == struct.pack("<I", len(data) - 8) and _are_webp_chunks(data, 12, WEBP_PICTURE)


def _are_webp_chunks(data: bytes, at: int, known: frozenset[bytes]) -> bool:
    seen: set[bytes] = set()
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind not in known or length > _WEBP_BYTES.get(kind, length) or (kind in seen and kind != b"ANMF"):
            return False
        if kind == b"ANMF" and not _are_webp_chunks(data[at + 8 : at + 8 + length], 16, _WEBP_FRAME):
            return False
        seen.add(kind)
        at += 8 + length + length % 2
    return at == len(data) and len(seen & {b"VP8 ", b"VP8L", b"ANMF"}) == 1


def _avif(data: bytes) -> bool:
    """Allow a still whose directory names pictures alone, and whose data belong to them to the last byte.

    An animation has a second directory, of samples, which is not read here.
    """
    at, named, stored = 0, 0, 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind not in _AVIF_PICTURE or length < 8:
            return False
        if kind == b"meta":
            box = data[at : at + length]
            if not _is_plain_directory(box):
                return False
            named += _located_bytes(box)
        stored += length - 8 if kind == b"mdat" else 0
        at += length
    return at == len(data) and named == stored


def _located_bytes(box: bytes) -> int:
    """Return how many bytes of the file the directory gives to its items (ISO/IEC 14496-12, 8.11.3).

    Raises:
        ValueError: Some lie elsewhere than in the file itself, or at several places.
    """
    at = box.index(b"iloc") + 4
    version, sizes = box[at], struct.unpack_from(">H", box, at + 4)[0]
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    count_bytes = 4 if version == 2 else 2
    at, total, places = at + 6, 0, set()
    items = int.from_bytes(box[at : at + count_bytes], "big")
    at += count_bytes
    for _ in range(items):
        at += count_bytes + (2 if version else 0)  # the item's number, and its construction
        method = box[at - 1] & 15 if version else 0
        (extents,) = struct.unpack_from(">H", box, at + 2 + base)
        if method or extents != 1 or at > len(box):
            raise ValueError
        start = at + base + 4 + (index if version else 0)
        place = box[at + 2 : at + 2 + base], box[start : start + offset]
        total += int.from_bytes(box[start + offset : start + offset + length], "big")
        at = start + offset + length
        if place in places:
            raise ValueError
        places.add(place)
    return total


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
    """Allow one directory of plain tags, in a classic TIFF, and no byte that none of them points to."""
    tags, next_offset = _tiff_directory(data)
    return next_offset == 0 and tags <= _TIFF_PICTURE and _is_all_named(data)


def _is_all_named(data: bytes) -> bool:
    """Return whether header, directory, long values and strips cover the file, but for padding of a byte."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    named, values = [(0, 8), (at, 2 + 12 * count + 4)], {}
    for n in range(count):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, at + 2 + 12 * n)
        size, place = _TIFF_SIZES[kind] * length, at + 10 + 12 * n
        if size > 4:
            (place,) = struct.unpack_from(f"{order}I", data, place)
            named.append((place, size))
        if tag in _TIFF_DATA:
            values[tag] = struct.unpack_from(f"{order}{length}{'I' if kind == 4 else 'H'}", data, place)
    for offsets, lengths in ((273, 279), (324, 325)):
        named += zip(values.get(offsets, ()), values.get(lengths, ()), strict=True)
    end = 0
    for begin, length in sorted(named):
        if begin > end + 1:
            return False
        end = max(end, begin + length)
    return end <= len(data) <= end + 1


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
