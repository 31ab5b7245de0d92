"""Refuses PNGs whose pixels do not match their checksums, and reads on over faults behind the pixels.

Pillow looks at the checksums of all chunks before the pixels and at none from there on.
"""

import struct
import zlib

from PIL import ImageFile, PngImagePlugin

from imagejobs_worker.imaging.codecs import metadata

_PIXELS = frozenset({b"IDAT", b"fdAT"})
_MAX_CHUNKS = 2**20
_MAX_BELIEVED_FRAMES = 2**16
"""A file that announces more frames is left to the limit of frames, even if it has none."""
_FAULTS = (ValueError, SyntaxError, LookupError, TypeError, struct.error, zlib.error)
"""Errors of malformed metadata; an OSError says that the file ends too early."""


class ForgivingPng(PngImagePlugin.PngImageFile):
    """Pillow's opened PNG, except that malformed metadata behind the pixels ends the file."""

    def load_end(self) -> None:
        """Read what follows the pixels; Pillow calls this when all of them are decoded."""
        try:
            super().load_end()
        except _FAULTS:
            self._text = None


def allow_large_profiles() -> None:
    """Let Pillow inflate profiles and texts up to 4 MiB each; its own 1 MiB is less than press profiles have.

    All texts together stay below 64 MiB.
    """
    PngImagePlugin.MAX_TEXT_CHUNK = metadata.MAX_PROFILE_BYTES


def check_palette(image: ImageFile.ImageFile) -> None:
    """Refuse an opened PNG whose pixels are numbers of colours that it does not have.

    Raises:
        ValueError: It is so.
    """
    if image.mode == "P" and image.palette is None:
        raise ValueError("a palette is missing")


def check_animation(image: ImageFile.ImageFile, source: bytes) -> None:
    """Refuse an opened PNG that announces more frames than it has, or whose first is not the whole picture.

    Raises:
        ValueError: It is so; without the chunks of its animation the file is a still.
    """
    is_whole = image.info.get("bbox") in (None, (0, 0, *image.size))
    is_animated = 1 < getattr(image, "n_frames", 1) <= _MAX_BELIEVED_FRAMES
    if not is_whole or (is_animated and _lacks_frames(source)):
        raise ValueError("an animation without its frames")


def _lacks_frames(source: bytes) -> bool:
    """Return whether a file that is there to its end has fewer frames than it announces."""
    at, announced, found, is_open = 8, 0, 0, False
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(source):
            return found == 0 and not is_open and b"fcTL" not in source
        length, name = struct.unpack_from(">I4s", source, at)
        if name == b"acTL" and at + 12 <= len(source):
            (announced,) = struct.unpack_from(">I", source, at + 8)
        if name in _PIXELS and is_open:
            found, is_open = found + 1, False
        is_open |= name == b"fcTL"
        if name == b"IEND":
            return found < announced
        at += 12 + length
    return False


def check_pixels(source: bytes) -> None:
    """Check the checksum of every chunk of pixels; takes a hundredth of the time to decode them.

    Raises:
        ValueError: One is wrong or missing.
    """
    whole, at = memoryview(source), 8
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(source):
            return
        length, name = struct.unpack_from(">I4s", source, at)
        end = at + 8 + length
        if name in _PIXELS and source[end : end + 4] != struct.pack(">I", zlib.crc32(whole[at + 4 : end])):
            raise ValueError(f"a wrong checksum in {name.decode()}")
        if name == b"IEND":
            return
        at = end + 4
