"""Whether a pool worker is alive and ready: when it last polled its queue, and whether the queue answered."""

import time
from collections.abc import Callable

from imagejobs_contract.runtime import probes


class Liveness:
    """Answers the probes of a pool worker; `Pool` records each poll.

    Args:
        image_seconds: How long one image may take; a full worker does not poll meanwhile.
        clock: Seconds that only grow.
    """

    def __init__(self, image_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_idle_seconds = probes.STUCK_SECONDS + image_seconds
        self._clock = clock
        self._polled_at = clock()
        self._connected = False

    def record_poll(self, *, connected: bool) -> None:
        """Record a poll of the queue, and whether the queue answered."""
        self._polled_at = self._clock()
        self._connected = connected

    def check_alive(self) -> str:
        """Return the fault if no poll was made for longer than the longest image takes, else ""."""
        idle = self._clock() - self._polled_at
        return f"has not looked for work for {idle:.0f} s" if idle >= self._max_idle_seconds else ""

    def check_ready(self) -> str:
        """Return the fault if the queue did not answer the last poll, else ""."""
        return "" if self._connected else "the queue in Redis does not answer"
