"""Which pictures go together, and how their results are called. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from imagejobs_contract.model.options import Format
from imagejobs_contract.model.output_names import safe_stem

MAX_BATCH_FILES = 50
MAX_BATCH_BYTES = 64_000_000
"""Of a batch: a server with its default limits takes 64 files and 256 MiB."""


def split(files: Iterable[tuple[Path, int]]) -> Iterator[list[Path]]:
    """Yield files in batches.

    Args:
        files: Paths and bytes.
    """
    batch: list[Path] = []
    total = 0
    for path, size in files:
        if batch and (len(batch) >= MAX_BATCH_FILES or total + size > MAX_BATCH_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(path)
        total += size
    if batch:
        yield batch


def name_outputs(
    name: str, outputs: Sequence[dict[str, Any]], folder: Path, taken: Collection[Path]
) -> list[Path]:
    """Return where the results of one picture are saved.

    Args:
        name: The picture's own.
        outputs: Its results, as the server tells them.
        folder: Where they are saved.
        taken: Resolved paths that may not be written: originals, and results of this run.
    """
    stem = safe_stem(name).rpartition("/")[2] or "picture"
    found: list[Path] = []
    for each in outputs:
        variant = f"-{each['variant']}" if len(outputs) > 1 else ""
        path = _first_free(folder, f"{stem}{variant}", Format(each["format"]).extension, {*taken, *found})
        found.append(path)
    return found


def _first_free(folder: Path, stem: str, extension: str, taken: Collection[Path]) -> Path:
    path, number = (folder / f"{stem}.{extension}").resolve(), 1
    while path in taken:
        number += 1
        path = (folder / f"{stem}-{number}.{extension}").resolve()
    return path
