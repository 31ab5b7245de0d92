"""Takes out of a file what is not its picture, without decoding it: metadata, previews, what lies behind.

It only takes out. Whether the rest is bare is decided by `bare`, which knows what a picture needs. Bytes
inside the compressed pixels stay as they are. Pure.
"""

import struct
from collections.abc import Callable

from imagejobs_worker.imaging.codecs import bare, header

_KEPT_SEGMENTS = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD})
"""Frames, Huffman tables, quantization tables, restart interval."""
_KEPT_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})
_COLOUR_CHUNKS = frozenset({b"sRGB", b"gAMA", b"cHRM", b"cICP", b"mDCV", b"cLLI"})
"""They stay: they decide how the pixels look. `bare` refuses those that do not mean sRGB."""
_AVIF_BOXES = frozenset({b"ftyp", b"meta", b"mdat", b"moov"})
_VP8X_METADATA_BITS = 0x20 | 0x08 | 0x04
"""Of the flags of a WebP: a profile, EXIF and XMP (developers.google.com/speed/webp/docs/riff_container)."""


def strip(data: bytes, form: str) -> bytes:
    """Return the file without metadata, without a colour profile, and cut at its end.

    Args:
        data: A file that was decoded without an error, upright and in sRGB as its pixels are.
        form: As `imagejobs_contract.wire.sniff` names it; other formats than those below stay as they are.
    """
    return _call(_STRIPPERS, data, form)


def cut(data: bytes, form: str) -> bytes:
    """Return the file with its metadata, cut at its end."""
    return _call(_CUTTERS, data, form)


def _call(by_format: dict[str, Callable[[bytes], bytes]], data: bytes, form: str) -> bytes:
    change = by_format.get(form)
    try:
        return data if change is None else change(data)
    except (struct.error, IndexError, ValueError):
        return data


def _strip_jpeg(data: bytes) -> bytes:
    return _walk_jpeg(data, _is_needed_segment)


def _cut_jpeg(data: bytes) -> bytes:
    return _walk_jpeg(data, lambda marker, body: True)


def _walk_jpeg(data: bytes, is_kept: Callable[[int, bytes], bool]) -> bytes:
    """Return the file up to its end mark, with the segments that are kept and all scans."""
    out, at = [data[:2]], 2
    while data[at + 1] != 0xD9:
        marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        if data[at] != 0xFF or length < 2:
            raise ValueError
        end = at + 2 + length
        if marker == 0xDA:
            end = bare.end_of_scan(data, end)
            out.append(data[at:end])
        elif is_kept(marker, data[at + 4 : end]):
            out.append(data[at:end])
        at = end
        while data[at + 1] == 0xFF:
            at += 1  # a marker may begin with any number of these
    return b"".join([*out, b"\xff\xd9"])


def _is_needed_segment(marker: int, body: bytes) -> bool:
    return marker in _KEPT_SEGMENTS or bare.is_plain_segment(marker, body)


def _strip_png(data: bytes) -> bytes:
    chunks = _png_chunks(data)
    kept = _KEPT_CHUNKS | _COLOUR_CHUNKS
    return data[:8] + b"".join(chunk for kind, chunk in chunks if kind in kept)


def _cut_png(data: bytes) -> bytes:
    return data[:8] + b"".join(chunk for _, chunk in _png_chunks(data))


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, at, kind = [], 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        chunks.append((kind, data[at : at + 12 + length]))
        at += 12 + length
    return chunks


def _strip_gif(data: bytes) -> bytes:
    return _walk_gif(data, bare.is_plain_extension)


def _cut_gif(data: bytes) -> bytes:
    return _walk_gif(data, lambda extension: True)


def _walk_gif(data: bytes, is_kept: Callable[[bytes], bool]) -> bytes:
    begin = at = 13 + header.gif_colour_table_bytes(data, 10)
    out = [data[:begin]]
    while data[at] != 0x3B:
        if data[at] == 0x2C:
            end = header.skip_gif_blocks(data, at + 11 + header.gif_colour_table_bytes(data, at + 9))
        elif data[at] == 0x21:
            end = header.skip_gif_blocks(data, at + 2)
        else:
            raise ValueError
        if data[at] == 0x2C or is_kept(data[at:end]):
            out.append(data[at:end])
        at = end
    return b"".join([*out, b";"])


def _strip_webp(data: bytes) -> bytes:
    kept, at = [], 12
    while at < _webp_end(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        chunk = data[at : at + 8 + length + length % 2]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_VP8X_METADATA_BITS]) + chunk[9:]
        if kind in bare.WEBP_PICTURE:
            kept.append(chunk)
        at += 8 + length + length % 2
    if len(kept) == 2 and kept[0][:4] == b"VP8X":
        del kept[0]  # it told of metadata only: a still without alpha needs no such chunk
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _cut_webp(data: bytes) -> bytes:
    return data[: _webp_end(data)]


def _webp_end(data: bytes) -> int:
    length = int.from_bytes(data[4:8], "little")
    return min(len(data), 8 + length + length % 2)


def _cut_avif(data: bytes) -> bytes:
    """Return the file up to the last box that is one of a picture's."""
    at = end = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if length < 8:
            break
        at += length
        end = at if kind in _AVIF_BOXES else end
    return data[:end]


_STRIPPERS: dict[str, Callable[[bytes], bytes]] = {
    "jpeg": _strip_jpeg,
    "png": _strip_png,
    "gif": _strip_gif,
    "webp": _strip_webp,
}
_CUTTERS: dict[str, Callable[[bytes], bytes]] = {
    "jpeg": _cut_jpeg,
    "png": _cut_png,
    "gif": _cut_gif,
    "webp": _cut_webp,
    "avif": _cut_avif,
}
"""AVIF and TIFF point into themselves by offsets: nothing is taken out of them."""
