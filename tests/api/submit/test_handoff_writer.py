"""Copies of uploads in the handoff folder: each is complete or absent, whatever fails on either side."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagejobs_api.submit import handoff_writer as writer_module
from imagejobs_api.submit.handoff_writer import PAGE_BYTES, HandoffWriter
from imagejobs_contract.wire.handoff import take_copy
from support.clock import virtual_time

KEY = "uploads/j0123/0"
DATA = bytes(range(256)) * 1000
MOST = 2**20
HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "uploads/a\0b",
    "..",
    ".",
    "uploads/" + "x" * 1016,
    "uploads/ünï/☃",
    "uploads/a\nb",
]

HALF_A_COPY = """
import asyncio, sys
from pathlib import Path
from imagejobs_api.submit.handoff_writer import HandoffWriter

async def half():
    yield b"x" * 100_000
    print("half", flush=True)
    await asyncio.Event().wait()

async def main():
    with HandoffWriter(Path(sys.argv[1]), 2**20).copy("uploads/j0123/0") as copy:
        async for _ in copy.tee(half()):
            pass

asyncio.run(main())
"""

NO_MEMORY_LEFT = """
import asyncio, resource, sys
from pathlib import Path
from imagejobs_api.submit.handoff_writer import HandoffWriter

async def chunks():
    for _ in range(4):
        yield b"x" * 65536

async def main():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    with HandoffWriter(Path(sys.argv[1]), 2**20).copy("uploads/j0123/0") as copy:
        count = sum([len(each) async for each in copy.tee(chunks())])
        copy.commit(count)
    print(count)

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "handoff"


async def pieces(data: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65536):
        yield data[start : start + 65536]
    if error:
        raise error


def leave(
    writer: HandoffWriter,
    key: str = KEY,
    data: bytes = DATA,
    *,
    size: int | None = None,
    error: Exception | None = None,
) -> None:
    """Let a file pass as an upload does; S3 says that it got so many bytes."""
    asyncio.run(upload(writer, key, data, size=size, error=error))


async def upload(
    writer: HandoffWriter,
    key: str = KEY,
    data: bytes = DATA,
    *,
    size: int | None = None,
    error: Exception | None = None,
) -> None:
    with writer.copy(key) as copy:
        got = b"".join([each async for each in copy.tee(pieces(data, error))])
        assert got == data
        copy.commit(len(got) if size is None else size)


def test_what_is_left_is_taken_once(folder):
    leave(HandoffWriter(folder, MOST))
    assert take_copy(folder, KEY, MOST) == DATA
    assert take_copy(folder, KEY, MOST) is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("key", HOSTILE, ids=range(len(HOSTILE)))
def test_no_key_leads_out_of_the_folder(folder, key):
    leave(HandoffWriter(folder, MOST), key)
    assert [each.parent for each in folder.rglob("*")] == [folder]
    assert take_copy(folder, key, MOST) == DATA


@pytest.mark.parametrize("key", ["uploads/j0123/1", "uploads/j0124/0", "uploads/j0123/0.part", "", *HOSTILE])
def test_another_key_gets_nothing(folder, key):
    leave(HandoffWriter(folder, MOST))
    assert take_copy(folder, key, MOST) is None
    assert take_copy(folder, KEY, MOST) == DATA


def test_only_this_user_can_read_it(folder):
    leave(HandoffWriter(folder, MOST))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [each.stat().st_mode & 0o777 for each in folder.iterdir()] == [0o600]


def test_what_s3_did_not_take_is_not_left(folder):
    with pytest.raises(ConnectionError):
        leave(HandoffWriter(folder, MOST), error=ConnectionError())
    assert list(folder.iterdir()) == []


def test_a_copy_of_another_size_than_the_file_is_not_left(folder):
    leave(HandoffWriter(folder, MOST), size=len(DATA) - 1)
    assert list(folder.iterdir()) == []


