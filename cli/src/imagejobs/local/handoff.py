"""The folder in memory in which the API leaves uploads for the workers (`HANDOFF_DIR`): one for each data directory."""

import hashlib
import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it is ours alone, which the API sees to


def folder(data: Path) -> Path | None:
    """Return the folder for a data directory, None where there is no place in memory.

    It is always the same one, so that what a run left that was killed is found by the next.
    """
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return None
    return MEMORY / f"imagejobs-{os.geteuid()}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"


def remove(found: Path | None) -> None:
    """Remove the folder, once nobody uses it."""
    if found:
        shutil.rmtree(found, ignore_errors=True)
