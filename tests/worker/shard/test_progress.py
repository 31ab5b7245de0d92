import asyncio

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model import limits
from imagejobs_contract.model.outcome import Outcome
from imagejobs_worker.shard.progress import Progress
from imagejobs_worker.shard.shard_key import ShardKey
from support.worker.process import JOB, UID

GOOD = [Outcome(index, "") for index in range(3)]
BAD = Outcome(3, "", code=Code.CORRUPT_IMAGE)


class Board:
    """Records its reports; the first `away` calls fail as an outage does."""

    def __init__(self, away=0):
        self.away = away
        self.reports = []
        self.closed = False

    async def put_shard(self, key, uid, shard, counts, outcomes=()):
        if self.away:
            self.away -= 1
            raise Unavailable
        self.reports.append(
            (counts.total, counts.active, counts.succeeded, counts.failed, [each.index for each in outcomes])
        )

    async def close(self):
        self.closed = True


def reported(reports, away=0, total=10):
    board = Board(away)

    async def scenario():
        progress = Progress(lambda: board, ShardKey(JOB, UID, 1, 4), total)
        for ended, active in reports:
            await progress.report(ended, active)
        return progress

    asyncio.run(scenario())
    return board.reports


def test_counters_are_absolute_and_outcomes_are_told_once():
    assert reported([(GOOD[:1], 2), (GOOD, 1), ([*GOOD, BAD], 0)]) == [
        (10, 2, 1, 0, [0]),
        (10, 1, 3, 0, [1, 2]),
        (10, 0, 3, 1, [3]),
    ]


def test_nothing_new_is_not_told():
    assert len(reported([(GOOD, 1), (GOOD, 1)])) == 1


def test_what_was_lost_while_redis_was_away_is_told_later():
    assert reported([(GOOD[:1], 1), (GOOD, 1)], away=1) == [(10, 1, 3, 0, [0, 1, 2])]


@pytest.mark.parametrize(
    ("total", "outcomes"),
    [(limits.MAX_ITEMS, [0, 1, 2]), (limits.MAX_ITEMS + 1, [])],
    ids=["small job", "large job"],
)
def test_outcomes_of_large_jobs_are_not_put_into_redis(total, outcomes):
    assert reported([(GOOD, 0)], total=total)[0][4] == outcomes


def test_the_last_report_tells_everything_again_and_closes_the_board():
    board = Board()

    async def scenario():
        progress = Progress(lambda: board, ShardKey(JOB, UID, 1, 4), 10)
        await progress.report(GOOD, 0)
        await progress.finish(GOOD)

    asyncio.run(scenario())
    assert (board.reports[-1], board.closed) == ((10, 0, 3, 0, [0, 1, 2]), True)