def test_a_copy_that_was_killed_half_way_is_never_taken_and_goes_with_the_next_start(folder):
    command = [sys.executable, "-c", HALF_A_COPY, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "half\n"
        assert take_copy(folder, KEY, MOST) is None
        process.send_signal(signal.SIGKILL)
    assert len(list(folder.iterdir())) == 1
    assert take_copy(folder, KEY, MOST) is None
    writer = HandoffWriter(folder, MOST)
    assert list(folder.iterdir()) == []
    leave(writer)
    assert take_copy(folder, KEY, MOST) == DATA


def test_a_copy_for_which_memory_ends_is_not_left_and_the_file_goes_on(folder):
    said = subprocess.run(
        [sys.executable, "-c", NO_MEMORY_LEFT, str(folder)], check=True, capture_output=True, text=True
    )
    assert said.stdout == f"{4 * 65536}\n"
    assert list(folder.iterdir()) == []


def test_a_full_folder_takes_more_once_something_was_taken(folder, monkeypatch):
    monkeypatch.setattr(writer_module, "MIN_SCAN_SECONDS", 0.0)
    writer = HandoffWriter(folder, 3 * len(DATA))
    for n in range(4):
        leave(writer, f"uploads/j/{n}")
    assert take_copy(folder, "uploads/j/3", MOST) is None
    assert len(list(folder.iterdir())) == 2  # the third would take a page more than it has bytes
    assert take_copy(folder, "uploads/j/0", MOST) == DATA
    leave(writer, "uploads/j/4")
    assert take_copy(folder, "uploads/j/4", MOST) == DATA


def test_small_copies_count_as_the_memory_that_they_take(folder):
    writer = HandoffWriter(folder, 10 * PAGE_BYTES)
    for n in range(20):
        leave(writer, f"uploads/j/{n}", b"x")
    assert len(list(folder.iterdir())) == 10


def test_what_nobody_takes_goes_by_its_age(folder):
    writer = HandoffWriter(folder, MOST)

    async def tended() -> None:
        await upload(writer)
        tending = asyncio.create_task(writer.expire_copies())
        await asyncio.sleep(writer_module.MAX_AGE_SECONDS - 1)
        assert len(list(folder.iterdir())) == 1
        await asyncio.sleep(1 + 2 * writer_module.EXPIRY_SECONDS)
        assert list(folder.iterdir()) == []
        tending.cancel()

    virtual_time.run(tended())
    leave(writer)
    assert take_copy(folder, KEY, MOST) == DATA


def test_a_start_removes_copies_and_nothing_else(folder):
    leave(HandoffWriter(folder, MOST))
    (folder / "holiday.txt").write_text("mine")
    HandoffWriter(folder, MOST)
    assert [each.name for each in folder.iterdir()] == ["holiday.txt"]


def test_a_larger_file_than_is_allowed_is_left_to_s3(folder):
    leave(HandoffWriter(folder, MOST))
    assert take_copy(folder, KEY, len(DATA) - 1) is None


def test_what_is_no_file_is_left_to_s3(folder):
    leave(HandoffWriter(folder, MOST))
    (copy,) = folder.iterdir()
    copy.unlink()
    os.mkfifo(copy)
    assert take_copy(folder, KEY, MOST) is None
    copy.symlink_to(__file__)
    assert take_copy(folder, KEY, MOST) is None
    copy.unlink()
    copy.mkdir()
    assert take_copy(folder, KEY, MOST) is None


def test_workers_at_the_same_copy_get_all_of_it_or_nothing(folder):
    writer = HandoffWriter(folder, 100 * MOST)
    with ThreadPoolExecutor(4) as workers:
        for _ in range(50):
            leave(writer)
            got = list(workers.map(lambda _: take_copy(folder, KEY, MOST), range(4)))
            assert DATA in got
            assert set(got) <= {DATA, None}


@pytest.mark.parametrize("spoil", ["file", "open to others", "link", "no place"])
def test_a_folder_that_is_not_ours_alone_is_not_used(folder, spoil, caplog):
    if spoil == "file":
        folder.write_text("")
    elif spoil == "link":
        folder.symlink_to(folder.parent)
    elif spoil == "no place":
        folder = folder / "below" / "nothing"
    else:
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
    leave(HandoffWriter(folder, MOST))
    assert take_copy(folder, KEY, MOST) is None
    assert "uploads are not handed over" in caplog.text


def test_a_folder_that_was_removed_stops_no_upload(folder):
    writer = HandoffWriter(folder, MOST)
    folder.rmdir()
    leave(writer)
    assert take_copy(folder, KEY, MOST) is None


def test_without_a_folder_nothing_is_left(tmp_path):
    leave(HandoffWriter())
    assert list(tmp_path.iterdir()) == []
