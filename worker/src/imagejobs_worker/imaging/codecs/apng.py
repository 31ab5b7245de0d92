"""Splits an APNG into its frames, each a PNG of its own (w3.org/TR/png-3, 11.3.6)."""

import struct
import zlib
from collections.abc import Iterator

from imagejobs_worker.imaging.codecs.canvas import Disposal, PartialFrame
from imagejobs_worker.imaging.sizes import Size

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CONTROL = struct.Struct(">4xIIIIHHBB")
_DISPOSALS = {1: Disposal.CLEAR, 2: Disposal.RESTORE}
_BLEND_OVER = 1
_SHARED_CHUNKS = frozenset({b"PLTE", b"tRNS"})
"""Chunks that define the meaning of the values in every frame."""
_DEFAULT_DELAY_DENOMINATOR = 100
"""Parts of a second that a delay counts if its denominator is 0."""


def partial_frames(data: bytes, size: Size) -> Iterator[PartialFrame]:
    """Yield the frames of an APNG, without a fallback picture for old viewers that is not a frame.

    Raises:
        ValueError: A frame extends beyond the canvas.
    """
    shape, head, control = b"", b"", b""
    pixels: list[bytes] = []
    for kind, body in _chunks(data):
        if kind == b"IHDR":
            shape = body[8:]
        elif kind in _SHARED_CHUNKS:
            head += _chunk(kind, body)
        elif kind in (b"fcTL", b"IEND"):
            if pixels:
                yield _partial_frame(control, shape, head, pixels, size)
            control, pixels = body, []
        elif control and kind in (b"IDAT", b"fdAT"):
            pixels.append(body if kind == b"IDAT" else body[4:])


def _partial_frame(
    control: bytes, shape: bytes, head: bytes, pixels: list[bytes], size: Size
) -> PartialFrame:
    width, height, left, top, delay, unit, disposal, blend = _CONTROL.unpack(control)
    if left + width > size[0] or top + height > size[1]:
        raise ValueError(
            f"a frame reaches to {left + width},{top + height} on a canvas of {size[0]}x{size[1]}"
        )
    file = (
        _SIGNATURE
        + _chunk(b"IHDR", struct.pack(">II", width, height) + shape)
        + head
        + _chunk(b"IDAT", b"".join(pixels))
        + _chunk(b"IEND", b"")
    )
    return PartialFrame(
        "PNG",
        file,
        (left, top),
        1000 * delay / (unit or _DEFAULT_DELAY_DENOMINATOR),
        _DISPOSALS.get(disposal, Disposal.KEEP),
        blend == _BLEND_OVER,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
