"""Exponential back-off: the wait before something that failed is tried again."""

from random import SystemRandom

_MAX_DOUBLINGS = 64
"""A larger exponent would overflow a float in the end; no maximum is that many doublings above its first
wait.
"""


def delay_seconds(failures: int, first_seconds: float, max_seconds: float) -> float:
    """Return the wait after the n-th failure in a row.

    It is `first_seconds` after the first failure, doubled with each further one, and at most `max_seconds`.

    Args:
        failures: From 1.
    """
    doublings = min(max(failures, 1) - 1, _MAX_DOUBLINGS)
    return min(max_seconds, first_seconds * 2.0**doublings)


class Backoff:
    """Waits that double, each shortened by up to a half so that many workers do not come back at once."""

    def __init__(self, first_seconds: float, max_seconds: float) -> None:
        self._first_seconds = first_seconds
        self._max_seconds = max_seconds
        self._failures = 0
        self._random = SystemRandom()

    def next(self) -> float:
        """Return the next wait in seconds."""
        self._failures += 1
        longest = delay_seconds(self._failures, self._first_seconds, self._max_seconds)
        return longest * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin again with the first wait."""
        self._failures = 0
