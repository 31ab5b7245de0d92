"""The limits that a child lives under, and a report of those that were seen to hold.

Shared by the worker and the zygote; the layers themselves are in `cage`.
"""

from enum import StrEnum
from typing import NamedTuple

EXIT_NOT_CAGED = 77
"""Exit code (EX_NOPERM) of a child that could not enter the cage that is required."""


class SandboxMode(StrEnum):
    """The layers of the cage that are required."""

    REQUIRED = "required"
    """All layers; without one of them the worker does not start."""
    BEST = "best"
    """The layers that the kernel has."""
    OFF = "off"
    """Resource limits only, neither Landlock nor seccomp: for debuggers and profilers."""


class SandboxConfig(NamedTuple):
    """The limits that a child lives under.

    Attributes:
        mode: The layers that are required.
        memory_bytes: Address space of the child.
        cpu_seconds: Processor time of the child's whole life.
        threads: Whether it may start threads: one codec, HEIC, cannot do without.
    """

    mode: SandboxMode
    memory_bytes: int
    cpu_seconds: int = 600
    threads: bool = False


class SandboxReport(NamedTuple):
    """The layers that were seen to hold.

    Attributes:
        landlock: Version of Landlock; 0 if a file could be opened in spite of it.
        seccomp: Whether a forbidden call ended the process.
    """

    landlock: int = 0
    seccomp: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the names of the layers that do not hold."""
        return tuple(name for name, held in self._asdict().items() if not held)
