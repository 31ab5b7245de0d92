"""Rewrites BMPs that Pillow does not read, or reads slowly, as plain ones: bit fields and run lengths.

Pillow knows a few layouts of bit fields only, drops the alpha of 16 bits, and decodes runs in microseconds
each.
"""

import struct
from typing import NamedTuple

from PIL import Image, ImageChops

from imagejobs_worker.imaging.sizes import Size

_FILE_BYTES = 14
_MIN_HEADER_BYTES = 12
"""Of the oldest header, OS/2 1.x's."""
_PLAIN, _RLE8, _RLE4, _BIT_FIELDS, _ALPHA_BIT_FIELDS = 0, 1, 2, 3, 6
_TWO_BITS = 2
_PLANES = {16: "LA", 32: "RGBA"}
"""Bits of a pixel -> mode whose bands are the bytes of a pixel."""
_KNOWN_MASKS = {
    (16, (0xF800, 0x7E0, 0x1F, 0)),
    (16, (0x7C00, 0x3E0, 0x1F, 0)),
    (32, (0xFF0000, 0xFF00, 0xFF, 0)),
    (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
}
"""Layouts that Pillow reads as they are meant."""


class _Header(NamedTuple):
    offset: int
    header_bytes: int
    width: int
    height: int
    bits: int
    compression: int
    colours: int

    @property
    def size(self) -> Size:
        """Return the pixels; a negative height says that the rows begin at the top."""
        return self.width, abs(self.height)


def rewrite(source: bytes) -> bytes:
    """Return a BMP as a plain one that Pillow reads, or as it is.

    Args:
        source: A BMP within the limits of pixels.

    Raises:
        ValueError: The runs end before the picture is full, or the header has no bytes.
        struct.error: The header is cut.
    """
    head = (
        _Header(*struct.unpack_from("<II", source, 10), *struct.unpack_from("<iixxHI12xI", source, 18))
        if len(source) >= 54
        else None
    )
    if head and head.header_bytes < _MIN_HEADER_BYTES:
        raise ValueError(f"header of {head.header_bytes} bytes")
    if head is None or head.header_bytes < 40 or head.width < 1:
        return source
    if head.compression in (_RLE8, _RLE4) and head.bits == (8 if head.compression == _RLE8 else 4):
        return _with_plain_rows(source, head)
    if head.compression == _PLAIN and head.bits == _TWO_BITS:
        return _with_bytes(source, head)
    if head.compression in (_BIT_FIELDS, _ALPHA_BIT_FIELDS) and head.bits in _PLANES:
        masks = _read_masks(source, head)
        is_known = head.compression == _BIT_FIELDS and (head.bits, masks) in _KNOWN_MASKS
        if not is_known and any(masks[:3]) and max(masks) < 2**head.bits:
            return _with_plain_colours(source, head, masks)
    return source


def _read_masks(source: bytes, head: _Header) -> tuple[int, int, int, int]:
    """Return the masks of red, green, blue and alpha; they stand at the same place in all headers."""
    has_alpha = head.header_bytes >= 56 or head.compression == _ALPHA_BIT_FIELDS
    red, green, blue, alpha = struct.unpack_from("<4I", source, _FILE_BYTES + 40)
    return red, green, blue, alpha if has_alpha else 0


def _with_plain_colours(source: bytes, head: _Header, masks: tuple[int, int, int, int]) -> bytes:
    mode, stride = _PLANES[head.bits], (head.width * head.bits + 31) // 32 * 4
    planes = Image.frombytes(
        mode, head.size, source[head.offset :], "raw", mode, stride, -1 if head.height > 0 else 1
    ).split()
    red, green, blue = (_extract(planes, mask) if mask else Image.new("L", head.size) for mask in masks[:3])
    alpha = _extract(planes, masks[3]) if masks[3] else Image.new("L", head.size, 255)
    pixels = Image.merge("RGBA", (red, green, blue, alpha)).tobytes("raw", "BGRA")
    fields = (0xFF0000, 0xFF00, 0xFF, 0xFF000000 if masks[3] else 0)
    new = struct.pack(
        "<IiiHHIIiiII", 108, head.width, -head.size[1], 1, 32, _BIT_FIELDS, len(pixels), 0, 0, 0, 0
    )
    new += struct.pack("<4I", *fields) + bytes(52)
    return _file_head(len(new), len(pixels)) + new + pixels


def _extract(planes: tuple[Image.Image, ...], mask: int) -> Image.Image:
    """Return a field of all pixels as 8 bits: its highest bits if it has more."""
    low = (mask & -mask).bit_length() - 1
    width = (mask >> low).bit_length()
    cut = max(0, width - 8)
    highest = (mask >> low + cut) or 1
    field = Image.new("L", planes[0].size)
    for n, plane in enumerate(planes):
        part = mask >> 8 * n & 0xFF
        if part:
            shift = 8 * n - low - cut
            table = [
                ((value & part) << shift if shift >= 0 else (value & part) >> -shift) & 0xFF
                for value in range(256)
            ]
            field = ImageChops.add(field, plane.point(table))
    return field.point([min(255, (value * 255 + highest // 2) // highest) for value in range(256)])


def _with_plain_rows(source: bytes, head: _Header) -> bytes:
    """Return a file of runs with a byte per pixel."""
    width, height = head.size
    rows = _unpack_runs(source[head.offset :], width, height, packed=head.compression == _RLE4)
    return _with_rows(source, head, rows)


def _with_bytes(source: bytes, head: _Header) -> bytes:
    """Return a file of four pixels per byte with a byte per pixel.

    Raises:
        ValueError: It is cut.
    """
    width, height = head.size
    stride = (2 * width + 31) // 32 * 4
    packed = source[head.offset : head.offset + stride * height]
    if len(packed) < stride * height:
        raise ValueError("the file ends before the picture is full")
    # As a row of bytes; each of the four pixels of a byte is found by a table of its own.
    bands = [packed.translate(bytes(value >> shift & 3 for value in range(256))) for shift in (6, 4, 2, 0)]
    pixels = Image.merge("RGBA", [Image.frombytes("L", (stride, height), band) for band in bands]).tobytes()
    rows = Image.frombytes("L", (4 * stride, height), pixels).crop((0, 0, width, height)).tobytes()
    return _with_rows(source, head, rows)


def _with_rows(source: bytes, head: _Header, rows: bytes) -> bytes:
    """Return the file with these rows of a byte per pixel, and its own palette."""
    palette_at = _FILE_BYTES + head.header_bytes
    colours = min(head.colours or 1 << head.bits, 256)
    palette = source[palette_at : palette_at + 4 * colours].ljust(1024, b"\0")
    width = head.width
    stride = (width + 3) // 4 * 4
    if stride != width:
        pad = bytes(stride - width)
        rows = b"".join(rows[at : at + width] + pad for at in range(0, len(rows), width))
    new = struct.pack("<IiiHHIIiiII", 40, width, head.height, 1, 8, 0, len(rows), 0, 0, 256, 0)
    return _file_head(len(new) + len(palette), len(rows)) + new + palette + rows


def _unpack_runs(data: bytes, width: int, height: int, *, packed: bool) -> bytes:
    """Return width x height indices, the lowest row first; what the runs skip is 0.

    Args:
        data: Pairs of count and value, and escapes.
        width: Pixels.
        height: Pixels.
        packed: A byte has two indices (RLE4).

    Raises:
        ValueError: The data ends without its end mark, and before the last row.
    """
    pairs = [
        bytes((value >> 4, value & 15)) * 128 if packed else bytes((value,)) * 256 for value in range(256)
    ]
    rows: list[bytes] = []
    row = bytearray()
    at, end = 0, len(data) - 1
    while at < end and len(rows) < height:
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            if len(row) < width:
                row += pairs[value][:count]
        elif value == 0:
            rows.append(bytes(row[:width]).ljust(width, b"\0"))
            row = bytearray()
        elif value == 1:
            break
        elif value == 2:
            across, down = data[at : at + 2].ljust(2, b"\0")
            at += 2
            column = min(len(row) + across, width)
            for _ in range(min(down, height - len(rows))):
                rows.append(bytes(row[:width]).ljust(width, b"\0"))
                row = bytearray()
            row = row.ljust(column, b"\0")
        else:
            used = (value + 1) // 2 if packed else value
            row += (
                b"".join(pairs[each][:2] for each in data[at : at + used])[:value]
                if packed
                else data[at : at + used]
            )
            at += used + used % 2
    else:
        if len(rows) < height - 1 or (len(rows) < height and len(row) < width):
            raise ValueError("the runs end before the picture is full")
    whole = b"".join(rows) + (bytes(row[:width]).ljust(width, b"\0") if len(rows) < height else b"")
    return whole.ljust(width * height, b"\0")


def _file_head(header_bytes: int, pixel_bytes: int) -> bytes:
    offset = _FILE_BYTES + header_bytes
    return b"BM" + struct.pack("<IHHI", offset + pixel_bytes, 0, 0, offset)
