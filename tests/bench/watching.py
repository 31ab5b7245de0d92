"""Watches a pod's processes from outside: time until its child, memory, processor time of each kind."""

import contextlib
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

SAMPLE_SECONDS = 0.004
"""For one image; a sample costs a millisecond, so longer runs are sampled less often."""


@dataclass(slots=True)
class Watched:
    """Observations of one pod; times in milliseconds, memory in MB of PSS, which counts shared pages once.

    Attributes:
        born: From exec until its first child, which makes the image, was seen.
        start: Memory of the pod's own process when its inputs were read.
        held: Memory of all its processes when the child was forked.
        peak: Largest memory of all its processes together.
        zygotes: Processor time of the clean processes.
        children: Processor time of the caged ones: decoding, resizing, encoding.
    """

    born: float = 0.0
    start: float = 0.0
    held: float = 0.0
    peak: float = 0.0
    zygotes: float = 0.0
    children: float = 0.0
    _spent: dict[int, float] = field(default_factory=dict)

    def sample(self, pid: int, log: Path, began: float) -> bool:
        """Take one sample; return False if the pod has ended."""
        zygotes = descendants(pid, 1)
        children = [each for zygote in zygotes for each in descendants(zygote, 1)]
        held = [pss_mb(each) for each in (pid, *zygotes, *children)]
        if not held[0]:
            return not has_ended(pid)
        if children and not self.born:
            self.born, self.held = 1000 * (time.perf_counter() - began), sum(held)
        if not self.start and any(line["event"] == "ready" for line in events(log)):
            self.start = held[0]
        self.peak = max(self.peak, sum(held))
        self.zygotes, self.children = self._total(zygotes, self.zygotes), self._total(children, self.children)
        return True

    def _total(self, pids: list[int], before: float) -> float:
        """Add the time that these processes spent since the last sample."""
        fresh = {pid: spent_ms(pid) for pid in pids}
        gained = sum(max(0.0, now - self._spent.get(pid, 0.0)) for pid, now in fresh.items())
        self._spent |= {pid: max(now, self._spent.get(pid, 0.0)) for pid, now in fresh.items()}
        return before + gained


def watch(pid: int, log: Path, began: float) -> Watched:
    """Watch a pod that was started at `began` (`perf_counter`) until it ends."""
    _take_priority()
    seen = Watched()
    while seen.sample(pid, log, began):
        time.sleep(max(SAMPLE_SECONDS, (time.perf_counter() - began) / 20))
    return seen


def _take_priority() -> None:
    """Run at real-time priority if the system allows it.

    On a busy machine a process can start and end between two samples.
    """
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def idle_seconds() -> float:
    """Return the seconds that the machine's cores have been idle together."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return int(fields[4]) / os.sysconf("SC_CLK_TCK")


def descendants(pid: int, depth: int = 9) -> list[int]:
    """Return the children of a process, and theirs."""
    try:
        found = [
            int(each)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for each in (task / "children").read_text().split()
        ]
    except OSError:
        return []
    return [
        each for child in found for each in (child, *(descendants(child, depth - 1) if depth > 1 else []))
    ]


def has_ended(pid: int) -> bool:
    """Return whether a process has ended; during exec a process has no memory either."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def spent_ms(pid: int) -> float:
    """Return the processor time of a process of one thread, in milliseconds; 0 once it is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
    except (OSError, IndexError):
        return 0.0


def pss_mb(pid: int) -> float:
    """Return the memory of a process in MB, pages that it shares counted in part; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def events(log: Path) -> list[dict[str, str]]:
    """Return the complete lines of a log, parsed."""
    return [
        json.loads(line)
        for line in log.read_text().splitlines()
        if line.startswith("{") and line.endswith("}")
    ]
