"""The progress board behind a circuit breaker, because every answer can also be given from the store and S3.

After a failure the board is not called for `OPEN_SECONDS`. So a Redis that swallows packets delays one
request by half a second, and the others not at all.
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

TIMEOUT_SECONDS = 0.5
OPEN_SECONDS = 1.0

log = logging.getLogger(__name__)


class BoardWithBreaker:
    """Calls the board and never raises: a call that fails, or is not made, returns nothing known.

    Used by `LiveCounts` and `Outcomes`, which then read the store and S3; lives as long as the app.
    """

    def __init__(self, board: ProgressBoard, clock: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._clock = clock
        self._open_until = float("-inf")

    async def counts(self, uid: Uid) -> Counts | None:
        """Return a job's live counts; None if the board does not know them."""
        return await self._call(lambda: self._board.counts(uid))

    async def all_counts(self, uids: Sequence[Uid]) -> Sequence[Counts | None]:
        """Return the live counts of several jobs, in their order."""
        return await self._call(lambda: self._board.all_counts(uids)) or [None] * len(uids)

    async def outcomes(self, uid: Uid) -> Mapping[int, Outcome]:
        """Return the outcomes of a job's finished images, as far as the board knows them."""
        return await self._call(lambda: self._board.outcomes(uid)) or {}

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T | None:
        if self._clock() < self._open_until:
            return None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await call()
        except (TimeoutError, Unavailable) as ex:
            self._open_until = self._clock() + OPEN_SECONDS
            log.warning("the board does not answer", extra={"reason": str(ex)})
            return None
