"""A pool worker whose calendar is wrong: its tasks are as old as the queue says."""

import asyncio
from pathlib import Path

import pytest

from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.client import connect
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from support.clock.settable_calendar import Calendar
from support.clock.waiting import until_read
from support.worker.process import UID, Workers, task


@pytest.mark.parametrize("seconds", [-1200, 1200])
def test_a_calendar_that_is_off_by_twenty_minutes_ends_no_image(
    workers: Workers, redis_url: str, tmp_path: Path, seconds: int
) -> None:
    calendar = Calendar(tmp_path)
    calendar.set(seconds)
    worker = workers.pool(**calendar.variables())

    async def run() -> None:
        redis = connect(redis_url)
        queue, board = RedisTaskQueue(redis), RedisBoard(redis)
        await queue.send([task(0, key="in/0", lifetime_seconds=600.0)])
        # S3 refuses requests that are signed at another time. The task goes back, until the clock is right.
        refused = "storage does not take our settings"
        await asyncio.to_thread(worker.wait_for_event, refused)
        assert await board.outcomes(UID) == {}
        calendar.set(0)
        outcomes = await until_read(lambda: board.outcomes(UID), bool)
        assert outcomes[0].code == "source_not_found"
        await redis.aclose()

    asyncio.run(run())
