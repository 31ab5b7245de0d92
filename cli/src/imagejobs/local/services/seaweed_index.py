"""Rebuilds SeaweedFS's index files from its volumes after the machine went down.

A volume (`.dat`) is synced at each write, its index (`.idx`) never: after a power cut the index may miss
acknowledged files, which SeaweedFS then cannot find. `weed fix` reads the volumes and writes the index again.
A kill -9 alone loses nothing, because the kernel has the writes. So the marker holds the id of the boot, and
only a start under another boot rebuilds.
"""

import os
import subprocess
from pathlib import Path

from imagejobs.local.errors import CannotRun

MARKER = "in-use"
FIX_SECONDS = 3600.0
"""`weed fix` reads about 500 MB/s; this is a bound for a disk that hangs."""


def boot_id() -> str:
    """Return the id of this boot of the machine, "" where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def was_interrupted(folder: Path, boot: str) -> bool:
    """Return whether the folder was in use when the machine went down."""
    try:
        return (folder / MARKER).read_text() != boot or not boot
    except FileNotFoundError:
        return False


def rebuild(folder: Path, weed: Path) -> None:
    """Write all index files again; SeaweedFS must not run.

    Raises:
        CannotRun: They cannot be rebuilt.
    """
    # -ignoreError: the last write of a volume may be incomplete; it was not acknowledged.
    command: list[str | Path] = [weed, "fix", "-ignoreError", "."]
    try:
        subprocess.run(
            command,
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=FIX_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as ex:
        raise CannotRun(f"The index of the images in {folder} could not be rebuilt: {ex}") from ex


def begin(folder: Path, boot: str) -> None:
    """Mark the folder as in use under this boot."""
    with (folder / MARKER).open("w") as file:
        file.write(boot)
        file.flush()
        os.fsync(file.fileno())


def finish(folder: Path) -> None:
    """Sync the index files, then remove the mark; SeaweedFS must have ended."""
    for index in folder.glob("*.idx"):
        with index.open("rb") as file:
            os.fsync(file.fileno())
    (folder / MARKER).unlink(missing_ok=True)
