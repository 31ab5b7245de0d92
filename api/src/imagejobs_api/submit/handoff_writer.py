"""Writes copies of uploads for workers on the same machine (`contract.wire.handoff`).

It bounds their number and their age. A copy has a temporary name until it is complete. A process that is
killed leaves incomplete copies behind; the next one empties the folder when it starts.
"""

import asyncio
import logging
import os
import re
import stat
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from imagejobs_contract.model.names import S3Key
from imagejobs_contract.wire import handoff

MAX_AGE_SECONDS = 60.0
"""An image that waits longer is read from S3: its copy makes room for one that is read soon."""
EXPIRY_SECONDS = 10.0
"""Between two removals of old copies."""
MIN_SCAN_SECONDS = 0.2
"""Between two scans of a full folder: it may hold some ten thousand copies."""
PAGE_BYTES = 4096
"""The memory of a file is a multiple of this."""

_NAME = re.compile(r"[0-9a-f]{64}(\.part)?")

log = logging.getLogger(__name__)


class StoredCopy(NamedTuple):
    """A complete copy: the bytes of memory that it takes, and its time on the monotonic clock, in seconds."""

    bytes: int
    since: float


class HandoffWriter:
    """A folder of copies; `FormReader` writes them, and workers take them.

    `wiring` makes one, and `Lifecycle` runs `expire_copies` as long as the app lives.

    Args:
        folder: Only this process and its workers may use it; copies of an earlier process are deleted. None
            writes no copies.
        max_bytes: Of all copies together; at most half of the free memory is used.
    """

    def __init__(self, folder: Path | None = None, max_bytes: int = 0) -> None:
        self._folder = folder if folder and _empty(folder) else None
        self._max_bytes = min(max_bytes, _free_bytes(self._folder) // 2) if self._folder else 0
        self._copies: dict[str, StoredCopy] = {}
        self._bytes = 0
        self._scanned = 0.0

    @contextmanager
    def copy(self, key: S3Key) -> Iterator["HandoffCopy"]:
        """Make a copy within the block; it stays only if the block commits it."""
        path = handoff.copy_path(self._folder, key) if self._folder else None
        copy = HandoffCopy(self, path)
        try:
            yield copy
        finally:
            copy.close()
            if path and copy.is_committed:
                self._copies[path.name] = StoredCopy(copy.reserved_bytes, time.monotonic())
            else:
                self._bytes -= copy.reserved_bytes

    def reserve(self, count: int) -> bool:
        """Reserve `count` bytes; return False if they do not fit."""
        if self._bytes + count > self._max_bytes and time.monotonic() - self._scanned >= MIN_SCAN_SECONDS:
            self._expire()
        if self._bytes + count > self._max_bytes:
            return False
        self._bytes += count
        return True

    async def expire_copies(self) -> None:
        """Remove old copies every `EXPIRY_SECONDS`, until cancelled."""
        while self._folder:
            await asyncio.sleep(EXPIRY_SECONDS)
            if self._copies:
                self._expire()

    def _expire(self) -> None:
        """Remove old copies, and release the bytes of copies that workers took."""
        if self._folder is None:
            return
        self._scanned, present = time.monotonic(), _list_names(self._folder)
        for name, copy in list(self._copies.items()):
            is_old = self._scanned - copy.since > MAX_AGE_SECONDS
            if is_old:
                handoff.remove(self._folder / name)
            if is_old or name not in present:
                self._bytes -= self._copies.pop(name).bytes


class HandoffCopy:
    """A copy that is being written. An error ends the copy and never the upload."""

    def __init__(self, writer: HandoffWriter, path: Path | None) -> None:
        self._writer = writer
        self._path = path
        self._file = _create(_part_path(path)) if path else None
        self._size = 0
        self.reserved_bytes = 0
        self.is_committed = False

    def tee(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Return the chunks; each is also written to the copy when it passes."""
        return chunks if self._file is None else self._write_passing(chunks)

    def commit(self, size: int) -> None:
        """Let workers have the copy if it has `size` bytes, those of the upload."""
        if self._path and self._file is not None and self._size == size:
            with suppress(OSError):
                _part_path(self._path).rename(self._path)
                self.is_committed = True

    def close(self) -> None:
        """Close the copy, and delete it unless it was committed."""
        if self._file is None or self._path is None:
            return
        os.close(self._file)
        self._file = None
        if not self.is_committed:
            handoff.remove(_part_path(self._path))

    async def _write_passing(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            if self._file is not None:
                self._write(self._file, chunk)
            yield chunk

    def _write(self, file: int, chunk: bytes) -> None:
        count = _round_to_pages(self._size + len(chunk)) - self.reserved_bytes
        if not self._writer.reserve(count):
            self.close()
            return
        self.reserved_bytes += count
        try:
            # It writes less if memory is full; then `commit` sees another size.
            self._size += os.write(file, chunk)
        except OSError:
            self.close()


def _part_path(path: Path) -> Path:
    return path.with_suffix(".part")


def _round_to_pages(count: int) -> int:
    return -(-count // PAGE_BYTES) * PAGE_BYTES


def _create(path: Path) -> int | None:
    with suppress(OSError):
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    return None


def _empty(folder: Path) -> bool:
    """Make the folder if needed and delete the copies of earlier processes; return whether it can be used.

    It cannot if another user has any access to it.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
            raise PermissionError("it is not a folder of this user alone (mode 0700)")
        for each in folder.iterdir():
            if _NAME.fullmatch(each.name):
                each.unlink(missing_ok=True)
    except OSError as ex:
        log.warning("uploads are not handed over", extra={"folder": str(folder), "reason": str(ex)})
        return False
    return True


def _list_names(folder: Path) -> frozenset[str]:
    with suppress(OSError):  # the folder was removed
        return frozenset(os.listdir(folder))  # noqa: PTH208 - half the time of iterdir
    return frozenset()


def _free_bytes(folder: Path) -> int:
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize
