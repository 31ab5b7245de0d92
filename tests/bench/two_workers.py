"""Measures the work of two workers on two cores as a multiple of one worker's: `make bench-two`.

T1, the worker's own step, S3 excluded, taking turns.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import rivals
from support.servers import local_stack

SECONDS = 3.0
TARGET_RATIO = 1.85


def main() -> int:
    """Measure and print; return 1 if the target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photo", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = given.photo or Path(folder, "photo")
        if not given.photo:
            source.write_bytes(local_stack.photo(2725, 2225))
        ratios = [images_per_second(source, 2) / images_per_second(source, 1) for _ in range(given.rounds)]
    span = f"{min(ratios):.2f} to {max(ratios):.2f}"
    sys.stdout.write(
        f"two workers do {median(ratios):.2f} times the work of one ({span}; target {TARGET_RATIO})\n"
    )
    return int(median(ratios) < TARGET_RATIO)


def images_per_second(source: Path, workers: int) -> float:
    """Return the images per second of `workers` workers together."""
    case = {
        "source": str(source),
        "width": 720,
        "format": "jpeg",
        "quality": 80,
        "max_bytes": None,
        "seconds": SECONDS,
        "out": "/dev/null",
    }
    running = [
        subprocess.Popen([*rivals.worker(), json.dumps(case)], stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    return sum(1000 / json.loads(each.communicate()[0])["wall_ms"] for each in running)


if __name__ == "__main__":
    sys.exit(main())
