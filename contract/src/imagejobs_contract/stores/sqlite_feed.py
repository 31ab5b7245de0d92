"""Finds the jobs of a SQLite file that any process changed, by polling in a thread of its own.

That thread also reads the changed jobs, so that the event loop is woken once for all changes of a moment,
and not at all for known ones.
"""

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import JobEvent
from imagejobs_contract.stores import sqlite_reads
from imagejobs_contract.stores.spec_cache import SpecCache
from imagejobs_contract.stores.sqlite_schema import connect, sqlite_errors

POLL_SECONDS, IDLE_POLL_SECONDS = 0.01, 0.018
"""How late a change is noticed: while there is work, and while idle. Measured on two shared cores: 1.5 % of a
core with work, 0.8 % idle, nearly all of it for waking up; the check itself, a read of shared memory, takes
13 us.
"""
IDLE_AFTER_SECONDS = 1.0
MAX_WAIT_SECONDS = 10.0
"""A wait for changes ends after this time, with an empty batch."""
MAX_BATCH_JOBS = 100
"""Jobs that are read at once."""
Known = Callable[[int], bool]
"""Returns whether a change of that revision can be left out."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one moment; none if nothing changed for `MAX_WAIT_SECONDS`.

    Attributes:
        is_last: No further change is known.
    """

    events: list[JobEvent]
    is_last: bool


async def batches(
    path: Path, known: Known, specs: SpecCache, late_seconds: float = POLL_SECONDS
) -> AsyncGenerator[Batch, None]:
    """Yield each job, then each that any process writes or deletes.

    Args:
        path: The file.
        known: Called in the feed's thread.
        specs: Specs that were read already.
        late_seconds: Between two checks while there is work.

    Raises:
        Unavailable, Misconfigured: The file cannot be read.
    """
    watcher = _Watcher(path, known, specs, late_seconds)
    thread = ThreadPoolExecutor(1, "imagejobs-sqlite-feed")
    try:
        while True:
            yield await asyncio.get_running_loop().run_in_executor(thread, watcher.next)
    finally:
        watcher.stopped.set()
        thread.submit(watcher.close)
        thread.shutdown(wait=False)


class _Watcher:
    """A connection that never writes: its data version changes with the commits of all other connections."""

    def __init__(self, path: Path, known: Known, specs: SpecCache, late_seconds: float) -> None:
        self.stopped = threading.Event()
        self._path = path
        self._known = known
        self._specs = specs
        self._late, self._idle_late = late_seconds, max(late_seconds, IDLE_POLL_SECONDS)
        self._connection: sqlite3.Connection | None = None
        self._version = 0
        self._revision = 0
        self._pending: deque[JobKey] = deque()

    def next(self) -> Batch:
        """Return the next batch: first of all jobs, then of those that changed.

        It waits for a change, at most `MAX_WAIT_SECONDS`.
        """
        with sqlite_errors():
            if self._connection is None:
                self._connection = db = connect(self._path)
                self._version, self._revision = _data_version(db), sqlite_reads.last_revision(db)
                self._pending.extend(sqlite_reads.select_keys(db))
            elif not self._pending:
                self._pending.extend(self._wait_for_changes(self._connection))
            keys = [self._pending.popleft() for _ in range(min(MAX_BATCH_JOBS, len(self._pending)))]
            db, specs = self._connection, self._specs
            return Batch([sqlite_reads.read_event(db, key, specs) for key in keys], not self._pending)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _wait_for_changes(self, db: sqlite3.Connection) -> list[JobKey]:
        """Wait for a change that is not known, and return the keys; [] after `MAX_WAIT_SECONDS`."""
        began = noticed = now = time.monotonic()
        while now - began < MAX_WAIT_SECONDS:
            version = _data_version(db)
            if version != self._version:
                noticed = now
                # The version is noted before rows are read: a change in between is yielded twice rather than
                # never.
                self._version = version
                self._revision, keys = sqlite_reads.changed_since(db, self._revision, self._known)
                if keys:
                    return keys
            if self.stopped.wait(self._late if now - noticed < IDLE_AFTER_SECONDS else self._idle_late):
                break
            now = time.monotonic()
        return []


def _data_version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA data_version").fetchone()[0])
