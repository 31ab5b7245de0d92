"""Times the worker's image work: each case in process and through the door to the child, in milliseconds per image.

Run by hand: `python tests/bench/pipeline.py [folder of photos] [--rounds N]`. Without a folder the inputs are generated; T1 is a JPEG of
2725x2225 to 720, the size of sharp's own benchmark.
"""

# ruff: noqa: T201 - a script prints

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import pictures
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.limits import Limits
from imagejobs_contract.options import Format, Variant
from imagejobs_worker.child.door import Door
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.pipeline import render
from imagejobs_worker.imaging.resize import simd

TO_720 = Variant(width=720)


def generated() -> Iterator[tuple[str, bytes, Variant]]:
    """Yield name, source and variant of each case."""
    photo = pictures.photo(2725, 2225)
    jpeg = pictures.saved(photo, "jpeg", quality=85)
    yield "T1 JPEG 2725x2225 -> 720", jpeg, TO_720
    yield "T7 the same -> 1280, at most 100 kB", jpeg, Variant(width=1280, max_size=100_000)
    yield "T4 PNG 2725x2225 -> 720", pictures.saved(photo, "png", compress_level=1), TO_720
    yield "T5 WebP 2725x2225 -> 720", pictures.saved(photo, "webp", method=0), TO_720
    yield "T6 JPEG -> AVIF 720", jpeg, Variant(width=720, format=Format.AVIF)
    yield "JPEG 640x480 -> 400", pictures.saved(pictures.photo(640, 480), "jpeg"), Variant(width=400)


def from_folder(folder: Path) -> Iterator[tuple[str, bytes, Variant]]:
    """Yield every file of a folder, to be made 720 pixels wide."""
    for path in sorted(folder.iterdir()):
        yield f"{path.name} -> 720", path.read_bytes(), TO_720


async def main() -> None:
    """Print a line per case."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", nargs="?", type=Path)
    options.add_argument("--rounds", type=int, default=15)
    given = options.parse_args()
    print(f"resized by {'cykooz_resizer (SIMD)' if simd() else 'Pillow'}; medians (minima) of {given.rounds} rounds, ms")
    door = Door(Limits())
    await door.start()
    for name, source, variant in from_folder(given.folder) if given.folder else generated():
        try:
            print(await measured(door, name, source, variant, given.rounds))
        except ImageFailed as ex:
            print(f"{name:40} {ex.code}: {ex.message}")
    await door.close()


async def measured(door: Door, name: str, source: bytes, variant: Variant, rounds: int) -> str:
    """Return one line; the two ways take turns, so that a busy machine slows both."""
    inside, through = [], []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        found = render(source, [variant], Limits(), Deadline.after(60)).pictures[0]
        between = time.perf_counter()
        await door.render(source, [variant])
        inside.append(1000 * (between - started))
        through.append(1000 * (time.perf_counter() - between))
    shown = (f"{statistics.median(each[1:]):8.1f} ({min(each[1:]):.1f})" for each in (inside, through))
    return f"{name:40} {len(source):9} -> {len(found.data):7} bytes   in process {next(shown)}   through the door {next(shown)}"


if __name__ == "__main__":
    asyncio.run(main())
