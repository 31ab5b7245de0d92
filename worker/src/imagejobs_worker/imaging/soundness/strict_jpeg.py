"""Decodes JPEGs whose damage only libjpeg itself notices, by `simplejpeg`: it passes on libjpeg's warnings.

These are progressive files and files with restart markers, where a hole ends at the next scan or marker and
`jpeg_scans` sees nothing of it. The decoder is the one that Pillow has (libjpeg-turbo), so the pixels are the
same and no file is decoded twice. Optional (`imagejobs-worker[jpeg]`); without it `jpeg_scans` judges alone.
Loading it takes a quarter of a second, nearly all of it for numpy, so the zygote loads it for the first such
file.

libjpeg tells its first warning only, so it gets a file in which nothing harmless is left to warn of: of the
head only the tables and the frame, and no junk between them.
"""

import re
import struct
from collections.abc import Callable
from typing import Any

_SOI, _EOI, _SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"
_START_OF_SCAN, _RESTART_INTERVAL = 0xDA, 0xDD
_SEQUENTIAL, _PROGRESSIVE = frozenset({0xC0, 0xC1}), 0xC2
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_TABLES = frozenset({0xC4, 0xDB, _RESTART_INTERVAL})
"""Huffman tables, quantization tables, restart interval."""
_JFIF, _ADOBE = (0xE0, b"JFIF\0"), (0xEE, b"Adobe")
"""Segments that decide what the components mean."""
_WHOLE_SPECTRUM = b"\0\x3f\0"
"""The last bytes of a sequential scan's header. Some phones write others, which mean nothing there."""
_NO_SEGMENTS = frozenset({0x00, 0x01, *range(0xD0, 0xD8), 0xFF})
"""Second bytes of a stuffed byte, of markers without a segment, and of filling."""
_MAX_SEGMENTS = 4096
_DAMAGE = ("Corrupt JPEG data", "Premature end of JPEG file")
"""Beginnings of libjpeg's warnings about pixels (jerror.h)."""
_LEFT_OVER = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_MAX_ZEROS_OF_A_SCAN = 8
"""Zeros with which the coded data of a sound scan may end; more of them behind it are padding."""
_COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
"""Pillow's modes of a JPEG, as simplejpeg names them."""
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
"""By the number of components."""

_decode: Callable[..., Any] | None = None


class DamagedJpeg(OSError):
    """Raised when libjpeg warns of damaged pixels; the message is its own."""


def preload() -> None:
    """Load the decoder; no files are opened afterwards.

    Raises:
        ImportError: It is not installed.
    """
    global _decode
    from simplejpeg import decode_jpeg

    _decode = decode_jpeg


def is_wanted(source: bytes) -> bool:
    """Return whether a JPEG is progressive or has restart markers, by its head."""
    try:
        bare = _Bare(source)
    except (IndexError, struct.error):
        return False
    return bare.frame == _PROGRESSIVE or (bare.frame in _SEQUENTIAL and bare.has_restarts)


def decode(source: bytes, mode: str, size: tuple[int, int]) -> Any:
    """Return the pixels of a wanted JPEG as a buffer, row by row; None if that is left to Pillow.

    Args:
        source: The file.
        mode: L, RGB or CMYK.
        size: Pixels: those of the file or of one of its smaller scales.

    Raises:
        DamagedJpeg: libjpeg warned of damaged pixels.
    """
    if _decode is None or mode not in _COLOUR_SPACES or not is_wanted(source):
        return None
    return _decode_bare(_decode, _Bare(source).file(), mode, size)


def check(source: bytes) -> None:
    """Decode a JPEG of any kind at an eighth, only to hear of damage; nothing without the decoder.

    Raises:
        DamagedJpeg: libjpeg warned of damaged pixels.
    """
    try:
        bare = _Bare(source)
    except (IndexError, struct.error):
        return
    if _decode is not None and bare.mode:
        _decode_bare(_decode, bare.file(), bare.mode, (1, 1))


def _decode_bare(
    decoder: Callable[..., Any], file: bytes, mode: str, size: tuple[int, int], is_cut: bool = False
) -> Any:
    width, height = size
    try:
        pixels = decoder(file, _COLOUR_SPACES[mode], min_width=width, min_height=height)
    except ValueError as ex:
        warning = str(ex)
    else:
        return pixels if pixels.shape[:2] == (height, width) else None
    if not warning.startswith(_DAMAGE):
        return None
    if not is_cut and (end := _end_without_padding(file, warning)):
        return _decode_bare(decoder, file[:end] + _EOI, mode, size, is_cut=True)
    raise DamagedJpeg(warning[:1].lower() + warning[1:])


def _end_without_padding(file: bytes, warning: str) -> int:
    """Return where the last scan ends if zeros lie between it and the end marker; 0 if something else does.

    A tail of the picture that became zeros leaves zeros over as well, but libjpeg takes many of them for
    codes before its picture is full.
    """
    found = _LEFT_OVER.match(warning)
    if not found:
        return 0
    left_over = int(found[1])
    body = file[: file.find(_EOI, file.find(_SCAN))]
    zeros = len(body) - len(body.rstrip(b"\0"))
    return len(body) - left_over if 0 <= zeros - left_over <= _MAX_ZEROS_OF_A_SCAN else 0


class _Bare:
    """The head of a JPEG without metadata and junk, and what it says of the scans behind it.

    Attributes:
        frame: The marker of the frame header; 0 without one.
        mode: L, RGB or CMYK, by the number of components; empty for another number.
        has_restarts: Whether the head names a restart interval.
    """

    def __init__(self, source: bytes) -> None:
        """Walk the head.

        Raises:
            IndexError, struct.error: It has no scan.
        """
        self._source = source
        self.frame, self.mode, self.has_restarts = 0, "", False
        self._head = [_SOI]
        self._scan_at = self._walk()

    def file(self) -> bytes:
        """Return the bare head and all that follows it, as it is."""
        (length,) = struct.unpack_from(">H", self._source, self._scan_at + 2)
        begin = self._scan_at + 2 + length
        scan_header = self._source[self._scan_at : begin]
        if self.frame in _SEQUENTIAL:
            scan_header = scan_header[: -len(_WHOLE_SPECTRUM)] + _WHOLE_SPECTRUM
        return b"".join((*self._head, scan_header, memoryview(self._source)[begin:]))

    def _walk(self) -> int:
        """Collect the segments up to the first scan, and return its offset."""
        source, at = self._source, 2
        for _ in range(_MAX_SEGMENTS):
            while source[at] != 0xFF or source[at + 1] in _NO_SEGMENTS:
                at += 1
            marker, (length,) = source[at + 1], struct.unpack_from(">H", source, at + 2)
            if marker == _START_OF_SCAN:
                return at
            if marker in _FRAMES:
                self.frame, self.mode = marker, _MODES.get(source[at + 9], "")
            self.has_restarts |= marker == _RESTART_INTERVAL and source[at + 4 : at + 6] != b"\0\0"
            if marker in _FRAMES | _TABLES or any(
                marker == kind and source.startswith(name, at + 4) for kind, name in (_JFIF, _ADOBE)
            ):
                self._head.append(source[at : at + 2 + length])
            at += 2 + length
        raise IndexError
