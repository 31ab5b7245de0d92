"""Puts EXIF into a compressed TIFF: libtiff, which compresses for Pillow, writes none of its directories."""

import struct

from PIL import Image

_ENTRY_BYTES = 12
_HEADS = len(b"Exif\0\0") + 8


def add_exif(tiff: bytes, exif: bytes) -> bytes:
    """Return a little-endian classic TIFF with the tags of EXIF beside its own.

    The directory of both is written behind the file; the old one stays as unused bytes.

    Args:
        tiff: Written by Pillow, of one picture.
        exif: As a JPEG holds it.
    """
    tags = Image.Exif()
    tags.load(exif)
    tags.endian = "<"
    tiff += bytes(len(tiff) % 2)
    added = tags.tobytes(offset=len(tiff))[_HEADS:]
    entries = _read_entries(added, 0) | _read_entries(tiff, *struct.unpack_from("<I", tiff, 4))
    added += bytes(len(added) % 2)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return tiff[:4] + struct.pack("<I", len(tiff) + len(added)) + tiff[8:] + added + directory


def _read_entries(data: bytes, at: int) -> dict[int, bytes]:
    """Return the entries of a directory by their tags."""
    (count,) = struct.unpack_from("<H", data, at)
    starts = range(at + 2, at + 2 + _ENTRY_BYTES * count, _ENTRY_BYTES)
    return {struct.unpack_from("<H", data, start)[0]: data[start : start + _ENTRY_BYTES] for start in starts}
