"""The bytes of a zip of stored files (PKWARE's APPNOTE 6.3.10), with Zip64 where numbers are too large. Pure.

The checksum of each file comes before its bytes, so that programs that cannot seek can unpack it too. Nothing
is compressed, so that the length of the zip is known before any file is read. The same files give the same
bytes.

It is ours because zipstream-ng puts the checksum after the bytes, and its iterator needs a thread for each
archive and five times the processor time for small files (ADR 16).
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""The first time that DOS can represent."""

_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
_PLAIN, _ZIP64 = 20, 45
"""Versions needed to extract: 2.0, 4.5."""
_UNIX = 3 << 8
_MODE = 0o100644 << 16
_UTF8 = 1 << 11
_LATEST = datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)
_LATEST_UNIX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Member:
    """One file in the zip."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Timestamp:
    """The time of all files of a zip, in DOS's form and in seconds since 1970.

    DOS has no time zone and no odd seconds.
    """

    date: int
    time: int
    unix: int

    @classmethod
    def from_time(cls, time: datetime) -> "Timestamp":
        """Return the timestamp of a time; of the nearest possible one if it is before 1980 or after 2107."""
        near = min(max(time.astimezone(UTC), EARLIEST), _LATEST)
        date = (near.year - 1980) << 9 | near.month << 5 | near.day
        return cls(
            date,
            near.hour << 11 | near.minute << 5 | near.second // 2,
            min(int(near.timestamp()), _LATEST_UNIX),
        )

    @property
    def extra(self) -> bytes:
        """Return the extra field "extended timestamp" (Info-ZIP), which programs with time zones prefer."""
        return struct.pack("<HHBi", 0x5455, 5, 1, self.unix)


def local_header(member: Member, crc: int, stamp: Timestamp) -> bytes:
    """Return the header that comes before a file's bytes."""
    large = struct.pack("<HHQQ", 1, 16, member.size, member.size) if member.size >= _MAX32 else b""
    name, size, extra = member.name.encode(), min(member.size, _MAX32), stamp.extra + large
    version = _ZIP64 if large else _PLAIN
    fields = (version, _UTF8, 0, stamp.time, stamp.date, crc, size, size, len(name), len(extra))
    return struct.pack("<4s5H3I2H", b"PK\3\4", *fields) + name + extra


def directory_entry(member: Member, crc: int, stamp: Timestamp, offset: int) -> bytes:
    """Return a file's entry in the directory at the end.

    Args:
        offset: Bytes before its local header.
    """
    sizes = (member.size, member.size) if member.size >= _MAX32 else ()
    wide = (*sizes, *((offset,) if offset >= _MAX32 else ()))
    large = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    name, size, extra = member.name.encode(), min(member.size, _MAX32), stamp.extra + large
    version = _ZIP64 if large else _PLAIN
    fields = (
        _UNIX | version,
        version,
        _UTF8,
        0,
        stamp.time,
        stamp.date,
        crc,
        size,
        size,
        len(name),
        len(extra),
        0,
        0,
        0,
        _MODE,
        min(offset, _MAX32),
    )
    return struct.pack("<4s6H3I5H2I", b"PK\1\2", *fields) + name + extra


def end_records(count: int, directory_bytes: int, directory_offset: int) -> bytes:
    """Return the records that end a zip of `count` files."""
    fields = (
        0,
        0,
        min(count, _MAX16),
        min(count, _MAX16),
        min(directory_bytes, _MAX32),
        min(directory_offset, _MAX32),
        0,
    )
    record = struct.pack("<4s4H2IH", b"PK\5\6", *fields)
    if count < _MAX16 and directory_bytes < _MAX32 and directory_offset < _MAX32:
        return record
    wide = struct.pack(
        "<4sQ2H2I4Q",
        b"PK\6\6",
        44,
        _UNIX | _ZIP64,
        _ZIP64,
        0,
        0,
        count,
        count,
        directory_bytes,
        directory_offset,
    )
    return wide + struct.pack("<4sIQI", b"PK\6\7", 0, directory_offset + directory_bytes, 1) + record


def archive_bytes(members: Iterable[Member], stamp: Timestamp) -> int:
    """Return the length of the whole zip."""
    count = offset = directory = 0
    for member in members:
        count += 1
        directory += len(directory_entry(member, 0, stamp, offset))
        offset += len(local_header(member, 0, stamp)) + member.size
    return offset + directory + len(end_records(count, directory, offset))
