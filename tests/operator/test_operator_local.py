"""The operator as a program on one machine: SQLite, a real Redis, a real S3."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from imagejobs_contract.errors import NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import ConditionType, State
from imagejobs_contract.redis.client import CALL_SECONDS
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.stores.sqlite import SqliteStore
from imagejobs_contract.wire import s3_keys
from support.clock.waiting import until, until_read
from support.operator.process import good, odd_fail, operator, s3_environ, worker

KEY = JobKey("default", "job")


@pytest.fixture
def environ(redis_url: str, s3_settings: S3Settings, tmp_path: Path) -> dict[str, str]:
    """The variables of a local operator."""
    return {
        "JOB_STORE": f"sqlite:{tmp_path / 'jobs.sqlite'}",
        "REDIS_URL": redis_url,
        "RESYNC_SECONDS": "1",
        **s3_environ(s3_settings),
    }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """The operator's store."""
    store = SqliteStore(tmp_path / "jobs.sqlite")
    yield store
    asyncio.run(store.close())


def images(count: int, **changes: object) -> ImageJob:
    items = tuple(Item(f"{n}.jpg", f"uploads/u/{n}") for n in range(count))
    return ImageJob(KEY, Spec(items=items, **changes), annotations={names.ANNOTATION_UPLOADS: "uploads/u/"})  # type: ignore[arg-type]


async def ended(store: SqliteStore, key: JobKey = KEY) -> ImageJob:
    return await until_read(
        lambda: store.get(key),
        lambda job: job.status.state.final and job.status.observed_generation == job.generation,
    )


def test_small_jobs_begin_and_end_by_events_not_by_the_resync(
    environ: dict[str, str], store: SqliteStore, redis_url: str, tmp_path: Path
) -> None:
    async def run() -> None:
        async with worker(redis_url, good):
            for n in range(15):
                job = replace(images(1), key=JobKey("default", f"job{n}"))
                await store.create(job)
                status = (await ended(store, job.key)).status
                assert status.state is State.SUCCEEDED
                assert [outcome.index for outcome in status.outcomes] == [0]

    with operator(tmp_path, environ | {"RESYNC_SECONDS": "3600"}) as running:
        asyncio.run(run())
        assert running.stop() == 0


def test_a_redis_that_answers_too_late_loses_no_job_even_without_a_resync(
    environ: dict[str, str], store: SqliteStore, redis_url: str, tmp_path: Path
) -> None:
    async def run() -> None:
        async with worker(redis_url, good), Redis.from_url(redis_url) as redis:
            for n in range(3):
                await redis.client_pause(int(1000 * (CALL_SECONDS + 0.5)))
                job = replace(images(1), key=JobKey("default", f"job{n}"))
                await store.create(job)
                assert (await ended(store, job.key)).status.state is State.SUCCEEDED

    with operator(tmp_path, environ | {"RESYNC_SECONDS": "3600"}):
        asyncio.run(run())


def test_a_large_job_leaves_its_outcomes_in_s3_and_runs_its_failures_again(
    environ: dict[str, str], store: SqliteStore, redis_url: str, s3_settings: S3Settings, tmp_path: Path
) -> None:
    async def run() -> None:
        objects = S3Objects(s3_settings)
        async with worker(redis_url, odd_fail) as did:
            uid = (await store.create(images(60))).uid
            first = (await ended(store)).status
            assert (first.state, first.counts.succeeded, first.counts.failed) == (
                State.PARTIALLY_SUCCEEDED,
                30,
                30,
            )
            assert first.results_key == f"jobs/{uid}/results/"
            did.clear()
            await store.change_spec(KEY, lambda spec: replace(spec, retry_failed=1))
            second = (await ended(store)).status
            assert (second.state, second.attempt) == (State.SUCCEEDED, 2)
            assert sorted(did) == list(range(1, 60, 2))
        data, _ = await objects.get(s3_keys.results(uid, 0), 10**6)
        lines = list(map(Outcome.from_line, data.splitlines()))
        assert [line.index for line in lines] == list(range(60))
        assert {line.attempt for line in lines if line.index % 2} == {2}

    with operator(tmp_path, {**environ, "POOL_WINDOW": "10"}):
        asyncio.run(run())


def test_what_a_flushed_redis_forgot_is_sent_again(
    environ: dict[str, str], store: SqliteStore, redis_url: str, tmp_path: Path
) -> None:
    async def run() -> None:
        await store.create(images(30))
        async with worker(redis_url, good, max_tasks=10) as did:
            await until(lambda: len(did) == 10)
        async with Redis.from_url(redis_url) as redis:
            await redis.flushall()
        async with worker(redis_url, good):
            status = (await ended(store)).status
        assert (status.state, status.counts.succeeded) == (State.SUCCEEDED, 30)

    with operator(tmp_path, environ):
        asyncio.run(run())


