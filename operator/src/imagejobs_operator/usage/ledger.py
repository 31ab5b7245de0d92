"""The usage of the present days, in memory: jobs are noted as they are seen to have ended, each once. Pure.

A job is noted whenever it is reconciled after its end. So a crash between the end and the next write to S3
loses nothing, as long as the job is still there at the next start: the resync shows it again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.receipt import Receipt
from imagejobs_contract.wire.usage_days import KEPT_DAYS, Usage, UsageDay, owner_of

DOUBT_SECONDS = 300.0
"""A job is seen to have ended at most this long after its end, while the operator runs: so long its id is
kept. An older one whose id is not kept may have been counted: it is not counted again.
"""
SETTLE_SECONDS = 600.0
"""In this time after its start the operator has seen every job that ended while none ran, or just before."""
LATE_DAYS = 7
"""Jobs that ended earlier are not looked at: their days need not be read again at each resync."""
MAX_OWNERS = 10_000
"""Owners of one day; those beyond it are summed up under `OTHERS`."""
OTHERS = "/"
MAX_NOTED = 100_000
"""Jobs that wait for their day to be read. Until then no more are noted; the resync shows those later.
"""


@dataclass(frozen=True, slots=True)
class EndedJob:
    """What is counted of an attempt of a job that ended."""

    owner: str
    ended: datetime
    receipt: Receipt

    @property
    def day(self) -> date:
        """Return the day on which it ended."""
        return self.ended.astimezone(UTC).date()


class Ledger:
    """Sums up the usage of each day. One lives as long as the program.

    Args:
        started: When this process started.
    """

    def __init__(self, started: datetime) -> None:
        self._settled = started + timedelta(seconds=SETTLE_SECONDS)
        self._days: dict[date, _OpenDay] = {}
        self._noted: dict[str, EndedJob] = {}

    def note(self, job: ImageJob, now: datetime) -> None:
        """Note a job that has ended; again is the same as once. It is counted once its day was read."""
        ended = job.status.completed
        if ended is None or ended < now - timedelta(days=LATE_DAYS) or len(self._noted) >= MAX_NOTED:
            return
        receipt = job.status.attempt_receipt or job.status.receipt
        owner = owner_of(job.key.namespace, job.caller)
        self._noted[f"{job.uid}/{job.status.attempt}"] = EndedJob(owner, ended, receipt)

    def missing_days(self) -> list[date]:
        """Return the days of noted jobs that must be read before these can be counted."""
        return sorted({each.day for each in self._noted.values()} - self._days.keys())

    def put_day(self, day: UsageDay) -> None:
        """Give the ledger a day as it lies in S3."""
        self._days[day.day] = _OpenDay(day)

    def count(self) -> None:
        """Count the noted jobs of the days that were read."""
        for name, job in list(self._noted.items()):
            if day := self._days.get(job.day):
                del self._noted[name]
                day.count(name, job)

    def take_changed(self, now: datetime) -> list[UsageDay]:
        """Return the days to write, which then count as written."""
        until = now - timedelta(seconds=DOUBT_SECONDS) if now >= self._settled else None
        return [day.take(until) for _, day in sorted(self._days.items()) if day.is_changed]

    def put_back(self, days: Iterable[UsageDay]) -> None:
        """Mark days as changed again, because they were not written."""
        for each in days:
            self._days[each.day].is_changed = True

    def forget_old(self, now: datetime) -> None:
        """Forget the days of which no job can be noted any more."""
        first = (now - timedelta(days=LATE_DAYS + 1)).date()
        for each in [each for each, day in self._days.items() if each < first and not day.is_changed]:
            del self._days[each]


class _OpenDay:
    """One day while it is summed up."""

    def __init__(self, stored: UsageDay) -> None:
        self.is_changed = False
        self._day = stored.day
        self._callers = dict(stored.callers)
        self._recent = dict(stored.recent)
        self._counted_until = stored.counted_until

    def count(self, name: str, job: EndedJob) -> None:
        if name in self._recent or (self._counted_until and job.ended < self._counted_until):
            return
        owner = job.owner
        if owner not in self._callers and len(self._callers) >= MAX_OWNERS:
            owner = OTHERS
        self._callers[owner] = self._callers.get(owner, Usage()) + Usage(1, job.receipt)
        self._recent[name] = job.ended
        self.is_changed = True

    def take(self, until: datetime | None) -> UsageDay:
        self.is_changed = False
        if until is not None:
            self._counted_until = max(self._counted_until or until, until)
            self._recent = {job: ended for job, ended in self._recent.items() if ended >= until}
        return UsageDay(self._day, dict(self._callers), self._counted_until, dict(self._recent))


def first_kept(now: datetime) -> date:
    """Return the first day whose usage is kept."""
    return (now - timedelta(days=KEPT_DAYS)).date()
