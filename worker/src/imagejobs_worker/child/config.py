"""What a child lives under, and how much of it was seen to hold; said between the worker and the zygote, without what a cage is made of."""

from enum import StrEnum
from typing import NamedTuple

EXIT_NOT_CAGED = 77
"""Exit code (EX_NOPERM) of a child that could not be caged as it was told to."""


class SandboxMode(StrEnum):
    """How much of a cage there has to be."""

    REQUIRED = "required"
    """All of it, or no work at all."""
    BEST = "best"
    """What the kernel has."""
    OFF = "off"
    """Limits only, neither Landlock nor seccomp: for debuggers and profilers."""


class SandboxConfig(NamedTuple):
    """What a child lives under.

    Attributes:
        mode: Which layers there have to be.
        memory_bytes: Address space that is left to it.
        threads: Whether it may start threads, for the one codec that cannot do without.
    """

    mode: SandboxMode
    memory_bytes: int
    threads: bool = False


class SandboxReport(NamedTuple):
    """What was seen to hold.

    Attributes:
        landlock: Its version, 0 if a file could be opened in spite of it.
        seccomp: A forbidden call ended the process.
    """

    landlock: int = 0
    seccomp: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the names of the layers that do not hold."""
        return tuple(name for name, held in self._asdict().items() if not held)
