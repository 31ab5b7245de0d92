"""The pool's queue: a Redis stream with one consumer group. The operator sends again what Redis lost.

Which task is leased next is decided by `fair_scripts`.
The stream is never trimmed by length, which would drop tasks that are not done; each one is removed when it
ends.
"""

import logging
import time
from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.ports import Lease, QueueFacts
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
CHANGED_JOBS = 500
"""Small jobs that one script compares with what is known of them: some milliseconds of the server."""
FORGET_CONSUMER_SECONDS = 3600
"""A consumer that was idle for this time, and holds nothing, is deleted from the group."""


class Sharing(NamedTuple):
    """How the workers are shared between owners; the same in all workers. The defaults are those of `Limits`.

    Attributes:
        slots: Tasks that this worker takes at once.
        owner_share: Part of all slots that one owner may hold while another one wants some.
        long_seconds: An owner whose tasks take this long leaves the rest free also while nobody waits.
        present_seconds: For so long after another owner was seen.
    """

    slots: int = 1
    owner_share: float = Limits().max_owner_share
    long_seconds: float = Limits().owner_long_seconds
    present_seconds: float = Limits().owner_present_seconds


DEFAULT_SHARING = Sharing()


class RedisTaskQueue:
    """Implements `ports.TaskQueue`; one client may serve a board and a queue.

    A consumer's name identifies the holder of a lease, so it must be unique: not even an earlier process of
    the same worker may have used it.
    """

    def __init__(
        self, redis: Redis | str, lease_seconds: float = LEASE_SECONDS, sharing: Sharing = DEFAULT_SHARING
    ) -> None:
        self._redis = connect(redis) if isinstance(redis, str) else redis
        self._lease_seconds = lease_seconds
        self._sharing = sharing
        self._alive_seconds = int(lease_seconds * ALIVE_LEASES)
        self._look_seconds = min(IDLE_SCAN_SECONDS, lease_seconds / 5)
        self._next_look: dict[str, float] = {}
        script = self._redis.register_script
        self._send, self._waiting = script(task_scripts.SEND), script(task_scripts.WAITING)
        self._cancel, self._take = script(task_scripts.CANCEL), script(task_scripts.TAKE)
        self._claim, self._extend = script(task_scripts.CLAIM), script(task_scripts.EXTEND)
        self._ack, self._release = script(task_scripts.ACK), script(task_scripts.RELEASE)
        self._workers, self._changed = script(task_scripts.WORKERS), script(task_scripts.CHANGED)

    async def send(self, tasks: Sequence[Task]) -> None:
        """Put tasks on the stream and record the place of each, atomically per task.

        A task that is on the stream already is left as it is, and one whose outcome is known is not sent.
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
            [redis_keys.TASKS, redis_keys.sent(task.uid), redis_keys.items(task.uid)],
            [task.index, task.to_json(), redis_keys.JOB_SECONDS, task.owner, task.uid, task.attempt],
            client=client,
        )

    async def waiting(self, uid: Uid) -> frozenset[int]:
        """Return the indexes of a job's images that are on the stream, leased or not.

        To compare them with the board's outcomes, read these first: an image that ends in between is then
        seen twice, not never.
        """
        async with redis_errors(self._redis):
            return frozenset(map(int, await self._waiting([redis_keys.TASKS, redis_keys.sent(uid)])))

    async def find_changed(self, known: Sequence[QueueFacts]) -> Sequence[JobKey]:
        """Return those of these jobs of which the stream or the board holds something else.

        One exchange is for `CHANGED_JOBS` of them.
        """
        changed: list[JobKey] = []
        async with redis_errors(self._redis):
            for first in range(0, len(known), CHANGED_JOBS):
                some = known[first : first + CHANGED_JOBS]
                keys, numbers = [redis_keys.TASKS], list[int]()
                for each in some:
                    keys += (redis_keys.sent(each.uid), redis_keys.items(each.uid))
                    numbers += (each.waiting, each.outcomes)
                changed += (some[int(number)].key for number in await self._changed(keys, numbers))
        return changed

    async def cancel(self, uid: Uid) -> None:
        """Remove all tasks of a job from the stream; a worker that holds one loses its lease."""
        async with redis_errors(self._redis):
            await self._cancel([redis_keys.TASKS, redis_keys.sent(uid)], [redis_keys.WORKERS_GROUP, uid])

    async def lease(self, consumer: str, block_seconds: float) -> Lease | None:
        """Return a task whose worker died, else the one whose turn it is, else None after the time.

        If this is cancelled or fails, a task may be leased without a holder; it comes again when that lease
        runs out.
        """
        deadline = time.monotonic() + block_seconds
        async with redis_errors(self._redis):
            while True:
                try:
                    lease = await self._lease_idle(consumer) or await self._lease_next(consumer)
                except ResponseError as ex:
                    await self._make_group(ex)
                    continue
                left = deadline - time.monotonic()
                lease = lease or await self._wait_and_lease(consumer, left)
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
        async with redis_errors(self._redis):
            return int(
                await self._workers(
                    [redis_keys.TASKS, redis_keys.WORKERS, redis_keys.SLOTS],
                    [redis_keys.WORKERS_GROUP, self._alive_seconds, FORGET_CONSUMER_SECONDS * 1000],
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
            [redis_keys.TASKS, redis_keys.WORKERS, redis_keys.SLOTS],
            [redis_keys.WORKERS_GROUP, consumer, lease_ms, self._sharing.slots],
        )
        self._next_look[consumer] = 0.0 if found else time.monotonic() + self._look_seconds
        if not found:
            return None
        entry, flat, now_ms, deliveries = found
        return await self._read_lease(entry, flat, now_ms, int(deliveries))

    async def _lease_next(self, consumer: str) -> Lease | None:
        found = await self._take(*self._take_arguments(consumer))
        return await self._read_lease(found[0], found[1], found[2], 1) if found else None

    def _take_arguments(self, consumer: str) -> tuple[list[str], list[str | int | float]]:
        sharing = self._sharing
        return [redis_keys.TASKS, redis_keys.WORKERS, redis_keys.SLOTS], [
            redis_keys.WORKERS_GROUP,
            consumer,
            self._alive_seconds,
            sharing.owner_share,
            int(sharing.long_seconds * 1000),
            int(sharing.present_seconds * 1000),
        ]

    async def _wait_and_lease(self, consumer: str, seconds: float) -> Lease | None:
        """Wait for a call and lease the next task, in one exchange: the server takes right after it wakes us.

        An error of the taking is left to the next try.
        """
        until_look = self._next_look.get(consumer, 0.0) - time.monotonic()
        block = min(seconds, until_look, BLOCK_SECONDS)
        if block <= 0.001:  # a time of 0 would wait for ever
            return None
        keys, arguments = self._take_arguments(consumer)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.blpop([redis_keys.WAKE], timeout=block)
            pipe.evalsha(self._take.sha, len(keys), *keys, *arguments)
            _, found = await pipe.execute(raise_on_error=False)
        if not found or isinstance(found, ResponseError):
            return None
        return await self._read_lease(found[0], found[1], found[2], 1)

    async def _read_lease(self, entry: str, flat: list[str], now_ms: int, deliveries: int) -> Lease | None:
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        # The id of an entry begins with the time at which it was added.
        age_seconds = max(0.0, (now_ms - int(entry.partition("-")[0])) / 1000)
        try:
            task = Task.from_json(fields["task"])
            return Lease(task, entry, int(fields["taken"]) + deliveries, age_seconds)
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
