"""Leaves out damaged or odd metadata, for which Pillow would refuse the whole image.

Used only for a file that Pillow refused: libpng, libjpeg and browsers show such files. Pixels and what gives
them their meaning are never touched. Pure; each walk has a bound, because the file may be hostile.
"""

import struct
import zlib
from collections.abc import Callable, Iterator

from imagejobs_worker.imaging.codecs import header
from imagejobs_worker.imaging.metadata_blocks import tiff_directory
from imagejobs_worker.imaging.metadata_blocks.heif_boxes import find_boxes

_MAX_PARTS = 4096
_PNG_LEAST_BYTES = {
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"pHYs": 9,
    b"tIME": 7,
    b"acTL": 8,
    b"fcTL": 26,
}
_PNG_NAMED = frozenset({b"iCCP", b"zTXt"})
"""Chunks of a name, a zero, and the number 0 of the only method of compression."""
_PNG_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
_PNG_KEY_BYTES = {0: 2, 2: 6, 3: 1}
"""PNG's colour type -> least length of a transparent colour."""
_COLOUR_TYPE_OFFSET = 25
_IS_ANCILLARY = 0x20
"""Bit of the first letter of a chunk's name (w3.org/TR/png-3, 5.4)."""
_JPEG_LEAST_BYTES = ((0xE0, b"JFIF", 14), (0xEE, b"Adobe", 12), (0xE2, b"ICC_PROFILE\0", 15))
_GAIN_MAP = b"tmap"
"""Type of the item that joins a picture with its gain map."""
_METADATA_ITEMS, _NO_ITEM = (b"Exif", b"mime"), b"skip"
_WEBP_PIXELS = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_WEBP_ALPHA = 0x10
_WEBP_FLAGS = {0x20: b"ICCP", 0x08: b"EXIF", 0x04: b"XMP ", 0x02: b"ANMF"}
"""Bit of the first byte of VP8X -> chunk that it announces (developers.google.com/speed/webp)."""
_GIF_LOOP_NAMES = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def without_odd_metadata(source: bytes, form: str) -> Iterator[bytes]:
    """Yield the file without what is malformed, then without all metadata, as far as the format is known.

    Args:
        source: A file that cannot be opened.
        form: As `imagejobs_contract.wire.sniff` names it; nothing is yielded for BMP.
    """
    if strip := _STRIPPERS.get(form):
        for everything in (False, True):
            try:
                stripped = strip(source, everything)
            except (struct.error, IndexError):
                return
            if stripped != source:
                yield stripped


def _strip_png(source: bytes, everything: bool) -> bytes:
    """Drop ancillary chunks before the pixels; an animation with a malformed chunk becomes a still."""
    chunks, end = _png_chunks(source)
    is_sound = [_is_sound_chunk(source, *chunk) for chunk in chunks]
    names = [name for name, _, _ in chunks]
    broken = {name for name, sound in zip(names, is_sound, strict=True) if not sound}
    dropped = set() if b"acTL" in names and not (everything or broken & _PNG_ANIMATION) else _PNG_ANIMATION
    parts, at, is_head = [source[:8]], 8, True
    for (name, start, length), sound in zip(chunks, is_sound, strict=True):
        at = start + 12 + length
        is_head = is_head and name not in (b"IDAT", b"fdAT")
        odd = is_head and (not sound or (everything and name != b"tRNS"))
        if name not in dropped and not (odd and name[0] & _IS_ANCILLARY):
            parts.append(source[start:at])
    return b"".join([*parts, source[max(at, end) :]])


def _png_chunks(source: bytes) -> tuple[list[tuple[bytes, int, int]], int]:
    """Return name, offset and length of each chunk, and the offset behind the last one that is read."""
    chunks: list[tuple[bytes, int, int]] = []
    at = 8
    while at + 8 <= len(source) and len(chunks) < _MAX_PARTS:
        length, name = struct.unpack_from(">I4s", source, at)
        chunks.append((name, at, length))
        at += 12 + length
    return chunks, at


def _is_sound_chunk(source: bytes, name: bytes, start: int, length: int) -> bool:
    """Return whether an ancillary chunk has its checksum, its least length and a known compression."""
    if not name[0] & _IS_ANCILLARY or name == b"fdAT":
        return True
    body = source[start + 8 : start + 8 + length]
    least = _PNG_KEY_BYTES.get(source[_COLOUR_TYPE_OFFSET], 0) if name == b"tRNS" else 0
    checksum = struct.pack(">I", zlib.crc32(name + body))
    return (
        length >= _PNG_LEAST_BYTES.get(name, least)
        and source[start + 8 + length : start + 12 + length] == checksum
        and (name not in _PNG_NAMED or body[body.find(b"\0") : body.find(b"\0") + 2] == b"\0\0")
    )


