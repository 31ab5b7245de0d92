"""What the local binding remembers of jobs, over a real file that another process writes, too."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from imagejobs_contract.errors import Conflict, NotFound
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import CallerName, JobKey
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.ports import JobEvent
from imagejobs_contract.stores.sqlite import SqliteStore
from imagejobs_operator.feeds.cached_store import CachedStore
from support.operator.world import spec

KEY = JobKey("default", "job")
QUEUED = Status(state=State.QUEUED, attempt=1)


class Counted(SqliteStore):
    """Counts what is read."""

    reads = 0

    async def get(self, key: JobKey, *, caller: CallerName | None = None) -> ImageJob:
        self.reads += 1
        return await super().get(key, caller=caller)


class Scene:
    """The operator's store, and the API's beside it."""

    def __init__(self, file: Path) -> None:
        self.file = Counted(file, echoes=False)
        self.store = CachedStore(self.file)
        self.api = SqliteStore(file)
        self.told: asyncio.Queue[JobEvent] = asyncio.Queue()

    async def hear(self) -> JobEvent:
        return await asyncio.wait_for(self.told.get(), 30)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        async def follow() -> None:
            async with aclosing(self.store.watch()) as feed:  # type: ignore[type-var]
                async for seen in feed:
                    if seen:
                        self.told.put_nowait(seen)

        task = asyncio.create_task(follow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def play(folder: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        scene = Scene(folder / "jobs.sqlite")
        try:
            await story(scene)
        finally:
            await scene.store.close()
            await scene.api.close()

    asyncio.run(run())


def test_a_job_that_the_watch_delivered_is_not_read_again_even_after_an_own_write(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.following():
            made = await scene.api.create(ImageJob(KEY, spec()))
            assert (await scene.hear()).job == made == await scene.store.get(KEY)
            written = await scene.store.put_status(made, QUEUED)
            assert (await scene.store.get(KEY)).status.state is State.QUEUED
            assert (await scene.store.get(KEY)) == written == await scene.api.get(KEY)
            assert scene.file.reads == 0

    play(tmp_path, story)


def test_a_change_by_another_process_replaces_what_is_remembered(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.following():
            await scene.api.create(ImageJob(KEY, spec()))
            await scene.hear()
            await scene.api.change_spec(KEY, lambda before: replace(before, cancel=True))
            await scene.hear()
            assert (await scene.store.get(KEY)).spec.cancel

    play(tmp_path, story)


def test_a_write_over_a_version_that_is_not_the_newest_is_refused_and_the_job_read_afresh(
    tmp_path: Path,
) -> None:
    async def story(scene: Scene) -> None:
        async with scene.following():
            made = await scene.api.create(ImageJob(KEY, spec()))
            await scene.hear()
            changed = await scene.api.change_spec(KEY, lambda before: replace(before, cancel=True))
            with pytest.raises(Conflict):
                await scene.store.put_status(made, QUEUED)
            assert await scene.store.get(KEY) == changed

    play(tmp_path, story)


def test_a_deleted_job_is_gone_from_the_cache_and_a_new_one_of_its_name_is_another(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.following():
            first = await scene.api.create(ImageJob(KEY, spec()))
            await scene.hear()
            await scene.api.delete(KEY)
            assert (await scene.hear()).job is None
            with pytest.raises(NotFound):
                await scene.store.get(KEY)
            await scene.api.create(ImageJob(KEY, spec()))
            await scene.hear()
            assert (await scene.store.get(KEY)).uid != first.uid

    play(tmp_path, story)


def test_what_ended_or_is_large_is_not_kept(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.following():
            small = await scene.api.create(ImageJob(KEY, spec()))
            await scene.hear()
            await scene.api.create(ImageJob(JobKey("default", "large"), spec(17)))
            await scene.hear()
            await scene.store.put_status(small, replace(QUEUED, state=State.SUCCEEDED))
            await scene.store.get(KEY)
            await scene.store.get(JobKey("default", "large"))
            assert scene.file.reads == 2

    play(tmp_path, story)


class LateFeed(Counted):
    """Reads each change as it comes, and delivers it when the test opens the gate, or while a job is read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, echoes=False)
        self.found: asyncio.Queue[JobEvent] = asyncio.Queue()
        self.gate = asyncio.Event()
        self.while_reading: Callable[[], Awaitable[object]] | None = None

    async def get(self, key: JobKey, *, caller: CallerName | None = None) -> ImageJob:
        job = await super().get(key)
        if self.while_reading:
            deliver, self.while_reading = self.while_reading, None
            self.gate.set()
            await deliver()
        return job

    async def watch(self) -> AsyncIterator[JobEvent | None]:
        async with aclosing(super().watch()) as feed:  # type: ignore[type-var]
            async for seen in feed:
                if seen:
                    self.found.put_nowait(seen)
                    await self.gate.wait()
                yield seen


@pytest.mark.parametrize("order", ["event after the read", "event during the read"])
def test_an_event_that_was_on_its_way_during_a_newer_read_is_not_kept(tmp_path: Path, order: str) -> None:
    async def story(scene: Scene) -> None:
        late = scene.file = LateFeed(tmp_path / "jobs.sqlite")
        scene.store = CachedStore(late)
        async with scene.following():
            await scene.api.create(ImageJob(KEY, spec()))
            await asyncio.wait_for(late.found.get(), 30)
            newest = await scene.api.change_spec(KEY, lambda before: replace(before, suspend=True))
            if order == "event during the read":
                late.while_reading = scene.hear
            assert await scene.store.get(KEY) == newest
            late.gate.set()
            if order == "event after the read":
                await scene.hear()
            assert await scene.store.get(KEY) == newest

    play(tmp_path, story)


def test_nothing_is_remembered_once_the_feed_has_ended(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await scene.api.create(ImageJob(KEY, spec()))
        async with scene.following():
            await scene.hear()
        await scene.store.get(KEY)
        assert scene.file.reads == 1

    play(tmp_path, story)
