"""The folder in memory where the API puts uploads for the workers (`HANDOFF_DIR`), one per data directory.

A run holds a lock on its folder. A folder whose lock is free belongs to a run that was killed; the next start
of the same user removes it, whichever data directory that start has.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagejobs.local import folder_lock

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
    folder_lock.remove_abandoned(path.parent.glob(f"{_prefix()}*"))
    lock = folder_lock.lock(path)
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
