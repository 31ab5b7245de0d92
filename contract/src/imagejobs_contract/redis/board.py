"""The progress board on Redis.

Everything on it can be lost at any moment: the operator puts it there again.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import chain
from typing import Any

from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import Change, WakeUp
from imagejobs_contract.redis import board_commands
from imagejobs_contract.redis.board_commands import TOTAL
from imagejobs_contract.redis.client import connect, redis_errors
from imagejobs_contract.redis.library import Redis
from imagejobs_contract.redis.streams import Fields, read_stream
from imagejobs_contract.wire import redis_keys

_END = """
-- KEYS: the stream of changes, then the keys of the job; ARGV: two numbers, then the fields of the change
local changes, max_length, seconds_to_live = KEYS[1], ARGV[1], ARGV[2]
for n = 2, #KEYS do redis.call('EXPIRE', KEYS[n], seconds_to_live) end
redis.call('XADD', changes, 'MAXLEN', '~', max_length, '*', unpack(ARGV, 3))
"""
"""Announce the end of a job, and let its keys expire."""

log = logging.getLogger(__name__)


class RedisBoard:
    """Implements `ports.ProgressBoard`; one client may serve a board and a queue."""

    def __init__(self, redis: Redis | str) -> None:
        self._redis = connect(redis) if isinstance(redis, str) else redis
        self._end = self._redis.register_script(_END)

    async def counts(self, uid: Uid) -> Counts | None:
        """Return the sum over the shards, or None if the board knows nothing."""
        async with redis_errors(self._redis):
            fields: Any = await self._redis.hgetall(redis_keys.progress(uid))
        return _sum_shards(fields) if fields else None

    async def all_counts(self, uids: Sequence[Uid]) -> Sequence[Counts | None]:
        """Return the counts of several jobs, in one exchange."""
        async with redis_errors(self._redis), self._redis.pipeline(transaction=False) as pipe:
            for uid in uids:
                pipe.hgetall(redis_keys.progress(uid))
            return [_sum_shards(fields) if fields else None for fields in await pipe.execute()]

    async def put_shard(
        self, key: JobKey, uid: Uid, shard: int, counts: Counts, outcomes: Sequence[Outcome] = ()
    ) -> None:
        """Write a shard's absolute counters and its outcomes, and wake the operator; safe to repeat.

        Args:
            key: The job.
            uid: The job's.
            shard: 0 for the pool.
            counts: Of this shard; the total is the whole job's, and is written if the board has lost it.
            outcomes: Only of jobs of up to `limits.MAX_ITEMS` images.
        """
        async with redis_errors(self._redis), self._redis.pipeline() as pipe:
            for command in board_commands.put_shard(key, uid, shard, counts, outcomes):
                pipe.execute_command(*command)
            await pipe.execute()

    async def outcomes(self, uid: Uid) -> Mapping[int, Outcome]:
        """Return the known outcomes of a job, by index."""
        async with redis_errors(self._redis):
            lines: Any = await self._redis.hgetall(redis_keys.items(uid))
        return {outcome.index: outcome for outcome in map(_read_outcome, lines.values()) if outcome}

    async def forget(self, uid: Uid) -> None:
        """Remove all keys of a job.

        Its tasks must be cancelled before: one of these keys holds their places.
        """
        async with redis_errors(self._redis):
            await self._redis.delete(redis_keys.progress(uid), redis_keys.items(uid), redis_keys.sent(uid))

    async def announce(self, change: Change) -> None:
        """Announce that a job changed.

        If it ended, its keys expire after `redis_keys.ENDED_SECONDS`.
        """
        fields = _change_fields(change)
        async with redis_errors(self._redis):
            if change.state.final:
                mine = (
                    redis_keys.progress(change.uid),
                    redis_keys.items(change.uid),
                    redis_keys.sent(change.uid),
                )
                await self._end(
                    [redis_keys.CHANGES, *mine],
                    [redis_keys.MAX_STREAM_LENGTH, redis_keys.ENDED_SECONDS, *chain(*fields.items())],
                )
            else:
                await self._redis.xadd(
                    redis_keys.CHANGES, fields, maxlen=redis_keys.MAX_STREAM_LENGTH, approximate=True
                )

    async def announcements(self) -> AsyncIterator[Change | None]:
        """Yield each change from now on.

        None comes first, at least once a second, and whenever changes may have been missed.
        """
        async for fields in read_stream(self._redis, redis_keys.CHANGES):
            change = None if fields is None else _read_change(fields)
            if fields is None or change:
                yield change

    async def wake_ups(self) -> AsyncIterator[WakeUp | None]:
        """Yield a hint for each image that ended, and None at first and where some may have been missed."""
        async for fields in read_stream(self._redis, redis_keys.DONE, heartbeat=False):
            yield None if fields is None else _read_wake_up(fields)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def _sum_shards(fields: Mapping[str, str]) -> Counts:
    shards = [tuple(map(int, value.split(","))) for field, value in fields.items() if field != TOTAL]
    succeeded, failed, active = (sum(column) for column in zip(*shards, strict=True)) if shards else (0, 0, 0)
    return Counts(int(fields.get(TOTAL, 0)), active, succeeded, failed)


def _read_outcome(line: str) -> Outcome | None:
    try:
        return Outcome.from_line(line)
    except ValueError as ex:
        log.error("an outcome in Redis cannot be read", extra={"reason": str(ex)})
        return None


def _read_wake_up(fields: Fields) -> WakeUp:
    key, line = JobKey(fields.get("namespace", ""), fields.get("name", "")), fields.get("outcome")
    outcome = _read_outcome(line) if line else None
    return (
        WakeUp(key, Uid(fields.get("uid", "")), outcome, int(fields.get("left", 0)))
        if outcome
        else WakeUp(key)
    )


def _change_fields(change: Change) -> dict[Any, Any]:
    counts = change.counts
    return {
        "namespace": change.key.namespace,
        "name": change.key.name,
        "uid": change.uid,
        "state": change.state.value,
        "counts": f"{counts.total},{counts.active},{counts.succeeded},{counts.failed}",
    }


def _read_change(fields: Fields) -> Change | None:
    try:
        counts = Counts(*map(int, fields["counts"].split(",")))
        return Change(
            JobKey(fields["namespace"], fields["name"]), Uid(fields["uid"]), State(fields["state"]), counts
        )
    except (KeyError, ValueError, TypeError) as ex:
        log.error("a change in Redis cannot be read", extra={"reason": repr(ex)})
        return None
