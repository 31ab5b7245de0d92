"""Under which name a file stands in an archive: relative, below the folder it is unpacked in, writable on any system, and no other's. Pure."""

import re
from collections.abc import Iterator

from imagejobs_api.http import filenames
from imagejobs_contract.model import output_names
from imagejobs_contract.model.options import DEFAULT_VARIANT

PART_BYTES = 180
"""Of UTF-8 in one part of a path; file systems take 255, of which variant, number and extension need some."""
FOLDERS = 8
"""The last so many folders of a name are kept."""

_FORBIDDEN = re.compile(r'[<>:"|?*]')
"""On Windows; a colon would also name a drive, or a second stream of a file."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.ASCII | re.IGNORECASE)


class Names:
    """Gives out names, each once; letters' case does not tell two apart, as on Windows and macOS it does not."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def give(self, item_name: str, index: int, variant: str, extension: str) -> str:
        """Return a name for an output of that image."""
        folder, stem = split(item_name, index)
        tail = "" if variant == DEFAULT_VARIANT else f"-{variant}"
        for candidate in _candidates(folder, stem + tail, extension):
            if self._take(candidate):
                return candidate
        raise AssertionError("there is always another number")

    def _take(self, name: str) -> bool:
        plain = name.casefold()
        folders = [plain[: match.start()] for match in re.finditer("/", plain)]
        if plain in self._files or plain in self._folders or not self._files.isdisjoint(folders):
            return False
        self._files.add(plain)
        self._folders.update(folders)
        return True


def split(item_name: str, index: int) -> tuple[str, str]:
    """Return folder, with a slash at its end or "", and name without extension; the image's number if nothing of the name can be kept."""
    parts = [part for part in map(_safe, re.split(r"[/\\]", filenames.clean(item_name))) if part]
    stem = _cut(output_names.strip_extension(parts[-1])) if parts else ""
    folders = parts[:-1][-FOLDERS:]
    return "".join(f"{folder}/" for folder in folders), stem or str(index)


def _candidates(folder: str, stem: str, extension: str) -> Iterator[str]:
    yield f"{folder}{stem}.{extension}"
    number = 2
    while True:
        yield f"{folder}{stem}-{number}.{extension}"
        if folder:  # a file may have the folder's name, and then no number helps
            yield f"{folder.replace('/', '-')}{stem}-{number}.{extension}"
        number += 1


def _safe(part: str) -> str:
    """Return a part of a path that no system refuses or takes for something else; "" for `.` and `..`."""
    plain = _cut(_FORBIDDEN.sub("_", part).strip(". "))
    return f"_{plain}" if _DEVICES.fullmatch(plain) else plain


def _cut(part: str) -> str:
    data = part.encode()
    return part if len(data) <= PART_BYTES else data[:PART_BYTES].decode(errors="ignore").rstrip(". ")
