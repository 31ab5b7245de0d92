"""What the worker tells of its work while it does it.

Without METRICS_LISTEN nobody listens, and nothing is imported for it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

from imagejobs_contract.model.outcome import Outcome


class Step(StrEnum):
    """A part of an image's way."""

    FETCH = "fetch"
    RENDER = "render"
    STORE = "store"


class Recycle(StrEnum):
    """Why a child was replaced by a fresh one."""

    OWNER = "owner"
    WORN = "worn"
    FAILURE = "failure"
    CODEC = "skill"
    """It was born before the zygote had learned what the next image needs: a format, to find faces, or the
    fast way with large PNGs.
    """


class Instruments(Protocol):
    """Listens."""

    def record_image(self, outcome: Outcome) -> None:
        """Take note of an image's outcome."""
        ...

    def record_step(self, step: Step, seconds: float) -> None:
        """Take note of a step's time."""
        ...

    def record_recycle(self, reason: Recycle) -> None:
        """Take note of a child's end."""
        ...

    def count_spans(self, end: str, number: int) -> None:
        """Take note of what became of spans."""
        ...


class NoInstruments:
    """Takes no note."""

    def record_image(self, outcome: Outcome) -> None:
        """See `Meter`."""

    def record_step(self, step: Step, seconds: float) -> None:
        """See `Meter`."""

    def record_recycle(self, reason: Recycle) -> None:
        """See `Meter`."""

    def count_spans(self, end: str, number: int) -> None:
        """See `Meter`."""


NO_INSTRUMENTS = NoInstruments()


@contextmanager
def time_step(instruments: Instruments, step: Step) -> Iterator[None]:
    """Measure the block, however it ends."""
    begin = time.perf_counter()
    try:
        yield
    finally:
        instruments.record_step(step, time.perf_counter() - begin)
