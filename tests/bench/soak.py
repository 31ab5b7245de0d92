"""`make bench-soak`: memory, descriptors and processor time of the service over a long moderate load.

Flat means that the last quarter of the time uses no more than the second one, within a small margin:
nothing of a job may stay behind in a process. The API's list of jobs is made short, so that it is full
early.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import load_client
import load_costs
import load_sides
from support.servers import local_stack

OURS = ("api", "operator", "worker-1", "worker-2")
LISTED_JOBS = 200
SAMPLE_SECONDS = 10.0
MARGIN_FACTOR, MARGIN_MB, MARGIN_DESCRIPTORS = 1.1, 4.0, 8


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of one part.

    Attributes:
        cpu: Processor seconds so far.
    """

    mb: float
    descriptors: int
    cpu: float


def main() -> int:
    """Load, sample, print; return 1 if something grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=3.0, help="Images a second.")
    parser.add_argument("--photo", type=Path)
    given = parser.parse_args()
    photo = given.photo.read_bytes() if given.photo else local_stack.photo(1200, 900)
    with (
        tempfile.TemporaryDirectory() as folder,
        local_stack.running(Path(folder) / "data", environ={"MAX_LISTED_JOBS": str(LISTED_JOBS)}) as stack,
    ):
        side, pids = load_sides.ours(stack, photo), load_sides.parts(stack)
        samples: list[dict[str, Sample]] = []
        ended = threading.Event()
        sending = threading.Thread(target=_send, args=(side, given.rate, ended))
        sending.start()
        until = time.monotonic() + 60 * given.minutes
        while time.monotonic() < until and sending.is_alive():
            time.sleep(SAMPLE_SECONDS)
            samples.append({name: _take_sample(pid) for name, pid in pids.items()})
        ended.set()
        sending.join()
    sys.stdout.write("\n".join(_lines(samples)) + "\n")
    return int(any(_grew([each[name] for each in samples]) for name in OURS))


def _send(side: load_sides.Side, rate: float, ended: threading.Event) -> None:
    connection = load_client.Connection(side.target.host, side.target.port)
    while not ended.wait(1 / rate):
        answer = connection.ask(side.target.request)
        if answer.status not in (200, 202):
            sys.stderr.write(f"{answer.status} {answer.body.decode(errors='replace')}\n")
            return


def _take_sample(pid: int) -> Sample:
    return Sample(load_costs.tree_mb(pid), load_costs.descriptors(pid), load_costs.spent({"": pid}).parts[""])


def _quarter(samples: Sequence[Sample], number: int) -> Sequence[Sample]:
    size = len(samples) // 4
    return samples[(number - 1) * size : number * size]


def _grew(samples: Sequence[Sample]) -> bool:
    before, after = _quarter(samples, 2), _quarter(samples, 4)
    held = [statistics.median(each.mb for each in part) for part in (before, after)]
    opened = [statistics.median(each.descriptors for each in part) for part in (before, after)]
    return held[1] > held[0] * MARGIN_FACTOR + MARGIN_MB or opened[1] > opened[0] + MARGIN_DESCRIPTORS


def _lines(samples: Sequence[dict[str, Sample]]) -> list[str]:
    lines = ["by quarters      MB (PSS)                     descriptors              % of a core"]
    for name in samples[0]:
        quarters = [_quarter([each[name] for each in samples], number) for number in (1, 2, 3, 4)]
        held = " ".join(f"{statistics.median(each.mb for each in quarter):6.1f}" for quarter in quarters)
        opened = " ".join(
            f"{statistics.median(each.descriptors for each in quarter):5.0f}" for quarter in quarters
        )
        spent = " ".join(
            f"{100 * (each[-1].cpu - each[0].cpu) / (SAMPLE_SECONDS * (len(each) - 1)):5.1f}"
            for each in quarters
        )
        mark = "  GREW" if name in OURS and _grew([each[name] for each in samples]) else ""
        lines.append(f"  {name:12} {held}   {opened}   {spent}{mark}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
