"""Passes uploads to workers on the same machine without S3: a copy in a folder in memory.

The API writes a copy once S3 has the file, and the worker that gets the image takes it. S3 stays the truth:
a file that is not in the folder (no room, too old, taken before, the API was killed) is read from S3. So
copies may be lost at any moment, and the two sides need not know of each other.

The name of a copy is the SHA-256 of its key: no key leads out of the folder, and a worker takes only copies
of keys that it was given to read.
"""

import hashlib
import os
import stat
from contextlib import suppress
from io import FileIO
from pathlib import Path

from imagejobs_contract.model.names import S3Key


def copy_path(folder: Path, key: S3Key) -> Path:
    """Return the path of the copy of an upload."""
    return folder / hashlib.sha256(key.encode()).hexdigest()


def take_copy(folder: Path, key: S3Key, most_bytes: int) -> bytes | None:
    """Return the copy of a file and remove it; None if it is missing or larger, because S3 decides then.

    Only workers call it. If a worker dies with the only copy, S3 still has the file.
    """
    copy = copy_path(folder, key)
    with (
        suppress(OSError),
        FileIO(os.open(copy, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)) as file,
    ):
        facts = os.fstat(file.fileno())
        remove(copy)
        if stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() and facts.st_size <= most_bytes:
            data = file.read(facts.st_size)
            return data if len(data) == facts.st_size else None
    return None


def remove(copy: Path) -> None:
    """Remove a copy, if it is there."""
    with suppress(OSError):
        copy.unlink()
