"""The pool's queue: a Redis stream with one consumer group. The operator sends again what Redis lost.

The stream is never trimmed by length, which would drop tasks that are not done; each one is removed when it
ends.
"""

import logging
import time
from collections.abc import Awaitable, Sequence
from typing import Any

from imagejobs_contract.model.names import Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.ports import Lease
from imagejobs_contract.redis import task_scripts
from imagejobs_contract.redis.client import BLOCK_SECONDS, connect, redis_errors
from imagejobs_contract.redis.library import Redis, ResponseError
from imagejobs_contract.runtime.settings import LEASE_SECONDS
from imagejobs_contract.wire import redis_keys
from imagejobs_contract.wire.tasks import Task

log = logging.getLogger(__name__)

IDLE_SCAN_SECONDS = 2.0
"""Between two scans for tasks whose worker died."""
ALIVE_LEASES = 3
"""A worker counts as alive for this many lease times after it was last seen."""
CHECK_EXPIRES_SECONDS = 60
FORGET_CONSUMER_SECONDS = 3600
"""A consumer that was idle for this time, and holds nothing, is deleted from the group."""


class RedisTaskQueue:
    """Implements `ports.TaskQueue`; one client may serve a board and a queue.

    A consumer's name identifies the holder of a lease, so it must be unique: not even an earlier process of
    the same worker may have used it.
    """

    def __init__(self, redis: Redis | str, lease_seconds: float = LEASE_SECONDS) -> None:
        self._redis = connect(redis) if isinstance(redis, str) else redis
        self._lease_seconds = lease_seconds
        self._look_seconds = min(IDLE_SCAN_SECONDS, lease_seconds / 5)
        self._next_look: dict[str, float] = {}
        script = self._redis.register_script
        self._send, self._waiting = script(task_scripts.SEND), script(task_scripts.WAITING)
        self._cancel = script(task_scripts.CANCEL)
        self._claim, self._extend = script(task_scripts.CLAIM), script(task_scripts.EXTEND)
        self._ack, self._release = script(task_scripts.ACK), script(task_scripts.RELEASE)
        self._workers = script(task_scripts.WORKERS)

    async def send(self, tasks: Sequence[Task]) -> None:
        """Put tasks on the stream and record the place of each, atomically per task.

        A task that is on the stream already is left as it is.
        """
        async with redis_errors(self._redis):
            if len(tasks) == 1:
                await self._put(tasks[0])  # a pipeline would first ask whether the script is known
                return
            async with self._redis.pipeline(transaction=False) as pipe:
                for task in tasks:
                    await self._put(task, pipe)
                await pipe.execute()

    async def _put(self, task: Task, client: Redis | None = None) -> None:
        await self._send(
            [redis_keys.TASKS, redis_keys.sent(task.uid)],
            [task.index, task.to_json(), redis_keys.JOB_SECONDS],
            client=client,
        )

    async def waiting(self, uid: Uid) -> frozenset[int]:
        """Return the indexes of a job's images that are on the stream, leased or not.

        To compare them with the board's outcomes, read these first: an image that ends in between is then
        seen twice, not never.
        """
        async with redis_errors(self._redis):
            return frozenset(map(int, await self._waiting([redis_keys.TASKS, redis_keys.sent(uid)])))

    async def cancel(self, uid: Uid) -> None:
        """Remove all tasks of a job from the stream; a worker that holds one loses its lease."""
        async with redis_errors(self._redis):
            await self._cancel([redis_keys.TASKS, redis_keys.sent(uid)], [redis_keys.WORKERS_GROUP])

    async def lease(self, consumer: str, block_seconds: float) -> Lease | None:
        """Return a task whose worker died, else a new one, else None after the time.

        If this is cancelled or fails, a task may be leased without a holder; it comes again when that lease
        runs out.
        """
        deadline = time.monotonic() + block_seconds
        async with redis_errors(self._redis):
            while True:
                try:
                    lease = await self._lease_idle(consumer) or await self._lease_new(
                        consumer, deadline - time.monotonic()
                    )
                except ResponseError as ex:
                    await self._make_group(ex)
                    continue
                if lease or time.monotonic() >= deadline:
                    return lease

    async def extend(self, consumer: str, lease: Lease) -> bool:
        """Prolong the lease; False if it is lost."""
        async with redis_errors(self._redis):
            return await _call_fenced(
                self._extend(
                    [redis_keys.TASKS, redis_keys.WORKERS],
                    [redis_keys.WORKERS_GROUP, consumer, lease.entry_id],
                )
            )

    async def ack(self, consumer: str, lease: Lease, outcome: Outcome) -> bool:
        """Record the outcome, remove the task and wake the operator: all or nothing.

        Returns:
            False if the lease is lost; also if this very call was sent twice because its first answer was
            lost.
        """
        task = lease.task
        names = [redis_keys.TASKS, redis_keys.sent(task.uid), redis_keys.items(task.uid), redis_keys.DONE]
        mine = [redis_keys.WORKERS_GROUP, consumer, lease.entry_id]
        what: list[str | int] = [
            task.index,
            outcome.to_line(),
            redis_keys.JOB_SECONDS,
            redis_keys.MAX_STREAM_LENGTH,
            task.key.namespace,
            task.key.name,
            task.uid,
        ]
        async with redis_errors(self._redis):
            return await _call_fenced(self._ack(names, [*mine, *what]))

    async def release(self, consumer: str, lease: Lease) -> None:
        """Give the task back to the queue at once; this delivery does not count.

        Nothing happens if the lease is lost.
        """
        task = lease.task
        mine = [redis_keys.WORKERS_GROUP, consumer, lease.entry_id]
        async with redis_errors(self._redis):
            await _call_fenced(
                self._release(
                    [redis_keys.TASKS, redis_keys.sent(task.uid)], [*mine, task.index, redis_keys.JOB_SECONDS]
                )
            )

    async def depth(self) -> int:
        """Return how many tasks are on the stream, leased or not."""
        async with redis_errors(self._redis):
            return int(await self._redis.xlen(redis_keys.TASKS))

    async def workers(self) -> int:
        """Return how many workers were seen recently."""
        seconds = int(self._lease_seconds * ALIVE_LEASES)
        async with redis_errors(self._redis):
            return int(
                await self._workers(
                    [redis_keys.TASKS, redis_keys.WORKERS],
                    [redis_keys.WORKERS_GROUP, seconds, FORGET_CONSUMER_SECONDS * 1000],
                )
            )

    async def check(self) -> None:
        """Raise `Unavailable` or `Misconfigured` unless Redis takes what is written.

        A full server, and one that became a replica, still answer whoever only reads.
        """
        async with redis_errors(self._redis):
            await self._redis.set(redis_keys.CHECK, "", ex=CHECK_EXPIRES_SECONDS)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _lease_idle(self, consumer: str) -> Lease | None:
        if time.monotonic() < self._next_look.get(consumer, 0.0):
            return None
        lease_ms = int(self._lease_seconds * 1000)
        found = await self._claim(
            [redis_keys.TASKS, redis_keys.WORKERS], [redis_keys.WORKERS_GROUP, consumer, lease_ms]
        )
        self._next_look[consumer] = 0.0 if found else time.monotonic() + self._look_seconds
        if not found:
            return None
        entry, flat, deliveries = found
        return await self._read_lease(entry, dict(zip(flat[::2], flat[1::2], strict=True)), int(deliveries))

    async def _lease_new(self, consumer: str, seconds: float) -> Lease | None:
        until_look = self._next_look.get(consumer, 0.0) - time.monotonic()
        block = int(min(seconds, until_look, BLOCK_SECONDS) * 1000)
        # BLOCK 0 would wait for ever.
        reply: Any = await self._redis.xreadgroup(
            redis_keys.WORKERS_GROUP,
            consumer,
            {redis_keys.TASKS: ">"},
            count=1,
            block=block if block > 0 else None,
        )
        if not reply:
            return None
        entry, fields = reply[0][1][0]
        return await self._read_lease(entry, fields, 1)

    async def _read_lease(self, entry: str, fields: dict[str, str], deliveries: int) -> Lease | None:
        try:
            return Lease(Task.from_json(fields["task"]), entry, int(fields["taken"]) + deliveries)
        except (KeyError, ValueError) as ex:
            # The operator misses it and sends it again, in words that are understood if the operator is of
            # this version.
            log.error("a task cannot be read", extra={"entry": entry, "reason": repr(ex)})
            await self._redis.xack(redis_keys.TASKS, redis_keys.WORKERS_GROUP, entry)
            await self._redis.xdel(redis_keys.TASKS, entry)
            return None

    async def _make_group(self, reason: ResponseError) -> None:
        if "NOGROUP" not in str(reason):
            raise reason
        try:
            await self._redis.xgroup_create(redis_keys.TASKS, redis_keys.WORKERS_GROUP, id="0", mkstream=True)
        except ResponseError as ex:
            if "BUSYGROUP" not in str(ex):
                raise


async def _call_fenced(call: Awaitable[Any]) -> bool:
    """Return the result of a fenced script; False if the group is gone, because then no lease is valid."""
    try:
        return bool(await call)
    except ResponseError as ex:
        if "NOGROUP" in str(ex):
            return False
        raise
