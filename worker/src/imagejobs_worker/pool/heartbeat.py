"""Whether a pool worker lives: when it last looked for work, and whether its queue answered then."""

import time
from collections.abc import Callable

from imagejobs_contract.runtime import probes


class Liveness:
    """What the pool tells of itself to probes.

    Args:
        image_seconds: How long one image may take; a full worker looks for no work meanwhile.
        clock: Seconds that only grow.
    """

    def __init__(self, image_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_idle_seconds = probes.STUCK_SECONDS + image_seconds
        self._clock = clock
        self._polled_at = clock()
        self._connected = False

    def record_poll(self, *, connected: bool) -> None:
        """Note a look for work, and whether the queue answered."""
        self._polled_at = self._clock()
        self._connected = connected

    def check_alive(self) -> str:
        """Tell what is wrong if no look for work was made for longer than the longest image takes."""
        idle = self._clock() - self._polled_at
        return f"has not looked for work for {idle:.0f} s" if idle >= self._max_idle_seconds else ""

    def check_ready(self) -> str:
        """Tell what is wrong if the queue did not answer."""
        return "" if self._connected else "the queue in Redis does not answer"
