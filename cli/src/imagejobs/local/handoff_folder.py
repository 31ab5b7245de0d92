"""The folder in memory in which the API leaves uploads for the workers (`HANDOFF_DIR`): one for each data directory.

Who runs holds a lock on it. One that nobody holds belongs to a run that was killed, and goes with the next
start, whichever data that has.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it is ours alone, which the API sees to


def folder(data: Path) -> Path | None:
    """Return the folder for a data directory, None where there is no place in memory."""
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return None
    return MEMORY / f"{_ours()}{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"


@contextmanager
def held(found: Path | None) -> Iterator[None]:
    """Keep the folder for the length of the block, and nothing of it afterwards; first remove what killed runs of this user left."""
    if found is None:
        yield
        return
    for each in found.parent.glob(f"{_ours()}*"):
        _remove_if_abandoned(each)
    lock = _locked(found)
    try:
        yield
    finally:
        remove(found)
        if lock is not None:
            os.close(lock)


def remove(found: Path | None) -> None:
    """Remove the folder; whoever still uses it reads S3."""
    if found:
        shutil.rmtree(found, ignore_errors=True)


def _ours() -> str:
    return f"imagejobs-{os.geteuid()}-"


def _remove_if_abandoned(found: Path) -> None:
    if (lock := _locked(found)) is not None:
        remove(found)
        os.close(lock)


def _locked(found: Path) -> int | None:
    """Return a descriptor with the lock of a folder, which is made if it is not there; None if another has it, or it cannot be had."""
    with suppress(OSError):
        found.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(found, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor
    return None
