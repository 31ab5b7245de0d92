"""Measures a small image from POST to the finished answer, over `imagejobs local`, and T1 beside it.

The targets are those of a warm stack and one client that sends one image after the other. Run it on a machine
that does nothing else.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from support.api.client import ApiClient
from support.servers import local_stack

WARM_UP_IMAGES = 10


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request.

    Attributes:
        target_ms: Bound of the median in milliseconds, None if the median is only shown.
    """

    name: str
    image: bytes
    width: int
    target_ms: float | None = None


def main() -> int:
    """Measure and print; return 1 if a target was missed."""
    arguments = _arguments()
    photo = arguments.photo.read_bytes() if arguments.photo else local_stack.photo(2725, 2225)
    cases = [
        Case("640x480 -> 320", local_stack.photo(640, 480), 320, 100.0),
        Case("T1: 2725x2225 -> 720", photo, 720),
    ]
    with tempfile.TemporaryDirectory() as folder, local_stack.running(Path(folder) / "data") as stack:
        medians = [measure(stack, case, arguments.rounds) for case in cases]
    return int(
        any(
            case.target_ms is not None and median > case.target_ms
            for case, median in zip(cases, medians, strict=True)
        )
    )


def measure(stack: local_stack.LocalStack, case: Case, rounds: int) -> float:
    """Send one image after the other, print one row, and return the median in milliseconds."""
    with local_stack.client(stack) as client:
        for _ in range(WARM_UP_IMAGES):
            client.post_image(case.image, width=case.width)
        times = sorted(time_image(client, case) for _ in range(rounds))
    p50, p95 = median(times), quantiles(times, n=20)[-1]
    target = f"(target < {case.target_ms:g} ms)" if case.target_ms else ""
    size = f"{case.name:<22} {len(case.image) // 1000:>5} kB"
    sys.stdout.write(f"{size}   p50 {p50:6.1f} ms   p95 {p95:6.1f} ms   {target}\n")
    return p50


def time_image(client: ApiClient, case: Case) -> float:
    """Return the milliseconds of one image."""
    began = time.perf_counter()
    answer = client.post_image(case.image, width=case.width)
    taken = time.perf_counter() - began
    if answer.status_code != 200:
        raise SystemExit(f"{case.name}: {answer.status_code} {answer.text}")
    return taken * 1000


def median(ordered: Sequence[float]) -> float:
    """Return the middle of sorted times."""
    return ordered[len(ordered) // 2]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--photo", type=Path, help="A photo for T1 instead of a made one.")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
