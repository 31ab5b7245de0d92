"""Leaves copies of uploads for workers on the same machine (`contract.handoff`), and sees that they are neither too many nor too old.

Until a copy is whole it has another name. A process that is killed leaves parts behind; the next one wipes
the folder when it starts.
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
"""An image that waits longer is read from S3: its copy takes the room of one that does not."""
TEND_SECONDS = 10.0
LOOK_SECONDS = 0.2
"""Between two looks at a folder that is full: it may hold some ten thousand copies."""
PAGE = 4096
"""What the smallest copy takes."""

_NAME = re.compile(r"[0-9a-f]{64}(\.part)?")

log = logging.getLogger(__name__)


class Left(NamedTuple):
    """A copy that lies there: what it takes, and since when, in seconds."""

    bytes: int
    since: float


class Shelf:
    """A folder of copies.

    Args:
        folder: Nobody else's but this process's and its workers'. What an earlier one left there is removed.
            None leaves nothing anywhere.
        most_bytes: Of all copies together; no more than half of what is free.
    """

    def __init__(self, folder: Path | None = None, most_bytes: int = 0) -> None:
        self._folder = folder if folder and _made_empty(folder) else None
        self._most = min(most_bytes, _free_bytes(self._folder) // 2) if self._folder else 0
        self._left: dict[str, Left] = {}
        self._bytes = 0
        self._looked = 0.0

    @contextmanager
    def copy(self, key: S3Key) -> Iterator["Copy"]:
        """Make a copy within the block, which is left if the block says that it is whole."""
        path = handoff.copy_path(self._folder, key) if self._folder else None
        copy = Copy(self, path)
        try:
            yield copy
        finally:
            copy.close()
            if path and copy.is_left:
                self._left[path.name] = Left(copy.taken_bytes, time.monotonic())
            else:
                self._bytes -= copy.taken_bytes

    def has_room(self, count: int) -> bool:
        """Take so much room if it is there."""
        if self._bytes + count > self._most and time.monotonic() - self._looked >= LOOK_SECONDS:
            self._look()
        if self._bytes + count > self._most:
            return False
        self._bytes += count
        return True

    async def tend(self) -> None:
        """Remove what is too old, until cancelled."""
        while self._folder:
            await asyncio.sleep(TEND_SECONDS)
            if self._left:
                self._look()

    def _look(self) -> None:
        """Remove what is too old, and count what is still there."""
        if self._folder is None:
            return
        self._looked, there = time.monotonic(), _names(self._folder)
        for name, left in list(self._left.items()):
            is_old = self._looked - left.since > MAX_AGE_SECONDS
            if is_old:
                handoff.remove(self._folder / name)
            if is_old or name not in there:
                self._bytes -= self._left.pop(name).bytes


class Copy:
    """A copy on its way. What goes wrong with it ends the copy and nothing else."""

    def __init__(self, shelf: Shelf, path: Path | None) -> None:
        self._shelf = shelf
        self._path = path
        self._file = _created(_part(path)) if path else None
        self._size = 0
        self.taken_bytes = 0
        self.is_left = False

    def of(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Return the chunks, each copied on its way."""
        return chunks if self._file is None else self._copied(chunks)

    def leave(self, size: int) -> None:
        """Let workers have it, if it is as large as the file is."""
        if self._path and self._file is not None and self._size == size:
            with suppress(OSError):
                _part(self._path).rename(self._path)
                self.is_left = True

    def close(self) -> None:
        """Let go of it; it is gone unless it was left."""
        if self._file is None or self._path is None:
            return
        os.close(self._file)
        self._file = None
        if not self.is_left:
            handoff.remove(_part(self._path))

    async def _copied(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            if self._file is not None:
                self._write(self._file, chunk)
            yield chunk

    def _write(self, file: int, chunk: bytes) -> None:
        room = _pages(self._size + len(chunk)) - self.taken_bytes
        if not self._shelf.has_room(room):
            self.close()
            return
        self.taken_bytes += room
        try:
            self._size += os.write(file, chunk)  # less than all of it when memory ends; then the size tells
        except OSError:
            self.close()


def _part(path: Path) -> Path:
    return path.with_suffix(".part")


def _pages(count: int) -> int:
    return -(-count // PAGE) * PAGE


def _created(path: Path) -> int | None:
    with suppress(OSError):
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    return None


def _made_empty(folder: Path) -> bool:
    """Tell whether the folder can be used: it is there, ours alone, and what earlier processes left in it is gone."""
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


def _names(folder: Path) -> frozenset[str]:
    with suppress(OSError):  # somebody removed it
        return frozenset(os.listdir(folder))  # noqa: PTH208 - half the time of iterdir
    return frozenset()


def _free_bytes(folder: Path) -> int:
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize
