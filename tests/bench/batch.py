"""Measures how busy a batch keeps the decoders, and which programs use the cores: `make bench-batch`.

A pod of a Job with one child per core does T1 a hundred times against a real S3 on the same machine, or a
photo of another `--size`. Figures are in cores, from the start of its first child to its end: cores that
children used for pictures, cores of the worker's parent, of S3 and of Redis, and idle cores. `supplied` is
the share of that time in which a child had an image, running or waiting for a core: the part that the
worker is responsible for, whatever else the machine does. `pictures` is the children's share of all the
worker's time: the share that a batch reaches if S3 has cores of its own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pod
import watching
from support.servers import data_servers, local_stack

SAMPLE_SECONDS = 0.02
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds at one moment: `clock` of wall time, `waited` for a core, all others of processor time.

    Attributes:
        children: Of the caged processes; together with `waited` it is the time in which they had work.
        idle: Of all cores.
    """

    clock: float
    children: float
    waited: float
    worker: float
    s3: float
    redis: float
    idle: float


def main() -> None:
    """Measure and print the median of each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--parallel", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--size", default="2725x2225", help="Of the photo that is made if none is given.")
    given = parser.parse_args()
    photo = given.photo.read_bytes() if given.photo else local_stack.photo(*map(int, given.size.split("x")))
    with tempfile.TemporaryDirectory() as folder, pod.served(Path(folder)) as (s3, redis):
        pod.make_bucket(s3)
        rounds = [batch(s3, redis, photo, Path(folder) / "log", given) for _ in range(given.rounds + 1)][1:]
    for name in rounds[0]:
        sys.stdout.write(f"{name:<12} {median(each[name] for each in rounds):6.2f}\n")


def batch(
    s3: data_servers.Server, redis: data_servers.Server, photo: bytes, log: Path, given: argparse.Namespace
) -> dict[str, float]:
    """Run one pod and return its figures.

    Raises:
        SystemExit: An image failed.
    """
    pod.lay_out(s3, photo, given.images)
    with log.open("wb") as out:
        environ = pod.environment(s3, redis) | {"MAX_PARALLEL": str(given.parallel)}
        process = subprocess.Popen(
            [sys.executable, "-m", "imagejobs_worker", "shard"], env=environ, stdout=out, stderr=out
        )
        first, last = watch(
            process, lambda: take_sample(process.pid, given.parallel, s3.process.pid, redis.process.pid)
        )
    if process.wait() or sum(each.succeeded for each in pod.results(s3)) != given.images:
        raise SystemExit(log.read_text())
    wall = last.clock - first.clock
    cores = {
        name: (getattr(last, name) - getattr(first, name)) / wall
        for name in ("children", "worker", "s3", "redis", "idle")
    }
    had_work = last.children - first.children + last.waited - first.waited
    pictures = cores["children"] / (cores["children"] + cores["worker"])
    return {
        "images/s": given.images / wall,
        "supplied": had_work / wall / given.parallel,
        "pictures": pictures,
        **cores,
    }


def watch(process: subprocess.Popen[bytes], take: Callable[[], Times | None]) -> tuple[Times, Times]:
    """Return the first and the last sample of a worker that has all its children."""
    seen: list[Times] = []
    while process.poll() is None:
        if found := take():
            seen[1:] = [found]
        time.sleep(SAMPLE_SECONDS)
    return seen[0], seen[-1]


def take_sample(pid: int, parallel: int, s3: int, redis: int) -> Times | None:
    """Take a sample of a worker; None before it has all its children, and after it lost one."""
    zygotes = watching.descendants(pid, 1)
    children = [each for zygote in zygotes for each in watching.descendants(zygote, 1)]
    spent = [read_schedule(each) for each in children]
    if len(children) != parallel or None in spent:
        return None
    ran, waited = (sum(column) for column in zip(*(each for each in spent if each), strict=True))
    worker = processor_seconds(pid) + sum(processor_seconds(each) for each in zygotes)
    return Times(
        time.perf_counter(),
        ran,
        waited,
        worker,
        processor_seconds(s3),
        processor_seconds(redis),
        watching.idle_seconds(),
    )


def read_schedule(pid: int) -> tuple[float, float] | None:
    """Return the seconds that a process of one thread ran, and those that it waited for a core."""
    try:
        ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except OSError:
        return None
    return int(ran) / 1e9, int(waited) / 1e9


def processor_seconds(pid: int) -> float:
    """Return the processor time of all threads of a process and of its children that were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) * _TICK_SECONDS


if __name__ == "__main__":
    main()
