"""A calendar of started programs that a test sets while they run by libfaketime."""

import os
import subprocess
from pathlib import Path

import pytest

from support.clock import shifted_clock

BUILD = Path(__file__).parents[2] / "programs" / "build"


class Calendar:
    """The calendar of the programs that are started with its variables.

    Args:
        folder: For the file that holds the shift.
    """

    def __init__(self, folder: Path) -> None:
        if shifted_clock.ON:
            pytest.skip("the clock of this run is shifted already")
        self._library = _find_library()
        self._file = folder / "calendar"
        self.set(0)

    def set(self, seconds: int) -> None:
        """Let it show so many seconds more than this machine's."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{seconds:+d}")
        part.replace(self._file)

    def variables(self) -> dict[str, str]:
        """Return the variables of a program that goes by it."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
        }


def _find_library() -> Path:
    built = subprocess.run([BUILD, "faketime"], capture_output=True, text=True, check=False)
    library = Path(built.stdout.strip()) / "libfaketime.so.1"
    if built.returncode or not library.exists():
        if os.environ.get("CI"):
            raise AssertionError(built.stderr)
        pytest.skip(f"no libfaketime: {built.stderr}")
    return library
