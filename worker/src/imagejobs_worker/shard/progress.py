"""Reports a shard's progress to the board: absolute counters, so that a repeated report never counts twice.

An outage of Redis stops nothing here.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model import limits
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_worker.shard.shard_key import ShardKey

log = logging.getLogger(__name__)


class ShardBoard(Protocol):
    """The part of `ports.ProgressBoard` that a shard needs."""

    async def put_shard(
        self, key: JobKey, uid: Uid, shard: int, counts: Counts, outcomes: Sequence[Outcome] = ()
    ) -> None:
        """Write a shard's counters."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class Progress:
    """Reports one shard; `Shard` makes it, `ShardRun` calls it once a second.

    Args:
        make_board: Called with the first report: importing a Redis client takes longer than the first image.
        key: Which shard.
        total: Images of the whole job; outcomes are reported too if the job is small.
    """

    def __init__(self, make_board: Callable[[], ShardBoard], key: ShardKey, total: int) -> None:
        self._make_board = make_board
        self._board: ShardBoard | None = None
        self._key = key
        self._total = total
        self._reported: Counts | None = None
        self._reported_outcomes = 0

    async def report(self, ended: Sequence[Outcome], active: int) -> None:
        """Write the counters, and the outcomes since the last report, unless nothing changed.

        Args:
            ended: All current outcomes, oldest first.
            active: Images in hand.
        """
        succeeded = sum(each.succeeded for each in ended)
        counts = Counts(self._total, active, succeeded, len(ended) - succeeded)
        if counts == self._reported:
            return
        self._board = self._board or self._make_board()
        fresh = ended[self._reported_outcomes :] if self._total <= limits.MAX_ITEMS else ()
        try:
            await self._board.put_shard(self._key.job, self._key.uid, self._key.shard, counts, fresh)
        except Unavailable as ex:
            log.warning("progress not told", extra={"reason": ex.message})
        else:
            self._reported, self._reported_outcomes = counts, len(ended)

    async def finish(self, ended: Sequence[Outcome]) -> None:
        """Report everything for the last time, and close the board.

        No image is in hand any more, and Redis may have lost earlier reports.
        """
        self._reported, self._reported_outcomes = None, 0
        await self.report(ended, 0)
        if self._board is not None:
            await self._board.close()
