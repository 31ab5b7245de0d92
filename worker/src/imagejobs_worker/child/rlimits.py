"""Limits that every Unix has (setrlimit), as tight as a decoder can live with.

They hold where the kernel has no cage.
"""

import resource
import sys

_DESCRIPTORS = 3
"""The socket, the null device and a pipe to itself are open; no more can be opened."""


def limit_process(memory_bytes: int, cpu_seconds: int, *, threads: bool = False) -> None:
    """Limit this process for good: no core file, no file written, no process, no descriptor.

    Its address space is `memory_bytes`. Memory beyond that is a MemoryError, not a kill: the image fails and
    its neighbours do not notice. After `cpu_seconds` of processor time the kernel ends it: for each image it
    gets a lower limit, which it could lift, up to this one.
    """
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    if not threads:  # the kernel counts them as processes
        _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_NOFILE, _DESCRIPTORS)
    if sys.platform == "linux":  # macOS does not enforce RLIMIT_AS
        _limit(resource.RLIMIT_AS, memory_bytes)


def _limit(which: int, most: int) -> None:
    resource.setrlimit(which, (most, most))