def _strip_jpeg(source: bytes, everything: bool) -> bytes:
    """Drop application segments and comments; JFIF and Adobe's mark, which name the colours, if short."""
    parts, at = [source[:2]], 2
    for _ in range(_MAX_PARTS):
        marker, length = source[at + 1], struct.unpack_from(">H", source, at + 2)[0]
        if source[at] != 0xFF or marker == 0xDA or not 0xC0 <= marker <= 0xFE:
            break
        body = source[at + 4 : at + 2 + length]
        if marker < 0xE0 or not _is_odd_segment(marker, body, everything):
            parts.append(source[at : at + 2 + length])
        at += 2 + length
    return b"".join([*parts, source[at:]])


def _is_odd_segment(marker: int, body: bytes, everything: bool) -> bool:
    for known, name, least in _JPEG_LEAST_BYTES:
        if marker == known and body.startswith(name):
            return len(body) < least or (everything and marker == 0xE2)
    return everything


def _strip_gif(source: bytes, everything: bool) -> bytes:
    """Drop extensions before the first frame; times and loops only if they are malformed."""
    at = 13 + header.gif_colour_table_bytes(source, 10)
    parts = [source[:at]]
    for _ in range(_MAX_PARTS):
        if source[at] != 0x21:
            break
        end = header.skip_gif_blocks(source, at + 2)
        if not _is_odd_extension(source[at:end], everything):
            parts.append(source[at:end])
        at = end
    return b"".join([*parts, source[at:]])


def _is_odd_extension(extension: bytes, everything: bool) -> bool:
    if extension[1] == 0xF9:
        return len(extension) != 8 or extension[2] != 4
    if extension[1] == 0xFF and extension[3:14] in _GIF_LOOP_NAMES:
        return len(extension) < 19 or extension[14] < 3
    return everything


def _strip_heif(source: bytes, everything: bool) -> bytes:
    """Take the names off items that are not to be read: a gain map's and its brand's, then all metadata's."""
    start, end = next(find_boxes(source, b"meta", (0, len(source))), (0, 0))
    stripped = source[:end].replace(_GAIN_MAP, _NO_ITEM)
    if everything:
        first, last = next(find_boxes(source, b"iinf", (start + 4, end)), (0, 0))
        items = stripped[first:last]
        for name in _METADATA_ITEMS:
            items = items.replace(name, _NO_ITEM)
        stripped = stripped[:first] + items + stripped[last:]
    return stripped + source[end:]


def _strip_webp(source: bytes, everything: bool) -> bytes:
    """Build the container anew around pixels that are whole; flags and lengths are what they should be."""
    chunks: list[tuple[bytes, bytes]] = []
    at, lost = 12, b""
    while at + 8 <= len(source) and len(chunks) < _MAX_PARTS and not lost:
        name, length = struct.unpack_from("<4sI", source, at)
        body = source[at + 8 : at + 8 + length]
        if len(body) < length:
            lost = name
        elif not (everything and name not in _WEBP_PIXELS):
            chunks.append((name, body))
        at += 8 + length + length % 2
    names = {name for name, _ in chunks}
    may_lack_frames = b"ANMF" in names and at < 8 + struct.unpack_from("<I", source, 4)[0] and not lost
    if lost in _WEBP_PIXELS or may_lack_frames or not names & _WEBP_PIXELS:
        raise IndexError
    parts = [
        struct.pack("<4sI", name, len(body)) + body + bytes(len(body) % 2)
        for name, body in (
            (name, _with_flags(body, names) if name == b"VP8X" else body) for name, body in chunks
        )
    ]
    whole = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


def _with_flags(body: bytes, names: set[bytes]) -> bytes:
    """Return a header whose flags say which chunks the file has; that of transparency stays as it is."""
    flags = sum(flag for flag, name in _WEBP_FLAGS.items() if name in names)
    return bytes([body[0] & _WEBP_ALPHA | flags, 0, 0, 0]) + body[4:]


def _strip_tiff(source: bytes, everything: bool) -> bytes:
    """Drop entries whose data lie outside the file."""
    return tiff_directory.rewrite(source, pixels_only=everything)


_STRIPPERS: dict[str, Callable[[bytes, bool], bytes]] = {
    "jpeg": _strip_jpeg,
    "png": _strip_png,
    "gif": _strip_gif,
    "avif": _strip_heif,
    "heic": _strip_heif,
    "webp": _strip_webp,
    "tiff": _strip_tiff,
}
