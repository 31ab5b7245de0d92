"""Keys in Redis. Everything here can be lost at any moment and is then built again.

| key | type | writer | reader | time to live |
|---|---|---|---|---|
| `ij:progress:<uid>` | hash: `total`, shard -> `succeeded,failed,active`, absolute | worker, operator (shard
0) | api, operator | 1 day (1) | | `ij:items:<uid>` | hash: index -> outcome as JSON (jobs of up to 500
images) | worker | api, operator | 1 day (1) | | `ij:sent:<uid>` | hash: index -> id of its entry in
`ij:tasks` | operator, worker (hands back, takes off) | operator | 1 day (1) | | `ij:tasks` | stream, group
`workers`: `task`, `taken` before; never trimmed by length | operator, worker (hands back) | worker | none:
XACK + XDEL | | `ij:done` | stream: a wake-up per ended image (with its outcome) or change of counters; at
most about 10,000 | worker, operator | operator | none | | `ij:changes` | stream: job, state, counts at each
change; at most about 10,000 | operator | api | none | | `ij:workers` | sorted set: consumer -> time last
seen, seconds by the server's clock | worker | operator, api | pruned | | `ij:limits:...` | counters of the
`limits` library: requests of a caller, and of all, in this minute and the last | api | api | 2 minutes |

(1) A minute from the announcement of the job's end on.
"""

from imagejobs_contract.model.names import Uid

PREFIX = "ij:"
TASKS = f"{PREFIX}tasks"
WORKERS_GROUP = "workers"
DONE = f"{PREFIX}done"
CHANGES = f"{PREFIX}changes"
WORKERS = f"{PREFIX}workers"
LIMITS = f"{PREFIX}limits"

JOB_SECONDS = 24 * 3600
"""Time to live of a job's keys, counted from their last write."""
ENDED_SECONDS = 60
"""The same once the job's end was announced: for readers that still look there."""
MAX_STREAM_LENGTH = 10_000
"""Length at which `ij:done` and `ij:changes` are cut; a lost wake-up costs one resync."""


def progress(uid: Uid) -> str:
    """Return the key of a job's counters."""
    return f"{PREFIX}progress:{uid}"


def items(uid: Uid) -> str:
    """Return the key of a job's outcomes."""
    return f"{PREFIX}items:{uid}"


def sent(uid: Uid) -> str:
    """Return the key that tells which images of a job wait on the stream, and where."""
    return f"{PREFIX}sent:{uid}"
