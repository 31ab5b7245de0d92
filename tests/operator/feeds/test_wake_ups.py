"""After an outage of Redis the operator looks at its unfinished jobs, whose ends it may have missed."""

import asyncio
import contextlib

from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.model.times import utc_now
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_operator.act.memory import Memory
from imagejobs_operator.act.work_queue import Result, WorkQueue
from imagejobs_operator.feeds.resync import follow_wake_ups
from support.clock.waiting import until
from support.servers import data_servers


def test_all_unfinished_jobs_are_looked_at_when_redis_is_back(tmp_path, valkey_server):
    server = data_servers.start_valkey(tmp_path, data_servers.find_valkey())
    port, memory, seen = server.ports["redis"], Memory(), []
    for name, state in (("open", State.RUNNING), ("new", State.PENDING), ("ended", State.SUCCEEDED)):
        memory.record_job(
            ImageJob(JobKey("ns", name), Spec(), Uid(name), status=Status(state=state)), utc_now()
        )

    async def look(key):
        seen.append(key.name)
        return Result()

    async def story():
        board, queue = RedisBoard(server.url("redis", "redis")), WorkQueue(look, 1)
        parts = [asyncio.ensure_future(part) for part in (queue.run(), follow_wake_ups(board, queue, memory))]
        try:
            await until(lambda: sorted(seen) == ["new", "open"], 30, seen=lambda: seen)
            await board.put_shard(JobKey("ns", "ended"), Uid("ended"), 0, Counts(1, 1, 0, 0))
            await until(lambda: "ended" in seen, 30, seen=lambda: seen)
            server.stop()
            seen.clear()
            again = await asyncio.to_thread(
                data_servers.start_valkey, tmp_path, data_servers.find_valkey(), port=port
            )
            try:
                await until(lambda: sorted(seen) == ["new", "open"], 30, seen=lambda: seen)
                await board.put_shard(JobKey("ns", "ended"), Uid("ended"), 0, Counts(1, 0, 1, 0))
                await until(lambda: "ended" in seen, 30, seen=lambda: seen)
            finally:
                again.stop()
        finally:
            for part in parts:
                part.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await part
            await board.close()

    asyncio.run(story())
