"""Notices that a JPEG's scan ends too early or has bytes left over: libjpeg only warns, and Pillow is silent.

libjpeg fills a scan that an end marker cuts short with grey or old coefficients. Without the end marker it
waits for more bytes instead, so the marker is kept back, and libjpeg gets a few bytes of padding in its
place, which a complete scan does not need. That takes no second decoding. Holes in the middle are noticed if
the rest of the scan then has too many or too few bits. Holes between two restart markers, and in all but the
last scan of a progressive file, are left to `strict_jpeg`, which decodes such files where it is loaded. All
damage to arithmetic coding stays unnoticed.
"""

import re
import struct
from typing import Any

from PIL import Image, ImageFile
from PIL.Image import core as _core  # type: ignore[attr-defined]

from imagejobs_worker.imaging.soundness import strict_jpeg

CODEC = "watched_jpeg"
"""Name of the decoder in Pillow's registry."""
_HUFFMAN_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_PROGRESSIVE = 0xC2
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_START_OF_SCAN = 0xDA
_END = b"\xff\xd9"
_FIND_END = re.compile(_END)
"""Twice as fast as `bytes.find`."""
_ONES = b"\xff\x00"
"""One byte of ones as scans store it: no Huffman code consists of ones, so a block takes 17 of them."""
_HELD_BACK_BYTES = 16
"""If a picture is complete without its last 16 bytes, they do not belong to it; encoders align to less."""
_STEPS = 64
"""Bytes of ones that are tried: blocks with correction bits alone take less than 17 bits."""
_LOOK_AHEAD_BYTES = 8
"""libjpeg fills a buffer of 64 bits before it reads a code, and the last code needs that too."""
_ZEROS = bytes(_HELD_BACK_BYTES)
_PADDING = bytes(_LOOK_AHEAD_BYTES)
_MAX_SEGMENTS = 4096


def watch(image: ImageFile.ImageFile) -> None:
    """Make an opened JPEG notice damage when it is loaded; it must be read in one block."""
    if CODEC not in Image.DECODERS:
        Image.register_decoder(CODEC, WatchedDecoder)  # type: ignore[arg-type]
    image.tile = [
        tile._replace(codec_name=CODEC) if tile.codec_name == "jpeg" else tile for tile in image.tile
    ]


class WatchedDecoder:
    """Takes the place of Pillow's decoder for one picture; Pillow makes one per `load`, and cleans it up."""

    pulls_fd = False

    def __init__(self, *options: Any) -> None:
        self._options = options
        self._target: tuple[Any, ...] = ()
        self._decoder: Any = _core.jpeg_decoder(*options)

    def setimage(self, *target: Any) -> None:
        """Take the picture that is to be filled, and the box in it."""
        self._target = target
        self._decoder.setimage(*target)

    def cleanup(self) -> None:
        """Free libjpeg's memory."""
        self._decoder.cleanup()

    def decode(self, data: bytes) -> tuple[int, int]:
        """Decode a whole file, and return -1 and an error code as Pillow's decoders do.

        Raises:
            OSError: The file is damaged.
        """
        mode, raw_mode = self._options[:2]
        if (pixels := strict_jpeg.decode(data, mode, self._target[1][2:])) is not None:
            return self._fill(pixels, mode, raw_mode)
        scan = _find_first_scan(data)
        if scan is None:
            return self._feed(data)
        start, in_one_scan = scan
        end = len(data) - 2 if data.endswith(_END) else _find_end(data, start)
        if end < 0:
            return self._feed(data)
        if not in_one_scan and data[end - _HELD_BACK_BYTES : end] == _ZEROS:
            # A scan of corrections takes zeros for any number of blocks, so its end must lie before them.
            end = len(data[:end].rstrip(b"\0"))
        result, is_complete = self._decode_until(data, start, end, in_one_scan)
        if is_complete and result[0] >= 0:
            return self._feed(_END)
        if is_complete:
            return result
        return self._decode_again(data, start, in_one_scan)

    def _fill(self, pixels: Any, mode: str, raw_mode: str) -> tuple[int, int]:
        """Copy pixels that were decoded elsewhere into the picture."""
        self.cleanup()
        self._decoder = _core.raw_decoder(mode, raw_mode, 0, 1)
        self._decoder.setimage(*self._target)
        return self._feed(pixels)

    def _feed(self, data: bytes | memoryview) -> tuple[int, int]:
        used, error = self._decoder.decode(data)
        return used, error

    def _decode_again(self, data: bytes, start: int, in_one_scan: bool) -> tuple[int, int]:
        """Decode a file that seems to end early: without the padding or the further files behind its end."""
        end = _find_end(data, start)
        scan = data[start:end]
        wholes = (scan, scan.rstrip(b"\xff")) if in_one_scan else ()
        for bare in (*wholes, scan.rstrip(b"\0")):
            self.cleanup()
            self._decoder = _core.jpeg_decoder(*self._options)
            self._decoder.setimage(*self._target)
            result, is_complete = self._decode_until(data, start, start + len(bare), in_one_scan)
            if is_complete:
                return self._feed(_END) if result[0] >= 0 else result
        raise OSError("corrupt JPEG data: its picture has too few or too many bytes")

    def _decode_until(
        self, data: bytes, start: int, end: int, in_one_scan: bool
    ) -> tuple[tuple[int, int], bool]:
        """Decode up to an offset, and return the last answer and whether the picture ends exactly there.

        The answer's first number is negative if all rows are filled; of several scans none is yet.
        """
        held_back = max(start, end - _HELD_BACK_BYTES)
        used, error = self._feed(memoryview(data)[:held_back])
        if used < 0:
            return (used, error), error < 0
        rest = data[used:end]
        if in_one_scan:
            used, error = self._feed(rest + _PADDING)
            return (used, error), used < 0
        return self._end_last_scan(rest)

    def _end_last_scan(self, rest: bytes) -> tuple[tuple[int, int], bool]:
        """Feed ones byte by byte: between scans libjpeg skips each at once, within a block it needs more."""
        for step in range(_STEPS):
            used, error = self._feed(rest)
            if used < 0:
                return (used, error), error < 0
            rest = rest[used:]
            if step > _LOOK_AHEAD_BYTES and rest:
                return (used, error), False
            rest += _ONES
        return (0, 0), True


def _find_end(data: bytes, start: int) -> int:
    """Return the offset of the first end marker from `start` on; -1 without one."""
    found = _FIND_END.search(data, start)
    return found.start() if found else -1


def _find_first_scan(data: bytes) -> tuple[int, bool] | None:
    """Return the offset of the first coded byte, and whether one scan holds all components.

    None if the file is not coded by Huffman, or its segments cannot be followed; libjpeg then judges alone.
    """
    at, components = 2, 0
    try:
        for _ in range(_MAX_SEGMENTS):
            while data[at] != 0xFF or data[at + 1] in (0x00, 0xFF):
                at += 1
            marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
            if marker in _FRAMES:
                if marker not in _HUFFMAN_FRAMES:
                    return None
                components = 0 if marker == _PROGRESSIVE else data[at + 9]
            if marker == _START_OF_SCAN:
                return at + 2 + length, data[at + 4] == components
            at += 2 + length
    except (IndexError, struct.error):
        pass
    return None
