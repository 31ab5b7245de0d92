"""The sums in a real S3: added to after a restart, made up for where S3 was away, deleted in time."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.usage_days import KEPT_DAYS, UsageDay
from imagejobs_operator.usage.recorder import UsageRecorder
from support.operator.ended_jobs import ended_job

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def objects(s3_settings) -> S3Objects:
    return S3Objects.from_settings(s3_settings)


def recorder(objects) -> UsageRecorder:
    return UsageRecorder(objects, lambda: NOON)


async def stored(objects, day=NOON) -> UsageDay:
    return UsageDay.from_json((await objects.get(s3_keys.usage(day.date()), 10**6))[0])


def test_a_restart_adds_to_what_is_there(objects):
    async def run() -> int:
        for name in ("a", "b"):
            made = recorder(objects)
            made.note(ended_job("a", NOON))
            made.note(ended_job(name, NOON))
            await made.write()
        return (await stored(objects)).callers["default/shop"].jobs

    assert asyncio.run(run()) == 2


class Away:
    """A real store that refuses so many writes."""

    def __init__(self, objects, times):
        self._objects, self._times = objects, times

    def __getattr__(self, name):
        return getattr(self._objects, name)

    async def put(self, key, data, **options):
        if self._times:
            self._times -= 1
            raise Unavailable
        return await self._objects.put(key, data, **options)


def test_a_failed_write_is_made_up_for(objects):
    async def run() -> int:
        made = recorder(Away(objects, 1))
        made.note(ended_job("a", NOON))
        with pytest.raises(Unavailable):
            await made.write()
        made.note(ended_job("b", NOON))
        await made.write()
        return (await stored(objects)).callers["default/shop"].jobs

    assert asyncio.run(run()) == 2


def test_the_end_of_the_program_writes_what_it_knows(objects):
    async def run() -> int:
        made = recorder(objects)
        running = asyncio.create_task(made.run())
        await asyncio.sleep(0)
        made.note(ended_job("a", NOON))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return (await stored(objects)).callers["default/shop"].jobs

    assert asyncio.run(run()) == 1


def test_days_are_deleted_after_their_time(objects):
    async def run() -> list[str]:
        for days in (0, KEPT_DAYS, KEPT_DAYS + 1):
            day = UsageDay((NOON - timedelta(days=days)).date())
            await objects.put(s3_keys.usage(day.day), day.to_json().encode(), content_type="application/json")
        await recorder(objects).write()
        return [each.key async for page in objects.list(s3_keys.USAGE) for each in page]

    kept = [s3_keys.usage((NOON - timedelta(days=days)).date()) for days in (KEPT_DAYS, 0)]
    assert asyncio.run(run()) == kept
