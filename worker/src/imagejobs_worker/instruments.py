"""The measurements that the worker reports: steps, images, replaced children, spans.

Without METRICS_LISTEN they go to `NO_INSTRUMENTS`, and no library is imported for them.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

from imagejobs_contract.model.outcome import Outcome


class Step(StrEnum):
    """A step of an image's way."""

    FETCH = "fetch"
    RENDER = "render"
    STORE = "store"


class Recycle(StrEnum):
    """The reason why a child was replaced."""

    OWNER = "owner"
    WORN = "worn"
    FAILURE = "failure"
    CODEC = "skill"
    """It was forked before the zygote had loaded a codec that the next image needs: a format, the face
    detector, or the fast decoder of large PNGs.
    """


class Instruments(Protocol):
    """Takes measurements; `metrics.Metrics` counts them."""

    def record_image(self, outcome: Outcome) -> None:
        """Record an image's outcome."""
        ...

    def record_step(self, step: Step, seconds: float) -> None:
        """Record the time of one try of a step, in seconds."""
        ...

    def record_recycle(self, reason: Recycle) -> None:
        """Record that a child was replaced."""
        ...

    def count_spans(self, end: str, number: int) -> None:
        """Count spans by their end: sent, failed or dropped."""
        ...


class NoInstruments:
    """Implements `Instruments` by doing nothing."""

    def record_image(self, outcome: Outcome) -> None:
        """Do nothing."""

    def record_step(self, step: Step, seconds: float) -> None:
        """Do nothing."""

    def record_recycle(self, reason: Recycle) -> None:
        """Do nothing."""

    def count_spans(self, end: str, number: int) -> None:
        """Do nothing."""


NO_INSTRUMENTS = NoInstruments()


@contextmanager
def time_step(instruments: Instruments, step: Step) -> Iterator[None]:
    """Record the time of the block, also if it raises."""
    begin = time.perf_counter()
    try:
        yield
    finally:
        instruments.record_step(step, time.perf_counter() - begin)
