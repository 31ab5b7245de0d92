"""The names of files in an archive: distinct, valid on any system, never outside of the folder. Pure."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from imagejobs_contract.model import output_names
from imagejobs_contract.model.options import DEFAULT_VARIANT
from imagejobs_contract.wire import file_names

MAX_PART_BYTES = 180
"""Of UTF-8 in one part of a path; file systems allow 255, and variant, number and extension need some."""
MAX_EXTENSION_CHARACTERS = 16
MAX_FOLDERS = 8
"""Folders of a name that are kept: the last ones."""

_FORBIDDEN = re.compile(r'[<>:"|?*]')
"""On Windows; a colon would also name a drive, or an alternate stream of a file."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.ASCII | re.IGNORECASE)


class MemberNames:
    """Assigns the names of one archive, each once; case makes no difference, as on Windows and macOS."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def assign(self, item_name: str, index: int, variant: str, extension: str) -> str:
        """Return a name for an output of that image."""
        folder, stem = split_name(item_name, index)
        tail = "" if variant == DEFAULT_VARIANT else f"-{variant}"
        return self._assign(_candidates(folder, stem + tail, f".{extension}"))

    def assign_source(self, item_name: str, index: int) -> str:
        """Return a name for the source of that image, with its own extension."""
        folder, stem = split_name(item_name, index)
        extension = _make_safe(PurePosixPath(item_name).suffix.lstrip("."))[:MAX_EXTENSION_CHARACTERS]
        return self._assign(_candidates(folder, stem, f".{extension}" if extension else ""))

    def _assign(self, candidates: Iterator[str]) -> str:
        for candidate in candidates:
            if self._reserve(candidate):
                return candidate
        raise AssertionError("there is always another number")

    def _reserve(self, name: str) -> bool:
        plain = name.casefold()
        folders = [plain[: match.start()] for match in re.finditer("/", plain)]
        if plain in self._files or plain in self._folders or not self._files.isdisjoint(folders):
            return False
        self._files.add(plain)
        self._folders.update(folders)
        return True


def split_name(item_name: str, index: int) -> tuple[str, str]:
    """Return the folder, which is "" or ends with a slash, and the name without extension.

    The name is the number of the image if no part of its own can be kept.
    """
    parts = [part for part in map(_make_safe, re.split(r"[/\\]", file_names.clean(item_name))) if part]
    stem = _truncate(output_names.strip_extension(parts[-1])) if parts else ""
    folders = parts[:-1][-MAX_FOLDERS:]
    return "".join(f"{folder}/" for folder in folders), stem or str(index)


def _candidates(folder: str, stem: str, extension: str) -> Iterator[str]:
    yield f"{folder}{stem}{extension}"
    number = 2
    while True:
        yield f"{folder}{stem}-{number}{extension}"
        if folder:  # a file may have the folder's name, which no number avoids
            yield f"{folder.replace('/', '-')}{stem}-{number}{extension}"
        number += 1


def _make_safe(part: str) -> str:
    """Return a part of a path that no system refuses or gives another meaning; "" for `.` and `..`."""
    plain = _truncate(_FORBIDDEN.sub("_", part).strip(". "))
    return f"_{plain}" if _DEVICES.fullmatch(plain) else plain


def _truncate(part: str) -> str:
    data = part.encode()
    return part if len(data) <= MAX_PART_BYTES else data[:MAX_PART_BYTES].decode(errors="ignore").rstrip(". ")
