"""Measures the cost of hostile files and of the cage: `make bench-hostile`.

1. 50 photos of 12 megapixels, as phones make them, alone and with 20 hostile files among them, taking
   turns, in one decoder: the second batch may take 1.2 times as long as the first.
2. Processor time of warm photos in a cage and without (CAGE=off), taking turns; and the time from the end
   of a child to the next one's first picture.
3. Memory of worker and zygote (RSS), and of them and their current children (PSS), over 2,000 mixed images,
   hostile ones among them: flat within 10 %.
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

GOOD_FILES, BAD_FILES = 50, 20
VARIANTS = [Variant(width=400)]
WINDOW_IMAGES = 200
"""Images between two samples of the memory."""
SETTLED_SECONDS = 0.5
"""After it a child that was ended is gone and its spare is ready."""


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
    caged, uncaged = Decoder(Limits()), Decoder(Limits(), cage=SandboxMode.OFF)
    try:
        for decoder in (caged, uncaged):
            await decoder.start()
            await decoder.render(photo, VARIANTS)
        await _measure_batches(caged, photo, given.rounds)
        await _measure_cage(caged, uncaged, photo, given.rounds)
        await _measure_forks(caged, photo)
        await uncaged.close()
        await _measure_memory(caged, given.images)
    finally:
        await caged.close()
        await uncaged.close()


async def _measure_batches(decoder: Decoder, photo: bytes, rounds: int) -> None:
    failing = [data for data, code in hostile_files.files().values() if code]
    bad = [failing[n * len(failing) // BAD_FILES] for n in range(BAD_FILES)]
    mixed = [
        bad[n // 3] if n % 3 == 2 and n // 3 < BAD_FILES else photo for n in range(GOOD_FILES + BAD_FILES)
    ]
    runs: list[tuple[float, ...]] = []
    for _ in range(rounds):
        alone, alone_cpu = await _time_batch(decoder, [photo] * GOOD_FILES, photo)
        among, among_cpu = await _time_batch(decoder, mixed, photo)
        runs.append((alone, among, among / alone, alone_cpu, among_cpu, among_cpu / alone_cpu))
    line = (
        "{:.2f} s alone, {:.2f} s with the hostile files, {:.2f} times; "
        "processor time {:.2f} s, {:.2f} s, {:.2f} times (medians)"
    )
    print(f"{GOOD_FILES} photos:", line.format(*map(statistics.median, zip(*runs, strict=True))))  # noqa: T201


async def _time_batch(decoder: Decoder, sources: Sequence[bytes], photo: bytes) -> tuple[float, float]:
    """Return wall and processor seconds of a batch; a child lives before and after it."""
    before = _cpu_seconds(decoder.child_pid)
    wall = await _time(decoder, sources)
    await decoder.render(photo, VARIANTS)
    return wall, _cpu_seconds(decoder.child_pid) - before


async def _measure_cage(caged: Decoder, uncaged: Decoder, photo: bytes, rounds: int) -> None:
    ratios: list[float] = []
    for _ in range(rounds * 3):
        inside, outside = [await _warm_cpu_seconds(decoder, [photo] * 5) for decoder in (caged, uncaged)]
        ratios.append(inside / outside)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(  # noqa: T201
        f"processor time of a warm photo in the cage: {middle:.3f} of the time without it "
        f"(quartiles {low:.3f} and {high:.3f})"
    )


async def _warm_cpu_seconds(decoder: Decoder, sources: Sequence[bytes]) -> float:
    """Return the processor seconds of worker and child alone; the child is the same throughout.

    It counts nanoseconds, `_cpu_seconds` hundredths of a second.
    """
    before = time.process_time() + _ran_seconds(decoder.child_pid)
    await _time(decoder, sources)
    return time.process_time() + _ran_seconds(decoder.child_pid) - before


def _ran_seconds(process: int | None) -> float:
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


async def _measure_forks(decoder: Decoder, photo: bytes) -> None:
    """Print the time from a failure to a tiny picture by the next child, without that picture's own time.

    A photo is rendered between two failures.
    """
    tiny, taken, own = pictures.saved(pictures.photo(16, 12), "png"), [], []
    for _ in range(50):
        await _time(decoder, [photo, tiny[: len(tiny) // 2]])
        taken.append(await _time(decoder, [tiny]))
        own.append(await _time(decoder, [tiny]))
    print(f"a new child: {1000 * (statistics.median(taken) - statistics.median(own)):.2f} ms (median)")  # noqa: T201


async def _measure_memory(decoder: Decoder, images: int) -> None:
    sources = [data for data, _ in hostile_files.files().values()]
    sources += [
        pictures.saved(pictures.photo(200 + 40 * n, 150 + 30 * n), form)
        for n in range(8)
        for form in pictures.FORMATS
    ]
    samples: list[tuple[float, float]] = []
    for done in range(images):
        await _time(
            decoder,
            [sources[done * 37 % len(sources)]],
            [Variant(width=160), Variant("b", width=90, format=Format.WEBP)],
        )
        if done % WINDOW_IMAGES == WINDOW_IMAGES - 1:
            samples.append(await _sample_memory(decoder))
    for what, found in zip(
        ("RSS of worker and zygote", "PSS of them and their children"),
        zip(*samples, strict=True),
        strict=True,
    ):
        rest = found[1:] or found
        percent = 100 * (max(rest) / min(rest) - 1)
        grown = f"after the first {WINDOW_IMAGES} images {min(rest):.1f} to {max(rest):.1f}, {percent:.1f} %"
        print(f"{what} in MB:", *(f"{each:.1f}" for each in found), f"({grown})")  # noqa: T201


async def _time(decoder: Decoder, sources: Sequence[bytes], wish: Sequence[Variant] = VARIANTS) -> float:
    started = time.perf_counter()
    for source in sources:
        try:
            await decoder.render(source, wish)
        except ImageFailed:
            continue
    return time.perf_counter() - started


async def _sample_memory(decoder: Decoder) -> tuple[float, float]:
    """Return `_lasting_mb` and `_held_mb`, with a child that has just made a picture and a spare."""
    await decoder.render(pictures.saved(pictures.photo(200, 150), "jpeg"), VARIANTS)
    await asyncio.sleep(SETTLED_SECONDS)
    zygote = _stat(decoder.child_pid)[1]
    return _lasting_mb(zygote), _held_mb(zygote)


def _stat(process: int | str | None) -> list[str]:
    """Return the fields of a process from its state on."""
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()


def _cpu_seconds(child: int | None) -> float:
    """Return the processor seconds of worker, zygote, all dead children and the living one."""
    its = _stat(child)
    ticks = sum(map(int, (*its[11:13], *_stat(its[1])[11:15], *_stat("self")[11:13])))
    return ticks / os.sysconf("SC_CLK_TCK")


def _lasting_mb(zygote: str) -> float:
    """Return the resident MiB of worker and zygote, the two processes that live on."""
    pages = sum(int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in ("self", zygote))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _held_mb(zygote: str) -> float:
    """Return the MiB of worker, zygote and all its children; shared pages are counted once (PSS)."""
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
