"""The operator as a program whose calendar is set while it runs: SQLite, a real Redis, a real S3."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.stores.sqlite import SqliteStore
from support.clock.settable_calendar import Calendar
from support.clock.waiting import until, until_read
from support.operator.process import Operator, good, operator, s3_environ, worker


def job(name: str, **changes: object) -> ImageJob:
    return ImageJob(JobKey("default", name), Spec(items=(Item("a.jpg", "uploads/u/0"),), **changes))  # type: ignore[arg-type]


async def reach(store: SqliteStore, name: str, state: State) -> ImageJob:
    return await until_read(
        lambda: store.get(JobKey("default", name)), lambda found: found.status.state is state
    )


def is_due(running: Operator, name: str) -> bool:
    """Return whether the operator wants to delete a job: S3 refuses it, because their calendars differ."""
    return any(
        line.get("job_id") == name and "the clocks of S3" in str(line.get("reason"))
        for line in running.lines()
    )


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_an_hour_more_or_less_ends_no_job_deletes_none_and_stamps_nothing_before_its_creation(
    redis_url: str, s3_settings: S3Settings, tmp_path: Path, seconds: int
) -> None:
    calendar = Calendar(tmp_path)
    file = tmp_path / "jobs.sqlite"
    environ: Mapping[str, str] = {
        "JOB_STORE": f"sqlite:{file}",
        "REDIS_URL": redis_url,
        "RESYNC_SECONDS": "0.2",
        **s3_environ(s3_settings),
        **calendar.variables(),
    }

    async def run(running: Operator) -> None:
        store = SqliteStore(file)
        async with worker(redis_url, good):
            await store.create(job("kept", ttl_seconds_after_finished=1800))
            await reach(store, "kept", State.SUCCEEDED)
        await store.create(job("waiting"))
        await reach(store, "waiting", State.QUEUED)
        await asyncio.to_thread(calendar.set, seconds)
        async with worker(redis_url, good):
            await reach(store, "waiting", State.SUCCEEDED)
            await store.create(job("new"))
            ended = await reach(store, "new", State.SUCCEEDED)
        await store.create(job("late"))
        await reach(store, "late", State.QUEUED)
        # Its time to live is measured too: when it is over, the others were looked at several times.
        async with worker(redis_url, good, max_tasks=2):
            await store.create(job("brief", ttl_seconds_after_finished=2))
            await until(lambda: is_due(running, "brief"), seen=running.log.read_text)
        assert (await store.get(JobKey("default", "kept"))).status.state is State.SUCCEEDED
        assert (await store.get(JobKey("default", "late"))).status.state in (State.QUEUED, State.SUCCEEDED)
        times = [ended.created, ended.status.queued, ended.status.started, ended.status.completed]
        assert times == sorted(times, key=str), times
        await store.close()

    with operator(tmp_path, environ) as running:
        asyncio.run(run(running))
        assert running.stop() == 0
