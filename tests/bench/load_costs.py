"""Costs of a process and all its descendants, read from /proc: processor time, memory and descriptors."""

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from support.servers import local_stack

TICKS = os.sysconf("SC_CLK_TCK")
MB = 2**20
SAMPLE_SECONDS = 0.5
Pids = Mapping[str, int]
"""Part of the service -> pid of its first process."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Processor seconds so far: of parts, of this process, and of all processes on the machine."""

    parts: Mapping[str, float]
    client: float
    machine: float

    def since(self, before: "Seconds") -> "Seconds":
        """Return the seconds spent in between."""
        parts = {name: seconds - before.parts.get(name, 0.0) for name, seconds in self.parts.items()}
        return Seconds(parts, self.client - before.client, self.machine - before.machine)

    @property
    def others(self) -> float:
        """Return the seconds of all processes that are no part of the measurement."""
        return max(0.0, self.machine - self.client - sum(self.parts.values()))


def spent(pids: Pids) -> Seconds:
    """Return the seconds spent until now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    busy = sum(map(int, fields[:3])) + sum(map(int, fields[5:8]))
    return Seconds(
        {name: _of_tree(pid) for name, pid in pids.items()}, used.ru_utime + used.ru_stime, busy / TICKS
    )


def _of_tree(pid: int) -> float:
    """Return the seconds of a process, its living descendants, and those that they have waited for."""
    return sum(map(_of_one, (pid, *local_stack.descendants(pid))))


def _of_one(pid: int) -> float:
    with suppress(OSError):
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15])) / TICKS
    return 0.0


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    with suppress(OSError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MB
    return 0.0


def tree_mb(pid: int) -> float:
    """Return the memory of a process and its descendants in MiB (PSS: shared pages are counted once)."""
    return sum(map(_pss_mb, (pid, *local_stack.descendants(pid))))


def _pss_mb(pid: int) -> float:
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return 0.0


def descriptors(pid: int) -> int:
    """Return the number of descriptors that a process and its descendants have open."""
    count = 0
    for each in (pid, *local_stack.descendants(pid)):
        with suppress(OSError):
            count += len(os.listdir(f"/proc/{each}/fd"))  # noqa: PTH208 - half the time of iterdir
    return count


@contextmanager
def sampled(look: Callable[[], float], seconds: float = SAMPLE_SECONDS) -> Iterator[list[float]]:
    """Take samples while the block runs; yield their list, which grows meanwhile."""
    seen: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(seconds):
            seen.append(look())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


@contextmanager
def clocked() -> Iterator[Callable[[], float]]:
    """Yield a function that returns the seconds since the block began."""
    began = time.monotonic()
    yield lambda: time.monotonic() - began
