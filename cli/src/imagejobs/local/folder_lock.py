"""Locks on folders that a run removes at its end, so that a later start finds those of killed runs."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

WAIT_SECONDS = 1.0
"""Limit of `lock`: another start may hold a lock for the moment in which it removes an abandoned folder."""


def lock(path: Path) -> int | None:
    """Make the folder if it is missing; return a descriptor with its lock, None without the lock."""
    give_up = time.monotonic() + WAIT_SECONDS
    while (descriptor := _try_lock(path)) is None and time.monotonic() < give_up:
        time.sleep(0.01)
    return descriptor


def remove_abandoned(folders: Iterable[Path]) -> None:
    """Remove those of this user's folders that no run holds a lock on."""
    for each in folders:
        with suppress(FileNotFoundError):
            if each.lstat().st_uid == os.geteuid() and (descriptor := _try_lock(each)) is not None:
                shutil.rmtree(each, ignore_errors=True)
                os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    with suppress(OSError):
        path.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another start may have removed it between the two calls: then the lock is on nothing.
            if os.path.samestat(os.fstat(descriptor), path.lstat()):
                return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
    return None
