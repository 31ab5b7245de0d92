"""Callbacks of the program to a real receiver: kill -9, two operators at once, receivers that hang."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import CallbackState, ConditionType
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.stores.sqlite import SqliteStore
from support.clock.waiting import until_read
from support.operator.process import good, operator, s3_environ, worker
from support.servers.webhook_receiver import SECRET, Receiver, receiver

KEY = JobKey("default", "job")


@pytest.fixture
def environ(redis_url: str, s3_settings: S3Settings, tmp_path: Path) -> dict[str, str]:
    """The variables of a local operator that may send to this machine."""
    return {
        "JOB_STORE": f"sqlite:{tmp_path / 'jobs.sqlite'}",
        "REDIS_URL": redis_url,
        "RESYNC_SECONDS": "1",
        **s3_environ(s3_settings),
        "WEBHOOK_SECRETS": SECRET,
        "ALLOWED_PRIVATE_CALLBACKS": "127.0.0.0/8",
        "PUBLIC_URL": "https://images.example.org/",
    }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """The operator's store."""
    store = SqliteStore(tmp_path / "jobs.sqlite")
    yield store
    asyncio.run(store.close())


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    """A receiver."""
    with receiver() as it:
        yield it


def job(url: str, name: str = "job") -> ImageJob:
    return ImageJob(JobKey("default", name), Spec(items=(Item("a.jpg", "uploads/u/0"),), callback_url=url))


async def wait_for_delivery(store: SqliteStore, key: JobKey = KEY) -> ImageJob:
    def is_delivered(job: ImageJob) -> bool:
        return job.status.callback is not None and job.status.callback.state is CallbackState.DELIVERED

    return await until_read(lambda: store.get(key), is_delivered)


def test_the_end_of_a_job_is_sent_and_sent_again_on_demand(
    environ: dict[str, str], store: SqliteStore, redis_url: str, tmp_path: Path, hooks: Receiver
) -> None:
    async def run() -> None:
        async with worker(redis_url, good):
            created = await store.create(job(hooks.url()))
            first = await wait_for_delivery(store)
            assert first.status.is_true(ConditionType.CALLBACK_DELIVERED)
            assert [each.id for each in hooks.messages] == [f"msg_{created.uid.replace('-', '')}_1"]
            await store.change_spec(KEY, lambda spec: replace(spec, repeat_callback=1))
            await asyncio.to_thread(hooks.wait_for, 2)
            assert (await wait_for_delivery(store)).status.callback.repeats == 1  # type: ignore[union-attr]

    with operator(tmp_path, environ) as running:
        asyncio.run(run())
        assert running.stop() == 0
    first, second = hooks.messages
    assert (first.id, first.body) == (second.id, second.body)
    assert first.body["data"]["job_url"] == "https://images.example.org/api/jobs/job"


def test_killed_between_delivery_and_record_it_is_delivered_again_with_the_same_id(
    environ: dict[str, str], store: SqliteStore, redis_url: str, tmp_path: Path, hooks: Receiver
) -> None:
    async def run() -> None:
        async with worker(redis_url, good):
            await store.create(job(hooks.url()))
            await asyncio.to_thread(hooks.wait_for, 1)

    hooks.gate.clear()
    with operator(tmp_path, environ) as running:
        asyncio.run(run())
        running.kill()
    hooks.gate.set()
    with operator(tmp_path, environ):
        asyncio.run(wait_for_delivery(store))
    assert [each.id for each in hooks.messages] == [hooks.messages[0].id] * 2


def test_two_operators_at_once_tell_it_under_one_id(
    environ: dict[str, str], store: SqliteStore, redis_url: str, tmp_path: Path, hooks: Receiver
) -> None:
    async def run() -> None:
        async with worker(redis_url, good):
            for n in range(10):
                await store.create(job(hooks.url(), f"job{n}"))
            for n in range(10):
                await wait_for_delivery(store, JobKey("default", f"job{n}"))

    with operator(tmp_path, environ), operator(tmp_path, environ):
        asyncio.run(run())
    assert len({each.id for each in hooks.messages}) == 10
    assert 10 <= len(hooks.messages) <= 20


def test_receivers_that_hang_slow_no_job(
    environ: dict[str, str], store: SqliteStore, redis_url: str, tmp_path: Path, hooks: Receiver
) -> None:
    async def run() -> None:
        async with worker(redis_url, good):
            for n in range(30):
                await store.create(job(hooks.url(), f"hangs{n}"))
            await asyncio.to_thread(hooks.wait_for, 8)
            for n in range(20):
                await store.create(replace(job(quick.url(), f"quick{n}")))
            for n in range(20):
                await wait_for_delivery(store, JobKey("default", f"quick{n}"))

    hooks.gate.clear()
    with receiver() as quick, operator(tmp_path, environ):
        asyncio.run(run())
    # That no more than 8 hang at once is in test_dispatcher; tries that time out here make room for others.


def test_a_private_address_gets_nothing_and_the_job_says_so(
    environ: dict[str, str], store: SqliteStore, redis_url: str, tmp_path: Path, hooks: Receiver
) -> None:
    async def run() -> ImageJob:
        async with worker(redis_url, good):
            await store.create(job(hooks.url()))
            return await until_read(
                lambda: store.get(KEY),
                lambda job: bool(job.status.callback and job.status.callback.state is CallbackState.GAVE_UP),
            )

    with operator(tmp_path, environ | {"ALLOWED_PRIVATE_CALLBACKS": ""}):
        status = asyncio.run(run()).status
    condition = status.condition(ConditionType.CALLBACK_DELIVERED)
    assert condition
    assert (condition.status, condition.reason, condition.message) == (
        False,
        "CallbackRefused",
        "127.0.0.1 is not a public host",
    )
    assert (hooks.messages, hooks.refusals) == ([], [])
