"""How many streams are open that have no end of their own: of each caller, and in all.

Refuses with 429 what would be too many.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code

RETRY_SECONDS = 5


class StreamLimit:
    """Counts open streams of one kind.

    Args:
        kind: What they are, in the plural.
        most: Of all callers together.
        most_of_one: Of one caller.
    """

    def __init__(self, kind: str, most: int, most_of_one: int) -> None:
        self._kind = kind
        self._most = most
        self._most_of_one = most_of_one
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    def check(self, caller: str) -> None:
        """Refuse one more if there are too many; where callers have no names, only all of them together are bounded.

        Raises:
            Problem: `rate_limited`.
        """
        if self._open.total() >= self._most:
            raise Problem(
                Code.RATE_LIMITED,
                f"{self._most} {self._kind} are open, as many as may be.",
                retry_after_seconds=RETRY_SECONDS,
            )
        if caller and self._open[caller] >= self._most_of_one:
            raise Problem(
                Code.RATE_LIMITED,
                f"You have {self._most_of_one} {self._kind} open, as many as you may.",
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
