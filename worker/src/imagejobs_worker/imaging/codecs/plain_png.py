"""Decodes plain PNGs with `kornia-rs`: its decoder (the Rust crate `png`) takes half of Pillow's time.

It is also safe from memory errors. Optional (`imagejobs-worker[png]`). Plain are 8 bits of RGB or RGBA, not
interlaced, with nothing behind the pixels that Pillow would read, such as EXIF. Any other PNG, and any that
this decoder refuses, is left to Pillow, which also names the fault. Loading the decoder takes a quarter of a
second, most of it for numpy, so the zygote loads it only once it pays.
"""

import struct
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageFile

from imagejobs_worker.imaging.sizes import Size

_HEADER = struct.Struct(">I4sIIBBBBB")
_MODES = {2: "RGB", 6: "RGBA"}
"""PNG's colour types."""
_DEPTH_BITS = 8
_UNPLAIN_CHUNKS = frozenset({b"tRNS", b"acTL"})
"""A transparent colour, an animation."""
_MAX_CHUNKS = 2**16

_decoder: Callable[[bytes, tuple[int, int], str], Any] | None = None


def preload() -> None:
    """Load the decoder; no files are opened afterwards.

    Raises:
        ImportError: It is not installed.
    """
    global _decoder
    from kornia_rs.io import decode_image_png_u8

    _decoder = decode_image_png_u8


def load_plain(image: ImageFile.ImageFile, source: bytes) -> bool:
    """Decode an opened image if it is a plain PNG and the decoder is loaded; return whether it was decoded.

    The decoder has then checked all checksums of pixels.

    Args:
        image: Opened by Pillow and found within the limits.
        source: The file.
    """
    mode = _plain_mode(source) if _decoder and image.format == "PNG" else None
    if mode == image.mode and (pixels := decode(source, image.size, mode)):
        image.im = pixels.im
        image.tile = []
        return True
    return False


def decode(source: bytes, size: Size, mode: str) -> Image.Image | None:
    """Return the picture of a plain PNG, or None if the decoder is not loaded or refuses it."""
    if _decoder is None:
        return None
    try:
        pixels = _decoder(source, (size[1], size[0]), mode.lower())
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - a panic of Rust is no Exception
        return None
    return Image.frombytes(mode, size, memoryview(pixels))


def _plain_mode(source: bytes) -> str | None:
    """Return the mode of a plain PNG, or None if it is not plain."""
    try:
        *_, depth, colours, _, _, interlaced = _HEADER.unpack_from(source, 8)
        if depth != _DEPTH_BITS or interlaced or not _ends_with_pixels(source):
            return None
    except struct.error:
        return None
    return _MODES.get(colours)


def _ends_with_pixels(source: bytes) -> bool:
    """Return whether only the end follows the pixels, and no chunk before them changes their meaning."""
    at, before = 8, b""
    for _ in range(_MAX_CHUNKS):
        length, kind = struct.unpack_from(">I4s", source, at)
        if kind == b"IEND":
            return before == b"IDAT"
        if kind in _UNPLAIN_CHUNKS or (before == b"IDAT" and kind != b"IDAT"):
            return False
        at, before = at + 12 + length, kind
    return False
