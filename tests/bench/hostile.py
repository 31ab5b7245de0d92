"""Measures what hostile files and the cage cost: `make bench-hostile`.

1. 50 photos of 12 megapixels, as phones make them, alone and with 20 nasty files among them, taking turns, at
  one decoder: the second may take
   1.2 times the first.
2. Processor time of warm photos in a cage and without (CAGE=off), taking turns; and the time from the end of
  a child to the next one's first picture.
3. Memory of worker and zygote (RSS), and of them and the children of the moment (PSS), over 2,000 mixed
  images, nasty ones among them: flat
   within 10 %.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.child.config import SandboxMode
from imagejobs_worker.child.decoder import Decoder
from support.images import hostile_files, pictures

GOOD, BAD = 50, 20
WISH = [Variant(width=400)]
WINDOW = 200
"""Images between two looks at the memory."""
SETTLED_SECONDS = 0.5
"""After which a child that was ended is gone and the next one stands ready."""


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--photo", type=Path)
    given = parser.parse_args()
    photo = (
        given.photo.read_bytes()
        if given.photo
        else pictures.saved(pictures.photo(4000, 3000), "jpeg", quality=92)
    )
    caged, open_door = Decoder(Limits()), Decoder(Limits(), cage=SandboxMode.OFF)
    try:
        for decoder in (caged, open_door):
            await decoder.start()
            await decoder.render(photo, WISH)
        await _batches(caged, photo, given.rounds)
        await _cage(caged, open_door, photo, given.rounds)
        await _births(caged, photo)
        await open_door.close()
        await _memory(caged, given.images)
    finally:
        await caged.close()
        await open_door.close()


async def _batches(decoder: Decoder, photo: bytes, rounds: int) -> None:
    failing = [data for data, code in hostile_files.files().values() if code]
    bad = [failing[n * len(failing) // BAD] for n in range(BAD)]
    mixed = [bad[n // 3] if n % 3 == 2 and n // 3 < BAD else photo for n in range(GOOD + BAD)]
    runs: list[tuple[float, ...]] = []
    for _ in range(rounds):
        alone, alone_cpu = await _costs(decoder, [photo] * GOOD, photo)
        among, among_cpu = await _costs(decoder, mixed, photo)
        runs.append((alone, among, among / alone, alone_cpu, among_cpu, among_cpu / alone_cpu))
    wall = "{:.2f} s alone, {:.2f} s with the nasty files, {:.2f} times; processor time {:.2f} s, {:.2f} s, {:.2f} times (medians)"
    print(f"{GOOD} photos:", wall.format(*map(statistics.median, zip(*runs, strict=True))))  # noqa: T201


async def _costs(decoder: Decoder, sources: Sequence[bytes], photo: bytes) -> tuple[float, float]:
    """Return wall and processor seconds of a batch; there is a child before and after it."""
    before = _cpu(decoder.child_pid)
    wall = await _timed(decoder, sources)
    await decoder.render(photo, WISH)
    return wall, _cpu(decoder.child_pid) - before


async def _cage(caged: Decoder, open_door: Decoder, photo: bytes, rounds: int) -> None:
    ratios: list[float] = []
    for _ in range(rounds * 3):
        inside, outside = [await _cpu_of(decoder, [photo] * 5) for decoder in (caged, open_door)]
        ratios.append(inside / outside)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(  # noqa: T201
        f"processor time of a warm photo in the cage: {middle:.3f} of what it takes without (quartiles {low:.3f} and {high:.3f})"
    )


async def _cpu_of(decoder: Decoder, sources: Sequence[bytes]) -> float:
    """Return the processor seconds of worker and child alone, which does not change; to the nanosecond, where `_cpu` counts hundredths."""
    before = time.process_time() + _ran(decoder.child_pid)
    await _timed(decoder, sources)
    return time.process_time() + _ran(decoder.child_pid) - before


def _ran(process: int | None) -> float:
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


async def _births(decoder: Decoder, photo: bytes) -> None:
    """Fail, and take the time from the failure to a tiny picture by the next child, less that picture's own; a photo lies between two failures."""
    tiny, taken, own = pictures.saved(pictures.photo(16, 12), "png"), [], []
    for _ in range(50):
        await _timed(decoder, [photo, tiny[: len(tiny) // 2]])
        taken.append(await _timed(decoder, [tiny]))
        own.append(await _timed(decoder, [tiny]))
    print(f"a new child: {1000 * (statistics.median(taken) - statistics.median(own)):.2f} ms (median)")  # noqa: T201


async def _memory(decoder: Decoder, images: int) -> None:
    sources = [data for data, _ in hostile_files.files().values()]
    sources += [
        pictures.saved(pictures.photo(200 + 40 * n, 150 + 30 * n), form)
        for n in range(8)
        for form in pictures.FORMATS
    ]
    looks: list[tuple[float, float]] = []
    for done in range(images):
        await _timed(
            decoder,
            [sources[done * 37 % len(sources)]],
            [Variant(width=160), Variant("b", width=90, format=Format.WEBP)],
        )
        if done % WINDOW == WINDOW - 1:
            looks.append(await _look(decoder))
    for what, found in zip(
        ("RSS of worker and zygote", "PSS of them and their children"), zip(*looks, strict=True), strict=True
    ):
        rest = found[1:] or found
        grown = f"after the first {WINDOW} images {min(rest):.1f} to {max(rest):.1f}, {100 * (max(rest) / min(rest) - 1):.1f} %"
        print(f"{what} in MB:", *(f"{each:.1f}" for each in found), f"({grown})")  # noqa: T201


async def _timed(decoder: Decoder, sources: Sequence[bytes], wish: Sequence[Variant] = WISH) -> float:
    started = time.perf_counter()
    for source in sources:
        try:
            await decoder.render(source, wish)
        except ImageFailed:
            continue
    return time.perf_counter() - started


async def _look(decoder: Decoder) -> tuple[float, float]:
    """Return what `_lasting` and `_held` do, with a child that has just done a picture and another that stands ready."""
    await decoder.render(pictures.saved(pictures.photo(200, 150), "jpeg"), WISH)
    await asyncio.sleep(SETTLED_SECONDS)
    zygote = _stat(decoder.child_pid)[1]
    return _lasting(zygote), _held(zygote)


def _stat(process: int | str | None) -> list[str]:
    """Return the fields of a process from its state on."""
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()


def _cpu(child: int | None) -> float:
    """Return the processor seconds of worker, zygote, all dead children and the living one."""
    its = _stat(child)
    ticks = sum(map(int, (*its[11:13], *_stat(its[1])[11:15], *_stat("self")[11:13])))
    return ticks / os.sysconf("SC_CLK_TCK")


def _lasting(zygote: str) -> float:
    """Return the resident megabytes of the two processes that live on."""
    pages = sum(int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in ("self", zygote))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _held(zygote: str) -> float:
    """Return what worker, zygote and all its children hold; a page that some of them share is counted once (PSS)."""
    family = [
        "self",
        zygote,
        *(each.name for each in Path("/proc").glob("[0-9]*") if _parent(each.name) == zygote),
    ]
    total = 0
    for process in family:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


def _parent(process: str) -> str | None:
    try:
        return _stat(process)[1]
    except OSError:
        return None


if __name__ == "__main__":
    asyncio.run(main())
