"""One contestant, one case: the worker's own step through decoder and child, as pool and shards run it.

Prints a line of JSON.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.child import needed_codecs
from imagejobs_worker.child.decoder import Decoder

PLAIN = "without_simd:render"
SAMPLE_SECONDS = 0.002


async def main(render: str, case: dict[str, Any], source: bytes) -> tuple[dict[str, Any], bytes]:
    """Make the case's image repeatedly for the case's seconds; return the costs, and the result.

    All processor time of parent and child counts.
    """
    variant = Variant(
        width=case["width"],
        format=Format(case["format"]),
        quality=case["quality"],
        max_size=case["max_bytes"],
    )
    decoder = Decoder(Limits(), render=render)
    await decoder.start()
    # After these its children have all codecs that they will ever load.
    for _ in range(needed_codecs.LARGE_PNG_FILES):
        picture = (await decoder.render(source, [variant])).pictures[0]
    child = decoder.child_pid or 0
    images, began, before = 0, time.perf_counter(), _seconds(child)
    while images < 2 or time.perf_counter() - began < case["seconds"]:
        await decoder.render(source, [variant])
        images += 1
    used, took = _seconds(child) - before, time.perf_counter() - began
    peak = await _peak_mb(decoder, source, variant)
    await decoder.close()
    cost = {
        "cpu_ms": 1000 * used / images,
        "wall_ms": 1000 * took / images,
        "images": images,
        "bytes": len(picture.data),
        "peak_mb": peak,
    }
    return cost, picture.data


def _seconds(child: int) -> float:
    """Return the processor time of this process and the child, in ns; /proc/PID/stat counts in 10 ms."""
    return time.process_time() + int(Path(f"/proc/{child}/schedstat").read_text().split()[0]) / 1e9


async def _peak_mb(decoder: Decoder, source: bytes, variant: Variant) -> float:
    """Return the peak memory of parent, zygote and child during two images; shared pages count once."""
    processes = ("self", decoder.child_pid or 0, _parent(decoder.child_pid or 0))
    most, images = 0.0, asyncio.create_task(_twice(decoder, source, variant))
    while not images.done():
        most = max(most, sum(_mb(f"/proc/{pid}/smaps_rollup", "Pss:") for pid in processes))
        await asyncio.sleep(SAMPLE_SECONDS)
    await images
    return most


async def _twice(decoder: Decoder, source: bytes, variant: Variant) -> None:
    for _ in range(2):
        await decoder.render(source, [variant])


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def _mb(path: str, field: str) -> float:
    return next(
        int(line.split()[1]) / 1024 for line in Path(path).read_text().splitlines() if line.startswith(field)
    )


if __name__ == "__main__":
    case = json.loads(sys.argv[2])
    found, result = asyncio.run(
        main(PLAIN if sys.argv[1] == "plain" else "", case, Path(case["source"]).read_bytes())
    )
    Path(case["out"]).write_bytes(result)
    sys.stdout.write(json.dumps(found))
