"""One contestant, one case: pyvips in one warm process, without its cache.

Prints a line of JSON. Imports nothing of imagejobs.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pyvips

pyvips.cache_set_max(0)
MAX_HEIGHT = 10_000_000


def render(source: bytes, case: dict[str, Any]) -> bytes:
    """Return the case's result, made with libvips's defaults."""
    options = {"option_string": "n=-1"} if case["animated"] else {}
    # Without a profile this would convert sRGB to sRGB, at twice the cost of the whole.
    options |= {"export_profile": "srgb"} if case["profile"] else {}
    image = pyvips.Image.thumbnail_buffer(source, case["width"], height=MAX_HEIGHT, **options)
    if case["max_bytes"]:
        return fit(image.copy_memory(), case["max_bytes"])
    match case["format"]:
        case "jpeg":
            return image.jpegsave_buffer(Q=case["quality"], keep="none")
        case "webp":
            return image.webpsave_buffer(Q=case["quality"], keep="none")
        case "avif":
            return image.heifsave_buffer(
                Q=case["quality"], compression="av1", effort=case["effort"], subsample_mode="on", keep="none"
            )
        case "gif":
            return image.gifsave_buffer()
        case _:
            return image.pngsave_buffer(keep="none")


def fit(image: pyvips.Image, max_bytes: int) -> bytes:
    """Return the largest JPEG within `max_bytes`, by bisection, as users of libvips do."""
    low, high, best = 1, 95, b""
    while low <= high:
        quality = (low + high) // 2
        data = image.jpegsave_buffer(Q=quality, keep="none")
        low, high, best = (quality + 1, high, data) if len(data) <= max_bytes else (low, quality - 1, best)
    return best


def main(case: dict[str, Any]) -> dict[str, Any]:
    """Make the case's image repeatedly for the case's seconds; return the costs."""
    source = Path(case["source"]).read_bytes()
    data = render(source, case)
    Path(case["out"]).write_bytes(data)
    images, began, before = 0, time.perf_counter(), time.process_time()
    while images < 2 or time.perf_counter() - began < case["seconds"]:
        render(source, case)
        images += 1
    used, took = time.process_time() - before, time.perf_counter() - began
    return {
        "cpu_ms": 1000 * used / images,
        "wall_ms": 1000 * took / images,
        "images": images,
        "bytes": len(data),
        "peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """Return this program's peak in MiB; getrusage would include the program before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
