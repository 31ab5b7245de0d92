"""Reads and writes IPTC datasets (IIM 4.2): JPEGs keep them in a segment of Photoshop, TIFFs in a tag."""

import struct
from collections.abc import Iterable, Iterator

BY_LINE, CREDIT, COPYRIGHT = 80, 110, 116
"""Datasets of record 2."""
_STALE = frozenset(
    {(2, 130), (2, 131), (2, 135), (2, 150), (2, 151), (2, 152), (2, 153), (2, 154), (2, 200)}
) | {
    (2, 201),
    (2, 202),
}
"""Kind and orientation of the picture, and previews."""
_RECORDS = (1, 2)
_CHARACTER_SET, _UTF_8 = (1, 90), b"\x1b%G"
_MAX_SETS = 1000
Dataset = tuple[int, int, bytes]


def read(data: bytes) -> list[Dataset]:
    """Return record, number and value of each dataset that is true of any result."""
    return [
        (record, number, value) for record, number, value in _parse(data) if (record, number) not in _STALE
    ]


def _parse(data: bytes) -> Iterator[Dataset]:
    at = 0
    for _ in range(_MAX_SETS):
        if at + 5 > len(data) or data[at] != 0x1C:
            return
        record, number, length = struct.unpack_from(">BBH", data, at + 1)
        if length & 0x8000 or at + 5 + length > len(data):
            return
        if record in _RECORDS:
            yield record, number, data[at + 5 : at + 5 + length]
        at += 5 + length


def write(datasets: Iterable[Dataset]) -> bytes:
    """Return datasets as a file holds them."""
    return b"".join(
        b"\x1c" + struct.pack(">BBH", record, number, len(value)) + value
        for record, number, value in datasets
    )


def texts(datasets: Iterable[Dataset], number: int) -> list[str]:
    """Return the texts of a dataset of record 2, in UTF-8 if the file says so or it is, else in Latin-1."""
    found = [value for record, each, value in datasets if (record, each) == (2, number)]
    return [text for value in found if (text := _decode(value).strip())]


def _decode(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def jpeg_segment(data: bytes) -> bytes:
    """Return the segment of a JPEG that holds datasets (APP13, resource 0x0404 of Photoshop)."""
    body = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data + bytes(len(data) % 2)
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body


def for_rights(by_lines: Iterable[str], credit: str, notice: str) -> bytes:
    """Return datasets of a picture's rights, in UTF-8."""
    texts_of = [(BY_LINE, line) for line in by_lines] + [(CREDIT, credit), (COPYRIGHT, notice)]
    sets = [(2, number, text.encode()[:2000]) for number, text in texts_of if text]
    return write([(*_CHARACTER_SET, _UTF_8), (2, 0, b"\0\4"), *sets]) if sets else b""
