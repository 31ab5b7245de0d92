"""Notices damaged pixels of TIFFs that are coded by fax or by JPEG: libtiff goes on, and Pillow is silent.

Of a bad fax code libtiff only prints a line to standard error (`Fax4Decode: Bad code word at line 330`),
which is read here. Of JPEG it passes no warning on, so each strip or tile is decoded once more, at an eighth,
by `strict_jpeg`. Fax codes that fit again after damage stay unnoticed, above all those of Group 3, which
begins anew at each line.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from imagejobs_worker.imaging.soundness import strict_jpeg

if TYPE_CHECKING:
    from PIL import ImageFile

_COMPRESSION, _JPEG_TABLES = 259, 347
_JPEG = 7
_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT, _STRIP_ROWS = 256, 257, 322, 323, 278
_SAMPLES, _PLANES, _SEPARATE = 277, 284, 2
_OFFSETS, _LENGTHS = (273, 324), (279, 325)
"""Of strips and of tiles."""
_JPEG_HEADS = tuple(b"\xff\xd8\xff" + marker for marker in (b"\xc0", b"\xc4", b"\xdb", b"\xe0", b"\xee"))
"""How the strips begin, or the tables that they share."""
_FAX_DAMAGE = re.compile(rb"^Fax\w+: Bad code word at line \d+", re.MULTILINE)
"""Of what libtiff prints; the rest is about metadata, or ends as an error anyway."""
_STANDARD_ERROR = 2
_MAX_BYTES = 65_536
"""What a pipe holds; libtiff drops what does not fit."""

_printed: int | None = None


def listen() -> None:
    """Collect what libraries print to standard error, for `check_load`; in a process that only decodes.

    Without it damaged fax codes are not noticed.
    """
    global _printed
    _printed, writer = os.pipe()
    for end in (_printed, writer):
        os.set_blocking(end, False)
    os.dup2(writer, _STANDARD_ERROR)
    os.close(writer)


def has_jpeg(source: bytes) -> bool:
    """Return whether a TIFF may hold JPEGs, for which `strict_jpeg` must be loaded."""
    return any(head in source for head in _JPEG_HEADS)


@contextlib.contextmanager
def check_load(image: "ImageFile.ImageFile", source: bytes) -> Iterator[None]:
    """Raise if the file is a TIFF, and pixels are damaged that the block loads.

    Raises:
        OSError: They are; the message is libtiff's or libjpeg's own.
    """
    tags = dict(getattr(image, "tag_v2", {}))
    _read_printed()
    yield
    if not tags:
        return
    if damage := _FAX_DAMAGE.search(_read_printed()):
        raise OSError(damage[0].decode())
    if tags.get(_COMPRESSION) == _JPEG:
        for jpeg in islice(_read_jpegs(tags, source), _count_pieces(tags)):
            strict_jpeg.check(jpeg)


def _read_printed() -> bytes:
    if _printed is None:
        return b""
    try:
        return os.read(_printed, _MAX_BYTES)
    except BlockingIOError:
        return b""


def _count_pieces(tags: Mapping[int, Any]) -> int:
    """Return how many strips or tiles the picture has; a hostile file lists more, which nobody decodes."""
    width, height = tags[_WIDTH], tags[_HEIGHT]
    across, down = tags.get(_TILE_WIDTH, width), tags.get(_TILE_HEIGHT, tags.get(_STRIP_ROWS, height))
    planes = tags.get(_SAMPLES, 1) if tags.get(_PLANES) == _SEPARATE else 1
    return int(planes * -(-width // max(1, across)) * -(-height // max(1, down)))


def _read_jpegs(tags: Mapping[int, Any], source: bytes) -> Iterator[bytes]:
    """Return the strips or tiles as whole JPEGs: with the tables that they share."""
    tables = tags.get(_JPEG_TABLES, b"")
    offsets, lengths = (
        chain.from_iterable(tags.get(tag, ()) for tag in each) for each in (_OFFSETS, _LENGTHS)
    )
    for offset, length in zip(offsets, lengths, strict=False):
        strip = source[offset : offset + length]
        yield tables[:-2] + strip[2:] if tables else strip