def test_a_killed_operator_goes_on_where_it_was(
    environ: dict[str, str], store: SqliteStore, redis_url: str, tmp_path: Path
) -> None:
    async def begin() -> None:
        await store.create(images(20))
        async with worker(redis_url, good, max_tasks=5) as did:
            await until(lambda: len(did) == 5)

    async def go_on() -> None:
        async with worker(redis_url, good) as did:
            status = (await ended(store)).status
        assert status.counts.succeeded == 20
        assert len(did) == 15, "nothing is done twice"

    with operator(tmp_path, environ) as running:
        asyncio.run(begin())
        running.kill()
    with operator(tmp_path, environ):
        asyncio.run(go_on())


def test_suspend_resume_and_cancel(
    environ: dict[str, str], store: SqliteStore, redis_url: str, tmp_path: Path
) -> None:
    async def run() -> None:
        await store.create(images(3))
        await until_read(lambda: store.get(KEY), lambda job: job.status.state is State.QUEUED)
        await store.change_spec(KEY, lambda spec: replace(spec, suspend=True))
        await until_read(lambda: store.get(KEY), lambda job: job.status.is_true(ConditionType.SUSPENDED))
        async with worker(redis_url, good) as did:
            after = replace(images(1), key=JobKey("default", "after"))
            await store.create(after)
            await ended(store, after.key)
            assert len(did) == 1, "tasks of the suspended job would have been before it on the queue"
            await store.change_spec(KEY, lambda spec: replace(spec, suspend=False))
            await until(lambda: len(did) > 1)
            assert (await ended(store)).status.state is State.SUCCEEDED
        other = replace(images(3), key=JobKey("default", "other"))
        await store.create(other)
        await store.change_spec(other.key, lambda spec: replace(spec, cancel=True))
        status = (await ended(store, other.key)).status
        assert (status.state, status.counts.done) == (State.CANCELLED, 0)

    with operator(tmp_path, environ):
        asyncio.run(run())


def test_a_manifest_waits_for_a_cluster_and_says_so(
    environ: dict[str, str], store: SqliteStore, tmp_path: Path
) -> None:
    from imagejobs_contract.model.spec import Manifest

    async def run() -> None:
        await store.create(ImageJob(KEY, Spec(manifest=Manifest("lists/a.jsonl", 5))))
        job = await until_read(lambda: store.get(KEY), lambda job: job.status.is_true(ConditionType.STALLED))
        condition = job.status.condition(ConditionType.STALLED)
        assert condition is not None
        assert condition.reason == "NoRunner"
        assert "Jobs" in condition.message

    with operator(tmp_path, environ):
        asyncio.run(run())


def test_a_finished_job_and_its_files_go_when_its_time_is_over(
    environ: dict[str, str], store: SqliteStore, redis_url: str, s3_settings: S3Settings, tmp_path: Path
) -> None:
    async def run() -> None:
        objects = S3Objects(s3_settings)
        for key in ("uploads/u/0", "outputs/job/0.jpg", "uploads/other/0"):
            await objects.put(key, b"x", content_type="image/jpeg")
        async with worker(redis_url, good):
            uid = (await store.create(images(20, ttl_seconds_after_finished=1))).uid
            await ended(store)
            assert await objects.head(s3_keys.results(uid, 0))
            with pytest.raises(NotFound):
                await until_read(lambda: store.get(KEY), lambda _: False)
        assert not await objects.head("uploads/u/0")
        assert not await objects.head(s3_keys.results(uid, 0))
        assert await objects.head("outputs/job/0.jpg"), "outputs are the user's"
        assert await objects.head("uploads/other/0")
        async with Redis.from_url(redis_url) as redis:
            assert [key async for key in redis.scan_iter(f"ij:*{uid}*")] == []

    with operator(tmp_path, environ):
        asyncio.run(run())


def test_a_deleted_job_takes_its_tasks_and_uploads_along(
    environ: dict[str, str], store: SqliteStore, redis_url: str, s3_settings: S3Settings, tmp_path: Path
) -> None:
    async def run() -> None:
        objects = S3Objects(s3_settings)
        await objects.put("uploads/u/0", b"x", content_type="image/jpeg")
        await store.create(images(3))
        await until_read(lambda: store.get(KEY), lambda job: job.status.state is State.QUEUED)
        await store.delete(KEY)
        async with Redis.from_url(redis_url) as redis:
            await until_read(lambda: redis.xlen("ij:tasks"), lambda length: length == 0)
        await until_read(lambda: objects.head("uploads/u/0"), lambda facts: facts is None)

    with operator(tmp_path, environ):
        asyncio.run(run())


def test_bad_settings_are_all_named_at_once(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError) as told,
        operator(tmp_path, {"JOB_STORE": "postgres", "CONCURRENCY": "0", "PROFILES": "[]"}),
    ):
        pass
    assert all(each in str(told.value) for each in ("JOB_STORE", "CONCURRENCY", "PROFILES", "WORKER_IMAGE"))
