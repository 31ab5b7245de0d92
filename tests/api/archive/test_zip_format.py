"""The bytes of a zip, read by other programs: Zip64 numbers, names, times, lengths."""

import io
import shutil
import subprocess
import zipfile
import zlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from imagejobs_api.archive import zip_format
from imagejobs_api.archive.zip_format import Member, Timestamp

MOMENT = datetime(2026, 11, 26, 2, 7, 31, tzinfo=UTC)
STAMP = Timestamp.from_time(MOMENT)
GIB4 = 2**32


def written(files: dict[str, bytes]) -> bytes:
    """Return a whole zip."""
    out, directory = io.BytesIO(), bytearray()
    for name, data in files.items():
        member, crc = Member(name, len(data)), zlib.crc32(data)
        directory += zip_format.directory_entry(member, crc, STAMP, out.tell())
        out.write(zip_format.local_header(member, crc, STAMP) + data)
    offset = out.tell()
    out.write(directory + zip_format.end_records(len(files), len(directory), offset))
    return out.getvalue()


@pytest.mark.parametrize(
    "files",
    [{}, {"a.jpg": b"a"}, {"größe/\u7167\u7247.png": b"x" * 70_000, "empty.gif": b""}],
    ids=["none", "one", "some"],
)
def test_what_is_written_is_read_and_as_long_as_was_said(files):
    data = written(files)
    assert len(data) == zip_format.archive_bytes(
        [Member(name, len(each)) for name, each in files.items()], STAMP
    )
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == files
        assert {each.compress_type for each in read.infolist()} <= {zipfile.ZIP_STORED}


@pytest.mark.parametrize("program", [["unzip", "-tq"], ["bsdtar", "-tf"]], ids=lambda program: program[0])
@pytest.mark.parametrize("count", [2, 70_000])
def test_other_programs_read_it(tmp_path, program, count):
    if not shutil.which(program[0]):
        pytest.skip(f"{program[0]} is not installed")
    path = tmp_path / "a.zip"
    path.write_bytes(written({f"photo {n} ä.jpg": b"%d" % n for n in range(count)}))
    subprocess.run([*program, path], check=True, capture_output=True)


def test_more_files_than_sixteen_bits_count_are_all_there():
    files = {f"{n}.jpg": b"%d" % n for n in range(70_000)}
    with zipfile.ZipFile(io.BytesIO(written(files))) as read:
        assert len(read.namelist()) == 70_000
        assert read.read("69999.jpg") == b"69999"


def test_a_file_beyond_four_gibibytes_and_one_behind_it_are_found(tmp_path):
    large, small = Member("large.tiff", GIB4 + 5), Member("small.jpg", 5)
    heads = [
        zip_format.local_header(large, 7, STAMP),
        zip_format.local_header(small, zlib.crc32(b"small"), STAMP),
    ]
    second = len(heads[0]) + large.size
    directory = zip_format.directory_entry(large, 7, STAMP, 0) + zip_format.directory_entry(
        small, zlib.crc32(b"small"), STAMP, second
    )
    place = second + len(heads[1]) + small.size
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        file.write(heads[0])
        file.seek(second)  # a hole, which costs no disk
        file.write(heads[1] + b"small" + directory + zip_format.end_records(2, len(directory), place))
    assert path.stat().st_size == zip_format.archive_bytes([large, small], STAMP)
    with zipfile.ZipFile(path) as read:
        assert [each.file_size for each in read.infolist()] == [large.size, 5]
        assert read.read("small.jpg") == b"small"


def test_all_files_carry_the_given_time():
    with zipfile.ZipFile(io.BytesIO(written({"a": b"1"}))) as read:
        info = read.infolist()[0]
    assert info.date_time == (2026, 11, 26, 2, 7, 30)
    assert int.from_bytes(info.extra[5:9], "little") == MOMENT.timestamp()


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), (1980, 1, 1, 0, 0, 0)),
        (datetime(2200, 1, 1, tzinfo=UTC), (2107, 12, 31, 23, 59, 58)),
        (datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), (2025, 12, 31, 23, 0, 0)),
    ],
    ids=["too-early", "too-late", "in-a-zone"],
)
def test_a_time_that_dos_cannot_tell_is_the_nearest(moment, told):
    stamp = Timestamp.from_time(moment)
    data = zip_format.directory_entry(Member("a", 0), 0, stamp, 0) + zip_format.end_records(1, 46 + 1 + 9, 0)
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.infolist()[0].date_time == told


def test_nothing_but_files_is_written_for_unix():
    with zipfile.ZipFile(io.BytesIO(written({"a": b"1"}))) as read:
        assert read.infolist()[0].external_attr >> 16 == 0o100644
