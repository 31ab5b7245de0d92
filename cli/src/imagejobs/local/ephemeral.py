"""The data directory of `--ephemeral`: in the system's temporary folder, and gone when the run ends."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagejobs.local import folder_lock
from imagejobs.local.errors import CannotRun


@contextmanager
def data_folder() -> Iterator[Path]:
    """Make a folder for the length of the block.

    First removes the folders that killed runs of this user left.

    Raises:
        CannotRun: There is no place for it.
    """
    try:
        folder_lock.remove_abandoned(Path(tempfile.gettempdir()).glob(f"{_prefix()}*"))
        folder, lock = _make()
    except OSError as ex:
        raise CannotRun(f"No temporary folder can be made: {ex.strerror}. Name a place with TMPDIR.") from ex
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make() -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_prefix()))
        # A start that looks for abandoned folders may be faster; then that one is its, and goes.
        if (lock := folder_lock.lock(folder)) is not None:
            return folder, lock


def _prefix() -> str:
    return f"imagejobs-ephemeral-{os.geteuid()}-"
