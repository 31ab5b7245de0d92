"""`make bench-load`: the whole service on this machine under load, and a Node server with sharp beside it.

Both run in the same run, taking turns.

1. Eight clients post T1 one after the other: finished images per second, processor time of one, latency,
   the API's memory.
2. 200 T1 over eight connections until all are in S3.
3. 64 clients with 24 MP photos: which requests are refused and how, `/healthz`'s time meanwhile, the API's
   memory.

Each figure comes with the cores that other programs used: they slow both sides, but not evenly. Processor
time per image is the steadier measure.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import load_sides
import rivals
import sources
from load_acts import Batch, Overload, Steady, batch, overload, steady
from load_sides import KEEPS, Side
from load_table import report, show
from support.servers import local_stack

CACHE = Path(__file__).parents[2] / ".cache/bench"
REPORT = Path("bench-load.json")


def main() -> int:
    """Measure and print; return 1 if a target was missed."""
    given = _arguments()
    photo, large = _photos(given.photo)
    command = rivals.server(CACHE)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        service = stack.enter_context(
            local_stack.running(
                folder / "data", *(("--workers", str(given.workers)) if given.workers else ())
            )
        )
        sides = [load_sides.ours(service, photo)]
        sides += [
            stack.enter_context(load_sides.rival(command, service, keeps, photo))
            for keeps in KEEPS
            if command
        ]
        storage = {load_sides.STORAGE: service.part("weed")}
        results: list[Steady | Batch | Overload] = []
        if "steady" in given.only:
            results.append(steady(sides, storage, given.clients, given.seconds, given.rounds))
            show(results[-1])
        if "batch" in given.only:
            results.append(batch(sides, given.clients, given.images, given.rounds))
            show(results[-1])
        if "overload" in given.only:
            results.append(overload(_with_photo(sides[0], service, large), given.overload_seconds))
            show(results[-1])
    REPORT.write_text(json.dumps(report(results), indent=1))
    return int(any(each.missed for each in results))


def _with_photo(side: Side, service: local_stack.LocalStack, photo: bytes) -> Side:
    return Side(side.name, load_sides.ours(service, photo).target, side.parts)


def _photos(given: Path | None) -> tuple[bytes, bytes]:
    folder = CACHE / (hashlib.sha256(given.read_bytes()).hexdigest()[:12] if given else "made")
    sources.make(folder, given, only=("24mp.jpg",))
    return (folder / "t1.jpg").read_bytes(), (folder / "24mp.jpg").read_bytes()


def _arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--photo", type=Path, help="The JPEG that the inputs are made of; 2725x2225 for T1 to be T1."
    )
    parser.add_argument(
        "--only", nargs="*", default=["steady", "batch", "overload"], help="steady, batch, overload"
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=60.0, help="Of each side, in all rounds together.")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--overload-seconds", type=float, default=20.0)
    parser.add_argument("--workers", type=int, help="Of the service; else one a core.")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
