"""Bounds the open event streams and archives, of each caller and of all; refuses one more with 429."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code

RETRY_SECONDS = 5


class StreamLimit:
    """Counts the open streams of one kind.

    Args:
        kind: Name of the kind, in the plural, for messages.
        max_streams: Of all callers together.
        max_caller_streams: Of one caller.
    """

    def __init__(self, kind: str, max_streams: int, max_caller_streams: int) -> None:
        self._kind = kind
        self._max_streams = max_streams
        self._max_caller_streams = max_caller_streams
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    def check(self, caller: str) -> None:
        """Refuse one more stream if too many are open.

        Args:
            caller: The caller's name; "" where no keys are needed. Then only the sum over all is bounded.

        Raises:
            Problem: `rate_limited`.
        """
        if self._open.total() >= self._max_streams:
            raise Problem(
                Code.RATE_LIMITED,
                f"{self._max_streams} {self._kind} are open, as many as may be.",
                retry_after_seconds=RETRY_SECONDS,
            )
        if caller and self._open[caller] >= self._max_caller_streams:
            raise Problem(
                Code.RATE_LIMITED,
                f"You have {self._max_caller_streams} {self._kind} open, as many as you may.",
                retry_after_seconds=RETRY_SECONDS,
            )

    @contextmanager
    def counting(self, caller: str) -> Iterator[None]:
        """Count a stream as open for the length of the block."""
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]
