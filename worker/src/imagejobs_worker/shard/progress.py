"""Tells the progress board how far a shard is: absolute counters, so that a repeat never counts twice.

Redis away stops nothing here.
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


class Board(Protocol):
    """What is needed of `ports.ProgressBoard`."""

    async def put_shard(
        self, key: JobKey, uid: Uid, shard: int, counts: Counts, outcomes: Sequence[Outcome] = ()
    ) -> None:
        """Write a shard's counters."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class Progress:
    """Reports one shard.

    Args:
        make_board: Called with the first report: importing a Redis client takes longer than the first image.
        key: Which shard.
        total: Images of the whole job; of small jobs the outcomes are told too.
    """

    def __init__(self, make_board: Callable[[], Board], key: ShardKey, total: int) -> None:
        self._make_board = make_board
        self._board: Board | None = None
        self._key = key
        self._total = total
        self._told: Counts | None = None
        self._told_outcomes = 0

    async def report(self, ended: Sequence[Outcome], active: int) -> None:
        """Write the counters, and the outcomes since the last report, unless nothing changed.

        Args:
            ended: All outcomes that stand, oldest first.
            active: Images in hand.
        """
        succeeded = sum(each.succeeded for each in ended)
        counts = Counts(self._total, active, succeeded, len(ended) - succeeded)
        if counts == self._told:
            return
        self._board = self._board or self._make_board()
        fresh = ended[self._told_outcomes :] if self._total <= limits.MAX_ITEMS else ()
        try:
            await self._board.put_shard(self._key.job, self._key.uid, self._key.shard, counts, fresh)
        except Unavailable as ex:
            log.warning("progress not told", extra={"reason": ex.message})
        else:
            self._told, self._told_outcomes = counts, len(ended)

    async def end(self, ended: Sequence[Outcome]) -> None:
        """Report for the last time, everything: nothing is in hand any more, and Redis may have forgotten what it was told."""
        self._told, self._told_outcomes = None, 0
        await self.report(ended, 0)
        if self._board is not None:
            await self._board.close()
