"""The Redis commands of a shard's report.

Two clients send them: redis-py in the long-lived programs, and `ShardReporter` in a pod that does not load
it.
"""

from collections.abc import Sequence

from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.wire import redis_keys

TOTAL = "total"
"""The one field of the progress hash that is not a shard."""

Command = tuple[str, ...]


def put_shard(
    key: JobKey, uid: Uid, shard: int, counts: Counts, outcomes: Sequence[Outcome] = ()
) -> list[Command]:
    """Return the commands of one transaction; safe to repeat. See `RedisBoard.put_shard`."""
    progress, items, seconds = redis_keys.progress(uid), redis_keys.items(uid), str(redis_keys.JOB_SECONDS)
    total = [("HSETNX", progress, TOTAL, str(counts.total))] if counts.total else []
    fields = [part for each in outcomes for part in (str(each.index), each.to_line())]
    return [
        *total,
        ("HSET", progress, str(shard), f"{counts.succeeded},{counts.failed},{counts.active}"),
        ("EXPIRE", progress, seconds),
        *([("HSET", items, *fields), ("EXPIRE", items, seconds)] if fields else []),
        (
            "XADD",
            redis_keys.DONE,
            "MAXLEN",
            "~",
            str(redis_keys.MAX_STREAM_LENGTH),
            "*",
            "namespace",
            key.namespace,
            "name",
            key.name,
        ),
    ]
