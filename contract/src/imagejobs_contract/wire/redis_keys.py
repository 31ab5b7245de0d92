"""Keys in Redis. All of them can be lost at any moment and are then built again.

| key | type | writer | reader | time to live |
|---|---|---|---|---|
| `ij:progress:<uid>` | hash: `total`, shard -> counters | worker, operator | api, operator | 1 day (1) |
| `ij:items:<uid>` | hash: index -> outcome as JSON (2) | worker | api, operator | 1 day (1) |
| `ij:sent:<uid>` | hash: index -> its entry in `ij:tasks` | operator, worker | operator | 1 day (1) |
| `ij:tasks` | stream, group `workers`: task, taken, owner, uid | operator, worker | worker | none (3) |
| `ij:lane:<uid>` | list: a job's entries that wait (5) | operator, worker | worker | 1 day |
| `ij:jobs:<owner>` | list: an owner's jobs with a lane, in turn (5) | operator, worker | worker | 1 day |
| `ij:owners` | sorted set: owner that waits -> ms spent (5) | operator, worker | worker | none |
| `ij:accounts` | hash: owner -> ms spent, ms a task (5) | operator, worker | worker | pruned |
| `ij:seen` | sorted set: owner -> ms when last seen (5) | operator, worker | worker | pruned |
| `ij:leased` | hash: entry -> `<began> <charge> <owner>` (5) | operator, worker | worker | none |
| `ij:running` | hash: owner -> number of its leases (5) | operator, worker | worker | none |
| `ij:wake` | list: one element for each call of an idle worker | operator, worker | worker | none |
| `ij:done` | stream: a wake-up per ended image, or change | worker, operator | operator | none (4) |
| `ij:changes` | stream: job, state, counts at each change | operator | api | none (4) |
| `ij:workers` | sorted set: consumer -> time last seen | worker | operator, api | pruned |
| `ij:slots` | hash: consumer -> tasks that it takes at once | worker | worker | pruned |
| `ij:check` | empty string, written by health checks | api | nobody | 1 minute |
| `ij:limits:...` | counters of the `limits` library | api | api | 2 minutes |

Counters are `succeeded,failed,active`, absolute; the operator writes shard 0. A worker writes `ij:sent` and
`ij:tasks` when it releases or removes a task. `ij:done` also carries the outcome of an image. Times in
`ij:workers` are seconds by the server's clock. `ij:limits` counts the requests of a caller, and of all
callers, in this minute and the last.

(1) A minute from the announcement of the job's end on. (2) Of jobs of up to 500 images. (3) Never trimmed by
length; entries are removed by XACK + XDEL. (4) At most about 10,000 entries. (5) An index over `ij:tasks`,
from which it is made again (`fair_scripts`); an owner is `<namespace>/<caller>`.
"""

from imagejobs_contract.model.names import Uid

PREFIX = "ij:"
TASKS = f"{PREFIX}tasks"
WORKERS_GROUP = "workers"
DONE = f"{PREFIX}done"
CHANGES = f"{PREFIX}changes"
WORKERS = f"{PREFIX}workers"
SLOTS = f"{PREFIX}slots"
OWNERS = f"{PREFIX}owners"
ACCOUNTS = f"{PREFIX}accounts"
SEEN = f"{PREFIX}seen"
LEASED = f"{PREFIX}leased"
RUNNING = f"{PREFIX}running"
WAKE = f"{PREFIX}wake"
JOBS = f"{PREFIX}jobs:"
LANE = f"{PREFIX}lane:"
LIMITS = f"{PREFIX}limits"
CHECK = f"{PREFIX}check"

JOB_SECONDS = 24 * 3600
"""Time to live of a job's keys, counted from their last write."""
ENDED_SECONDS = 60
"""The same once the job's end was announced: for readers that still use them."""
MAX_STREAM_LENGTH = 10_000
"""Entries at which `ij:done` and `ij:changes` are trimmed; a lost wake-up costs one resync."""


def progress(uid: Uid) -> str:
    """Return the key of a job's counters."""
    return f"{PREFIX}progress:{uid}"


def items(uid: Uid) -> str:
    """Return the key of a job's outcomes."""
    return f"{PREFIX}items:{uid}"


def sent(uid: Uid) -> str:
    """Return the key of the places on the stream of a job's waiting images."""
    return f"{PREFIX}sent:{uid}"
