"""JobStore on one SQLite file, for one machine; several processes use the file at the same time.

All work on the file happens in one thread of this store's own, so the event loop never waits for the disk.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from imagejobs_contract.imagejob import ImageJob, Spec
from imagejobs_contract.names import JobKey
from imagejobs_contract.ports import Page
from imagejobs_contract.status import State, Status
from imagejobs_contract.stores import sqlite_reads, sqlite_writes
from imagejobs_contract.stores.sqlite_schema import connect, transaction, translated

T = TypeVar("T")

POLL_SECONDS = 0.01
"""How late `changes` may notice. Asking costs 10 us (a look into shared memory): below 1 % of a core."""


class SqliteStore:
    """ImageJobs in a SQLite file, which is made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "imagejobs-sqlite")
        self._connection: sqlite3.Connection | None = None

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job; it is on the disk when this returns. See `ports.JobStore`."""
        return await self._write(lambda db: sqlite_writes.insert(db, job))

    async def get(self, key: JobKey) -> ImageJob:
        """Return the job as it stands. See `ports.JobStore`."""
        return await self._read(lambda db: sqlite_reads.select(db, key))

    async def list(self, namespace: str | None, state: State | None = None, limit: int = 100, cursor: str = "") -> Page:
        """Return a page of jobs, newest first. See `ports.JobStore`."""
        return await self._read(lambda db: sqlite_reads.page(db, namespace, state, limit, cursor))

    async def keys(self) -> Sequence[JobKey]:
        """Return the keys of all jobs."""
        return await self._read(sqlite_reads.keys)

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        """Write the status if the job did not change. See `ports.JobStore`."""
        return await self._write(lambda db: sqlite_writes.update_status(db, job, status))

    async def change_spec(self, key: JobKey, change: Callable[[Spec], Spec]) -> ImageJob:
        """Change mutable fields of the spec; `change` runs in the store's thread. See `ports.JobStore`."""
        return await self._write(lambda db: sqlite_writes.update_spec(db, key, change))

    async def delete(self, key: JobKey, uid: str | None = None) -> None:
        """Ask for deletion. See `ports.JobStore`."""
        await self._write(lambda db: sqlite_writes.delete(db, key, uid))

    async def remove_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Take a finalizer off. See `ports.JobStore`."""
        await self._write(lambda db: sqlite_writes.remove_finalizer(db, job, finalizer))

    async def changes(self) -> AsyncIterator[JobKey]:
        """Yield every key there is, then each that any process writes, 10 ms later. See `ports.JobStore`.

        Raises:
            Unavailable: The file cannot be read; begin again.
        """
        # A connection's data version tells of the commits of others only, so the feed has one that never writes.
        watcher = await self._run(lambda: connect(self._path))
        try:
            version = _data_version(watcher)
            seen, changed = await self._run(lambda: (sqlite_reads.last_revision(watcher), sqlite_reads.keys(watcher)))
            while True:
                for key in changed:
                    yield key
                version = await _other_version(watcher, version)
                seen, changed = await self._run(lambda: (sqlite_reads.last_revision(watcher), sqlite_reads.changed_since(watcher, seen)))  # noqa: B023
        finally:
            self._discard(watcher)

    async def close(self) -> None:
        """Close the file and end the thread."""
        await self._run(self._disconnect)
        self._thread.shutdown(wait=False)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def committed() -> T:
            db = self._connected()
            with transaction(db):
                return work(db)

        return await self._run(committed)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run(lambda: work(self._connected()))

    async def _run(self, work: Callable[[], T]) -> T:
        def run() -> T:
            with translated():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path)
        return self._connection

    def _discard(self, watcher: sqlite3.Connection) -> None:
        try:
            self._thread.submit(watcher.close)  # after whatever it still does there
        except RuntimeError:  # the store was closed first
            watcher.close()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


async def _other_version(watcher: sqlite3.Connection, version: int) -> int:
    while (found := _data_version(watcher)) == version:  # noqa: ASYNC110 - no event comes from another process
        await asyncio.sleep(POLL_SECONDS)
    return found


def _data_version(watcher: sqlite3.Connection) -> int:
    with translated():
        return int(watcher.execute("PRAGMA data_version").fetchone()[0])
