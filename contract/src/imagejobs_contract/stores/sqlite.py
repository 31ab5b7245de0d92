"""JobStore on one SQLite file, for one machine; several processes use the file at the same time.

All work on the file happens in one thread of this store's own, so the event loop never waits for the disk.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import CallerName, JobKey, Uid
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.ports import JobEvent, Page
from imagejobs_contract.stores import sqlite_reads, sqlite_writes
from imagejobs_contract.stores.spec_cache import SpecCache
from imagejobs_contract.stores.sqlite_feed import POLL_SECONDS, batches
from imagejobs_contract.stores.sqlite_schema import connect, sqlite_errors, transaction

T = TypeVar("T")


MAX_KNOWN_REVISIONS = 1_000
"""Own changes that are remembered; a watch that lags by more yields those before them, too."""


class SqliteStore:
    """ImageJobs in a SQLite file, which is made at the first use.

    Args:
        path: The file.
        echoes: Whether `watch` also yields changes that were read or written through this store. A caller
            that keeps the jobs it reads needs no echo. A change that the watch finds before its call has
            returned is yielded all the same; so is one whose call was cancelled.
        late_seconds: How late `watch` may yield a change; each check wakes a thread.
    """

    def __init__(self, path: Path, *, echoes: bool = True, late_seconds: float = POLL_SECONDS) -> None:
        self._path = path
        self._echoes = echoes
        self._late_seconds = late_seconds
        self._known_revisions: dict[int, None] = {}
        self._specs = SpecCache()
        self._thread = ThreadPoolExecutor(1, "imagejobs-sqlite")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def create(self, job: ImageJob) -> ImageJob:
        """Store a new job; it is on the disk when this returns. See `ports.JobStore`."""
        return self._mark_known(await self._write(lambda db: sqlite_writes.insert(db, job)))

    async def get(self, key: JobKey, *, caller: CallerName | None = None) -> ImageJob:
        """Return a job. See `ports.JobStore`."""
        return self._mark_known(
            await self._read(lambda db: sqlite_reads.select_job(db, key, self._specs, caller))
        )

    async def list(
        self,
        namespace: str | None,
        state: State | None = None,
        limit: int = 100,
        cursor: str = "",
        *,
        caller: CallerName | None = None,
    ) -> Page:
        """Return a page of jobs, newest first. See `ports.JobStore`."""
        return await self._read(
            lambda db: sqlite_reads.select_page(db, namespace, state, limit, cursor, caller)
        )

    async def keys(self, namespace: str | None = None) -> Sequence[JobKey]:
        """Return the keys of all jobs, or of one namespace."""
        keys = await self._read(sqlite_reads.select_keys)
        return [key for key in keys if namespace in (None, key.namespace)]

    async def count(self, namespace: str | None = None) -> int | None:
        """Return the number of these keys."""
        return len(await self.keys(namespace))

    async def put_status(self, job: ImageJob, status: Status) -> ImageJob:
        """Write the status if the job did not change. See `ports.JobStore`."""
        return self._mark_known(await self._write(lambda db: sqlite_writes.update_status(db, job, status)))

    async def change_spec(
        self,
        key: JobKey,
        change: Callable[[Spec], Spec],
        check: Callable[[ImageJob], None] | None = None,
    ) -> ImageJob:
        """Change mutable fields of the spec; `change` runs in the store's thread. See `ports.JobStore`."""
        return self._mark_known(
            await self._write(lambda db: sqlite_writes.update_spec(db, key, change, check))
        )

    async def delete(self, key: JobKey, uid: Uid | None = None) -> None:
        """Ask for deletion. See `ports.JobStore`."""
        self._remember(await self._write(lambda db: sqlite_writes.delete(db, key, uid)))

    async def add_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Let the job's deletion wait for a finalizer. See `ports.JobStore`."""
        self._remember(await self._write(lambda db: sqlite_writes.add_finalizer(db, job, finalizer)))

    async def remove_finalizer(self, job: ImageJob, finalizer: str) -> None:
        """Remove a finalizer. See `ports.JobStore`."""
        self._remember(await self._write(lambda db: sqlite_writes.remove_finalizer(db, job, finalizer)))

    async def watch(self) -> AsyncIterator[JobEvent | None]:
        """Yield every job, then each that any process writes or deletes. See `ports.JobStore`.

        Raises:
            Unavailable: The file cannot be read; begin again.
        """
        async with aclosing(batches(self._path, self._is_known, self._specs, self._late_seconds)) as found:
            async for batch in found:
                for seen in batch.events:
                    yield seen
                if batch.is_last:
                    yield None

    async def close(self) -> None:
        """Close the file and end the thread; closing twice is no error."""
        if not self._closed:
            self._closed = True
            await self._run(self._disconnect)
            self._thread.shutdown(wait=False)

    def _mark_known(self, job: ImageJob) -> ImageJob:
        self._remember(int(job.resource_version))
        return job

    def _remember(self, revision: int | None) -> None:
        """Remember a revision that the user of this store knows, so that `watch` leaves it out."""
        if revision is not None and not self._echoes:
            self._known_revisions[revision] = None
            if len(self._known_revisions) > MAX_KNOWN_REVISIONS:
                del self._known_revisions[next(iter(self._known_revisions))]

    def _is_known(self, revision: int) -> bool:
        return revision in self._known_revisions

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
            with sqlite_errors():
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
