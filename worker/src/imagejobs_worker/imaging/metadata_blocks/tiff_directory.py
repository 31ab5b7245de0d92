"""Rewrites the first directory of a TIFF (TIFF 6.0, section 2; BigTIFF) as a classic one that is sound.

Pillow does not read a BigTIFF whose numbers have their highest byte first, and stops at an entry whose data
lie outside the file. Pixels stay at their places. Pure; bounded, because the file may be hostile.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_BIG = 43
_MAX_ENTRIES = 4096
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SHORT, _LONG, _BIG_TYPES = 3, 4, {16: "Q", 17: "q", 18: "Q"}
"""Numbers of 64 bits, which only a BigTIFF has."""
_INLINE_BYTES = 4
_POINTERS = frozenset({330, 34_665, 34_853, 40_965})
"""To further directories; in a BigTIFF these are big too."""
_PIXELS = frozenset(
    {
        *range(254, 260),
        262,
        266,
        273,
        *range(277, 280),
        284,
        292,
        293,
        317,
        320,
        *range(322, 326),
        332,
        334,
        338,
    }
    | {339, 347, *range(512, 522), 529, 530, 532}
)
"""Tags without which the pixels cannot be read as they are meant."""
_RAW = frozenset({330, 50_706})
"""Tags by which a raw photo is known: further directories, and the version of DNG."""


class _Entry(NamedTuple):
    tag: int
    kind: int
    values: int
    data: bytes


def is_big_endian_bigtiff(source: bytes) -> bool:
    """Return whether a file begins as the one kind of TIFF whose header Pillow does not read."""
    return source[:4] == b"MM\0\x2b"


def rewrite(source: bytes, *, pixels_only: bool = False, values: Mapping[int, int] | None = None) -> bytes:
    """Return a TIFF with a new directory behind its end: a classic one, without entries that cannot be read.

    Args:
        source: A TIFF.
        pixels_only: Metadata is left out too.
        values: Tag -> number of 16 bits, in place of what the file has.

    Raises:
        struct.error: There is no directory.
    """
    order = ">" if source[:2] == b"MM" else "<"
    is_big = struct.unpack_from(f"{order}H", source, 2)[0] == _BIG
    entries = [
        entry
        for entry in _read(source, order, is_big=is_big)
        if not (is_big and entry.tag in _POINTERS)
        and (not pixels_only or entry.tag in _PIXELS or entry.tag in _RAW)
    ]
    new = values or {}
    entries = [entry for entry in entries if entry.tag not in new]
    entries += [_Entry(tag, _SHORT, 1, struct.pack(f"{order}H", value)) for tag, value in new.items()]
    return _write(source, order, sorted(entries))


def _read(source: bytes, order: str, *, is_big: bool) -> Iterator[_Entry]:
    """Yield the sound entries of the first directory."""
    layout, number, word, head = ("HHQ", "Q", "Q", 8) if is_big else ("HHI", "H", "I", 4)
    (at,) = struct.unpack_from(f"{order}{word}", source, head)
    (count,) = struct.unpack_from(f"{order}{number}", source, at)
    at += struct.calcsize(f"{order}{number}")
    inline = struct.calcsize(f"{order}{word}")
    entry_bytes = struct.calcsize(f"{order}{layout}") + inline
    for _ in range(min(count, _MAX_ENTRIES)):
        if at + entry_bytes > len(source):
            return
        tag, kind, values = struct.unpack_from(f"{order}{layout}", source, at)
        length = values * (8 if kind in _BIG_TYPES else _TYPE_BYTES.get(kind, 0))
        place = at + entry_bytes - inline
        if length > inline:
            (place,) = struct.unpack_from(f"{order}{word}", source, place)
        data = source[place : place + length]
        if 0 < length == len(data):
            yield _narrow(_Entry(tag, kind, values, data), order)
        at += entry_bytes


def _narrow(entry: _Entry, order: str) -> _Entry:
    """Return an entry without numbers of 64 bits; offsets in a file that is here have 32 at most."""
    if entry.kind not in _BIG_TYPES:
        return entry
    wide = struct.unpack(f"{order}{entry.values}{_BIG_TYPES[entry.kind]}", entry.data)
    packed = struct.pack(f"{order}{entry.values}I", *(value & 0xFFFFFFFF for value in wide))
    return entry._replace(kind=_LONG, data=packed)


def _write(source: bytes, order: str, entries: list[_Entry]) -> bytes:
    start = len(source) + len(source) % 2
    aside_at = start + 2 + 12 * len(entries) + 4
    body, aside = struct.pack(f"{order}H", len(entries)), b""
    for entry in entries:
        body += struct.pack(f"{order}HHI", entry.tag, entry.kind, entry.values)
        if len(entry.data) <= _INLINE_BYTES:
            body += entry.data.ljust(_INLINE_BYTES, b"\0")
        else:
            body += struct.pack(f"{order}I", aside_at + len(aside))
            aside += entry.data + b"\0" * (len(entry.data) % 2)
    head = source[:2] + struct.pack(f"{order}HI", 42, start)
    return b"".join([head, source[8:].ljust(start - 8, b"\0"), body, bytes(4), aside])
