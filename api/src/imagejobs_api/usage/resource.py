"""`GET /api/usage`: what the caller used, by day, from the sums that the operator writes."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import TypedDict

from falcon.asgi import Response

from imagejobs_api.http import paging
from imagejobs_api.http.connection import Request
from imagejobs_api.view.receipt_body import ReceiptBody, receipt_body
from imagejobs_contract.errors import NotFound
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.times import utc_now
from imagejobs_contract.reader import Reader
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.json_types import Count, Day
from imagejobs_contract.wire.usage_days import KEPT_DAYS, MAX_BYTES, Usage, UsageDay, owner_of

DEFAULT_DAYS = 31
MAX_CONCURRENT_READS = 8
DAY_PATTERN = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


class UsageSumBody(ReceiptBody):
    """Sums over jobs.

    Attributes:
        jobs: Jobs that ended; one that was retried counts once for each attempt.
        images: Images that have their results.
        failed: Images that have none.
    """

    jobs: Count
    images: Count
    failed: Count


class UsageDayBody(UsageSumBody):
    """What was used on one day, in UTC."""

    day: Day


UsageBody = TypedDict(
    "UsageBody",
    {
        "from": Day,
        "to": Day,
        "caller": str | None,
        "total": UsageSumBody,
        "days": list[UsageDayBody],
    },
)
UsageBody.__doc__ = """What a caller used.

Attributes:
    from: The first day.
    to: The last day.
    caller: The name of the caller; null where callers need no key, for all of them together.
    days: Only days on which a job ended, oldest first.
"""


class UsageDays:
    """Answers with the usage of the caller that asks."""

    def __init__(self, objects: ObjectStore, clock: Callable[[], datetime] = utc_now) -> None:
        self._objects = objects
        self._clock = clock

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer with the days of a range."""
        reader = paging.query_reader(req.params, ("from", "to"))
        first, last = read_range(reader, self._clock().date())
        reader.check()
        owner = owner_of(req.caller.namespace, req.caller.name)
        days = [
            (each.day, each.callers[owner]) for each in await self._read(first, last) if owner in each.callers
        ]
        body: UsageBody = {
            "from": first.isoformat(),
            "to": last.isoformat(),
            "caller": req.caller.name or None,
            "total": _sum_body(sum((usage for _, usage in days), Usage())),
            "days": [{"day": day.isoformat(), **_sum_body(usage)} for day, usage in days],
        }
        resp.media = body
        resp.set_header("Cache-Control", "no-store")

    on_head = on_get

    async def _read(self, first: date, last: date) -> list[UsageDay]:
        wanted = range(first.toordinal(), last.toordinal() + 1)
        keys = {s3_keys.usage(date.fromordinal(each)) for each in wanted}
        present = [each.key async for page in self._objects.list(s3_keys.USAGE) for each in page]
        slots = asyncio.Semaphore(MAX_CONCURRENT_READS)

        async def read(key: S3Key) -> UsageDay | None:
            async with slots:
                try:
                    data, _ = await self._objects.get(key, MAX_BYTES)
                except NotFound:
                    return None  # just deleted
                return await asyncio.to_thread(UsageDay.from_json, data)

        return _known(await asyncio.gather(*(read(key) for key in sorted(keys.intersection(present)))))


def read_range(reader: Reader, today: date) -> tuple[date, date]:
    """Return the first and the last day of a query; faults go to the reader."""
    last = _read_day(reader, "to") or today
    first = _read_day(reader, "from") or last - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        reader.fault("from", f"{first} is after {last}, the last day")
    elif (last - first).days >= KEPT_DAYS:
        reader.fault("from", f"asks for {(last - first).days + 1} days; {KEPT_DAYS} are kept")
    return first, last


def _read_day(reader: Reader, name: str) -> date | None:
    text = reader.parsed(name, 10, _check_day, pattern=DAY_PATTERN)
    return date.fromisoformat(text) if text else None


def _check_day(text: str) -> str:
    try:
        if not 2000 <= date.fromisoformat(text).year <= 9000 or len(text) != 10:
            raise ValueError
    except ValueError:
        raise ValueError("is not a day such as 2026-12-01") from None
    return text


def _known(days: Iterable[UsageDay | None]) -> list[UsageDay]:
    return [each for each in days if each is not None]


def _sum_body(usage: Usage) -> UsageSumBody:
    return {
        "jobs": usage.jobs,
        "images": usage.receipt.succeeded,
        "failed": usage.receipt.failed,
        **receipt_body(usage.receipt),
    }
