"""Which jobs in a SQLite file changed, whichever process changed them: noticed by asking often, in a thread of its own."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

from imagejobs_contract.names import JobKey
from imagejobs_contract.stores import sqlite_reads
from imagejobs_contract.stores.sqlite_schema import connect, translated

POLL_SECONDS, IDLE_POLL_SECONDS = 0.01, 0.018
"""How late a change may be noticed: while there is work, and later. Measured on two shared cores: 1.5 % of a core while there is work, 0.8 %
later, nearly all of it for waking up; the question itself, a look into shared memory, takes 13 us.
"""
IDLE_AFTER_SECONDS = 1.0
QUIET_SECONDS = 10.0
"""After so long without a change that is told."""
Known = Callable[[], Collection[int]]


async def feed(path: Path, known: Known) -> AsyncGenerator[JobKey, None]:
    """Yield every key there is, then each that any process writes or deletes.

    Args:
        path: The file.
        known: Called in the feed's thread; returns numbers of changes that need not be told.

    Raises:
        Unavailable, Misconfigured: The file cannot be read.
    """
    async with aclosing(batches(path, known)) as found:
        async for keys in found:
            for key in keys:
                yield key


async def batches(path: Path, known: Known) -> AsyncGenerator[list[JobKey], None]:
    """Yield all keys there are, then those that were written or deleted since; an empty list if for a while none were. See `feed`.

    Raises:
        Unavailable, Misconfigured: The file cannot be read.
    """
    watcher = _Watcher(path, known)
    thread = ThreadPoolExecutor(1, "imagejobs-sqlite-feed")
    try:
        while True:
            yield await asyncio.get_running_loop().run_in_executor(thread, watcher.next)
    finally:
        watcher.stopped.set()
        thread.submit(watcher.close)
        thread.shutdown(wait=False)


class _Watcher:
    """A connection that never writes: a connection's data version tells of the commits of all others."""

    def __init__(self, path: Path, known: Known) -> None:
        self.stopped = threading.Event()
        self._path = path
        self._known = known
        self._connection: sqlite3.Connection | None = None
        self._version = 0
        self._revision = 0

    def next(self) -> list[JobKey]:
        """Return all keys the first time; then wait for a change, for a while, and return what changed."""
        with translated():
            if self._connection is None:
                self._connection = connect(self._path)
                self._version, self._revision = _data_version(self._connection), sqlite_reads.last_revision(self._connection)
                return sqlite_reads.keys(self._connection)
            began = time.monotonic()
            while _data_version(self._connection) == self._version:
                idle = time.monotonic() - began
                if idle > QUIET_SECONDS or self.stopped.wait(POLL_SECONDS if idle < IDLE_AFTER_SECONDS else IDLE_POLL_SECONDS):
                    return []
            seen = self._revision
            # Versions are noted before rows are read: what comes in between is told twice rather than never.
            self._version, self._revision = _data_version(self._connection), sqlite_reads.last_revision(self._connection)
            return sqlite_reads.changed_since(self._connection, seen, self._known())

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def _data_version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA data_version").fetchone()[0])
