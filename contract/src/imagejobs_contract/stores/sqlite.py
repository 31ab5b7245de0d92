"""JobStore on one SQLite file, for one machine; several processes use the file at the same time.

All work on the file happens in one thread of this store's own, so the event loop never waits for the disk.
"""

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from imagejobs_contract.errors import Invalid, NotFound
from imagejobs_contract.imagejob import ImageJob
from imagejobs_contract.names import JobKey
from imagejobs_contract.ports import Page, Seen
from imagejobs_contract.spec import Spec
from imagejobs_contract.status import State, Status
from imagejobs_contract.stores import sqlite_reads, sqlite_writes
from imagejobs_contract.stores.sqlite_feed import batches, feed
from imagejobs_contract.stores.sqlite_schema import connect, transaction, translated

T = TypeVar("T")


KEPT_PASSED = 1_000
"""Changes that are remembered as passed through; a feed that lags by more tells of those before them, too."""


class SqliteStore:
    """ImageJobs in a SQLite file, which is made when it is first needed.

    Args:
        path: The file.
        echoes: Whether `changes` and `follow` also tell of what was read or written through this store already. Who keeps what it saw can spare
            itself another read of it; of what it did not see, as it was cancelled, it is told.
    """

    def __init__(self, path: Path, *, echoes: bool = True) -> None:
        self._path = path
        self._echoes = echoes
        self._passed: deque[int] = deque(maxlen=KEPT_PASSED)
        self._thread = ThreadPoolExecutor(1, "imagejobs-sqlite")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job; it is on the disk when this returns. See `ports.JobStore`."""
        return await self._write(lambda db: sqlite_writes.insert(db, job))

    async def get(self, key: JobKey) -> ImageJob:
        """Return the job as it stands. See `ports.JobStore`."""
        job = await self._read(lambda db: sqlite_reads.select(db, key))
        self._passed.append(int(job.resource_version))
        return job

    async def list(self, namespace: str | None, state: State | None = None, limit: int = 100, cursor: str = "", *, caller: str | None = None) -> Page:
        """Return a page of jobs, newest first. See `ports.JobStore`."""
        return await self._read(lambda db: sqlite_reads.page(db, namespace, state, limit, cursor, caller))

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

    def changes(self) -> AsyncIterator[JobKey]:
        """Yield every key there is, then each that any process writes, about 10 ms later. See `ports.JobStore`.

        Raises:
            Unavailable: The file cannot be read; begin again.
        """
        return feed(self._path, self._known)

    async def follow(self) -> AsyncIterator[Seen | None]:
        """Yield every job there is, then each that any process writes. See `ports.JobStore`.

        Raises:
            Unavailable: The file cannot be read; begin again.
        """
        async with aclosing(batches(self._path, self._known)) as found:
            async for keys in found:
                for key in keys:
                    yield Seen(key, await self._seen(key))
                yield None

    def _known(self) -> Collection[int]:
        return () if self._echoes else self._passed.copy()

    async def _seen(self, key: JobKey) -> ImageJob | None:
        with contextlib.suppress(NotFound, Invalid):
            return await self.get(key)
        return None

    async def close(self) -> None:
        """Close the file and end the thread; to close twice is no error."""
        if not self._closed:
            self._closed = True
            await self._run(self._disconnect)
            self._thread.shutdown(wait=False)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def committed() -> tuple[T, range]:
            db = self._connected()
            with transaction(db):
                before = sqlite_reads.last_revision(db)
                result = work(db)
                return result, range(before + 1, sqlite_reads.last_revision(db) + 1)

        result, revisions = await self._run(committed)
        self._passed.extend(revisions)
        return result

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

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
