"""The folder in memory where the API puts uploads for the workers (`HANDOFF_DIR`), one per data directory.

A run holds a lock on its folder. A folder whose lock is free belongs to a run that was killed; the next start
of the same user removes it, whichever data directory that start has.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it belongs to this user alone, which the API checks


def folder(data: Path) -> Path | None:
    """Return the folder for a data directory, None on a machine without `/dev/shm`."""
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return None
    return MEMORY / f"{_prefix()}{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"


@contextmanager
def claim(path: Path | None) -> Iterator[None]:
    """Lock the folder for the length of the block and remove it afterwards.

    First removes the folders that killed runs of this user left. None claims nothing.
    """
    if path is None:
        yield
        return
    for each in path.parent.glob(f"{_prefix()}*"):
        _remove_if_abandoned(each)
    lock = _try_lock(path)
    try:
        yield
    finally:
        remove(path)
        if lock is not None:
            os.close(lock)


def remove(path: Path | None) -> None:
    """Remove the folder; a worker that does not find its file there reads S3."""
    if path:
        shutil.rmtree(path, ignore_errors=True)


def _prefix() -> str:
    return f"imagejobs-{os.geteuid()}-"


def _remove_if_abandoned(path: Path) -> None:
    if (lock := _try_lock(path)) is not None:
        remove(path)
        os.close(lock)


def _try_lock(path: Path) -> int | None:
    """Make the folder if it is missing; return a descriptor with its lock, None without the lock."""
    with suppress(OSError):
        path.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor
    return None
