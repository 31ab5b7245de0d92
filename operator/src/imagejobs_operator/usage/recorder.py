"""Writes the usage of each day to S3, a few seconds after jobs ended; and deletes it after its time."""

import asyncio
import logging
from datetime import date, datetime

from imagejobs_contract.errors import ImageJobsError, NotFound
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.times import Clock
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.usage_days import MAX_BYTES, UsageDay
from imagejobs_operator.usage import ledger
from imagejobs_operator.usage.ledger import Ledger

WRITE_SECONDS = 5.0
"""Time between two writes. One writes the whole day."""
LAST_WRITE_SECONDS = 3.0
"""How long the end of the program waits for the last write; what it misses, the next start counts."""
CONTENT_TYPE = "application/json"

log = logging.getLogger(__name__)


class UsageRecorder:
    """Counts jobs that ended. The reconciler notes them, and `run` writes the sums.

    One operator runs at a time (docs/adr/0011-one-operator-without-a-lease.md): nobody else writes these
    objects.
    """

    def __init__(self, objects: ObjectStore, clock: Clock) -> None:
        self._objects = objects
        self._clock = clock
        self._ledger = Ledger(clock())
        self._deleted_on: date | None = None

    def note(self, job: ImageJob) -> None:
        """Note a job that has ended; again is the same as once."""
        self._ledger.note(job, self._clock())

    async def run(self) -> None:
        """Write until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(WRITE_SECONDS)
                await self._try_write()
        except asyncio.CancelledError:
            async with asyncio.timeout(LAST_WRITE_SECONDS):
                await self._try_write()
            raise

    async def write(self) -> None:
        """Read the days that are not known, count, and write those that changed.

        Raises:
            ImageJobsError: S3 does not do it. Nothing is lost: the next call writes it.
        """
        for day in self._ledger.missing_days():
            self._ledger.put_day(await self._read(day))
        self._ledger.count()
        unwritten = self._ledger.take_changed(self._clock())
        try:
            while unwritten:
                key, data = s3_keys.usage(unwritten[0].day), unwritten[0].to_json().encode()
                await self._objects.put(key, data, content_type=CONTENT_TYPE)
                unwritten.pop(0)
        finally:
            self._ledger.put_back(unwritten)
        now = self._clock()
        self._ledger.forget_old(now)
        await self._delete_old(now)

    async def _try_write(self) -> None:
        try:
            await self.write()
        except (ImageJobsError, ValueError) as ex:
            log.warning("usage was not written", extra={"reason": str(ex)})

    async def _read(self, day: date) -> UsageDay:
        try:
            data, _ = await self._objects.get(s3_keys.usage(day), MAX_BYTES)
        except NotFound:
            return UsageDay(day)
        return UsageDay.from_json(data)

    async def _delete_old(self, now: datetime) -> None:
        """Delete the usage of days that are not kept, once a day."""
        if self._deleted_on == now.date():
            return
        first = s3_keys.usage(ledger.first_kept(now))
        async for page in self._objects.list(s3_keys.USAGE):
            await self._objects.delete([each.key for each in page if each.key < first])
        self._deleted_on = now.date()
