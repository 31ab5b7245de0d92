"""How many streams are open that have no end of their own: of each caller, and in all. Refuses with 429 what would be too many."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from imagejobs_api.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.limits import Limits

RETRY_SECONDS = 5


class OpenStreams:
    """Counts open streams."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.max_event_streams
        self._most_of_one = limits.max_caller_event_streams
        self._open: Counter[str] = Counter()

    def check(self, caller: str) -> None:
        """Refuse one more if there are too many; where callers have no names, only all of them together are bounded.

        Raises:
            Problem: `rate_limited`.
        """
        if self._open.total() >= self._most:
            raise Problem(Code.RATE_LIMITED, f"{self._most} event streams are open, as many as may be.", retry_after_seconds=RETRY_SECONDS)
        if caller and self._open[caller] >= self._most_of_one:
            raise Problem(
                Code.RATE_LIMITED, f"You have {self._most_of_one} event streams open, as many as you may.", retry_after_seconds=RETRY_SECONDS
            )

    @contextmanager
    def counted(self, caller: str) -> Iterator[None]:
        """Count a stream as open for the length of the block."""
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]
