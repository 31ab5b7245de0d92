"""Reads and sets the loop count of an animated AVIF; Pillow does neither.

It is in the boxes of the file's tracks (ISO/IEC 14496-12): an edit list says whether the frames are repeated,
and the track's duration until when.
"""

import struct
from collections.abc import Iterator

Span = tuple[int, int]
"""Offsets at which the body of a box begins and ends."""

_TRACK = (b"moov", b"trak")
_MAX_BOXES = 100
"""Boxes of one level that are read; an AVIF has a handful."""
_REPEATED_FLAG = 1
"""A flag of the edit list."""
_DURATION_OFFSETS = {b"mvhd": (16, 24), b"tkhd": (20, 28), b"elst": (8, 8)}
"""Offsets of the duration in these boxes: in version 0, with 4 bytes, and in version 1, with 8."""


def read_loop_count(data: bytes) -> int:
    """Return the loop count of an AVIF's first track, 0 for ever; 0 too if unreadable, as in browsers."""
    try:
        (edits, _), (track, _) = (
            next(_find_boxes(data, (*_TRACK, b"edts", b"elst"))),
            next(_find_boxes(data, (*_TRACK, b"tkhd"))),
        )
        if not data[edits + 3] & _REPEATED_FLAG:
            return 1
        once, whole = _read_duration(data, b"elst", edits), _read_duration(data, b"tkhd", track)
    except (StopIteration, struct.error, IndexError):
        return 0
    return -(-whole // once) if whole and once else 0


def set_loop_count(data: bytes, loop_count: int) -> bytes:
    """Return an AVIF with another loop count; as Pillow writes it, it plays for ever.

    Args:
        data: The file, written by Pillow.
        plays: 0 for ever.
    """
    if not loop_count:
        return data
    changed = bytearray(data)
    edits = [start for start, _ in _find_boxes(data, (*_TRACK, b"edts", b"elst"))]
    for start in edits:
        changed[start + 3] = 0 if loop_count == 1 else _REPEATED_FLAG
    once = [struct.unpack_from(">Q", data, start + _DURATION_OFFSETS[b"elst"][1])[0] for start in edits]
    for kind, path in ((b"mvhd", _TRACK[:1]), (b"tkhd", _TRACK)):
        for start, _ in _find_boxes(data, (*path, kind)):
            struct.pack_into(
                ">Q", changed, start + _DURATION_OFFSETS[kind][1], loop_count * max(once, default=0)
            )
    return bytes(changed)


def _read_duration(data: bytes, kind: bytes, box: int) -> int | None:
    """Return a duration in the movie's units, or None for ever."""
    newer = bool(data[box])
    found = int(struct.unpack_from(">Q" if newer else ">I", data, box + _DURATION_OFFSETS[kind][newer])[0])
    return None if found == (2**64 - 1 if newer else 2**32 - 1) else found


def _find_boxes(data: bytes, path: tuple[bytes, ...], within: Span | None = None) -> Iterator[Span]:
    """Yield the bodies of all boxes at this path."""
    at, end = within or (0, len(data))
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        # A box to the end of the file, or one of more than 4 GB: neither comes before the tracks.
        if length < 8:
            return
        span = (at + 8, min(at + length, end))
        if kind == path[0]:
            yield from _find_boxes(data, path[1:], span) if path[1:] else [span]
        at += length
