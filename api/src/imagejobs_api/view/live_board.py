"""The progress board as the API uses it: with little patience.

What it does not tell at once is told from the store and S3.

After a failure it is left alone for a moment, so that a Redis which swallows packets costs one request half a
second, and the others nothing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.names import Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.ports import ProgressBoard

T = TypeVar("T")

PATIENCE_SECONDS = 0.5
BLIND_SECONDS = 1.0

log = logging.getLogger(__name__)


class LiveBoard:
    """Asks the board, and never fails."""

    def __init__(self, board: ProgressBoard, clock: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._clock = clock
        self._blind_until = float("-inf")

    async def counts(self, uid: Uid) -> Counts | None:
        """Return a job's live counts; None if nothing is known."""
        return await self._ask(lambda: self._board.counts(uid))

    async def all_counts(self, uids: Sequence[Uid]) -> Sequence[Counts | None]:
        """Return the same for several jobs."""
        return await self._ask(lambda: self._board.all_counts(uids)) or [None] * len(uids)

    async def outcomes(self, uid: Uid) -> Mapping[int, Outcome]:
        """Return what is known of a job's ended images."""
        return await self._ask(lambda: self._board.outcomes(uid)) or {}

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T | None:
        if self._clock() < self._blind_until:
            return None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await call()
        except (TimeoutError, Unavailable) as ex:
            self._blind_until = self._clock() + BLIND_SECONDS
            log.warning("the board does not answer", extra={"reason": str(ex)})
            return None
