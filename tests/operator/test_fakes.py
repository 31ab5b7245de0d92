"""One suite over the fakes of the operator's ports and the real adapters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import AlreadyExists, Conflict, NotFound, TooLarge
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import FINALIZER, JobKey, Uid
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.ports import Change, Lease, QueueFacts
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.stores.sqlite import SqliteStore
from imagejobs_contract.wire.origin import Origin
from imagejobs_contract.wire.tasks import Task
from imagejobs_operator.act import pool_tasks
from support.operator import fakes
from support.operator.fakes import Faults
from support.operator.world import outcome, spec

KEY, OTHER = JobKey("default", "job"), JobKey("default", "other")
JOB = ImageJob(KEY, spec(3), uid="u1")
TEXT = "text/plain"

Story = Callable[[Any], Awaitable[None]]
Play = Callable[[Story], None]


class Worker(Protocol):
    """A worker of the pool."""

    async def lease(self) -> Any:
        """Return the oldest task's lease, or None."""
        ...

    async def ack(self, lease: Any, outcome: Outcome) -> bool:
        """Report an outcome; False if the lease is lost."""
        ...


@dataclass
class FakeWorker:
    queue: fakes.Queue

    async def lease(self) -> int | None:
        return next(iter(self.queue.tasks), None)

    async def ack(self, lease: int, outcome: Outcome) -> bool:
        return self.queue.ack(lease, outcome)


@dataclass
class RealWorker:
    queue: RedisTaskQueue

    async def lease(self) -> Lease | None:
        return await self.queue.lease("w1", 0.05)

    async def ack(self, lease: Lease, outcome: Outcome) -> bool:
        return await self.queue.ack("w1", lease, outcome)


@dataclass
class Pool:
    """Queue, board, and a worker."""

    queue: Any
    board: Any
    worker: Worker


def player(opened: Callable[[], AbstractAsyncContextManager[Any]]) -> Play:
    async def played(story: Story) -> None:
        async with opened() as port, asyncio.timeout(60):
            await story(port)

    return lambda story: asyncio.run(played(story))


@pytest.fixture(params=["fake", "sqlite"])
def with_store(request, tmp_path) -> Play:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        if request.param == "fake":
            yield fakes.Store(Faults(), lambda: datetime.now(UTC))
            return
        store = SqliteStore(tmp_path / "jobs.sqlite")
        try:
            yield store
        finally:
            await store.close()

    return player(opened)


@pytest.fixture(params=["fake", "redis"])
def with_pool(request) -> Play:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else ""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Pool]:
        if not url:
            faults = Faults()
            board = fakes.Board(faults)
            queue = fakes.Queue(faults, board, lambda: 0.0)
            yield Pool(queue, board, FakeWorker(queue))
            return
        tasks, redis_board = RedisTaskQueue(url), RedisBoard(url)
        try:
            yield Pool(tasks, redis_board, RealWorker(tasks))
        finally:
            await tasks.close()
            await redis_board.close()

    return player(opened)


@pytest.fixture(params=["fake", "s3"])
def with_objects(request) -> Play:
    settings = request.getfixturevalue("s3_settings") if request.param == "s3" else None

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        yield S3Objects(settings) if settings else fakes.Objects(Faults())

    return player(opened)


def tasks(*indexes: int, job: ImageJob = JOB) -> list[Task]:
    return pool_tasks.make_tasks(job, indexes, 1, 2e9, Origin.of(job))


# The store: fake and SQLite


def test_a_new_job_gets_uid_version_generation_and_time(with_store: Play) -> None:
    async def story(store: Any) -> None:
        made = await store.create(replace(JOB, uid="", finalizers=(FINALIZER,)))
        assert made.uid
        assert made.resource_version
        assert (made.generation, made.status, made.finalizers) == (1, Status(), (FINALIZER,))
        assert abs(datetime.now(UTC) - made.created) < timedelta(seconds=60)
        assert await store.get(KEY) == made
        assert (list(await store.keys()), await store.count()) == ([KEY], 1)
        assert (await store.count(KEY.namespace), await store.count("elsewhere")) == (1, 0)

    with_store(story)


def test_a_name_is_taken_once_and_a_job_that_is_not_there_is_not_found(with_store: Play) -> None:
    async def story(store: Any) -> None:
        await store.create(JOB)
        with pytest.raises(AlreadyExists):
            await store.create(JOB)
        with pytest.raises(NotFound):
            await store.get(OTHER)
        with pytest.raises(NotFound):
            await store.put_status(replace(await store.get(KEY), key=OTHER), Status(attempt=1))

    with_store(story)


def test_a_status_is_written_over_the_version_that_was_read_only(with_store: Play) -> None:
    async def story(store: Any) -> None:
        made = await store.create(JOB)
        written = await store.put_status(made, Status(state=State.RUNNING, attempt=1))
        assert written.resource_version != made.resource_version
        assert (written.generation, written.status.state) == (1, State.RUNNING)
        with pytest.raises(Conflict):
            await store.put_status(made, Status(state=State.FAILED))
        assert await store.get(KEY) == written

    with_store(story)


def test_an_equal_status_is_no_write(with_store: Play) -> None:
    async def story(store: Any) -> None:
        status = Status(state=State.RUNNING, attempt=1)
        written = await store.put_status(await store.create(JOB), status)
        again = await store.put_status(written, status)
        assert again.resource_version == written.resource_version

    with_store(story)


def test_times_in_a_status_are_kept_in_whole_seconds(with_store: Play) -> None:
    async def story(store: Any) -> None:
        made, time = await store.create(JOB), datetime(2026, 1, 1, 12, 0, 1, 999_999, UTC)
        await store.put_status(made, Status(state=State.RUNNING, started=time))
        assert (await store.get(KEY)).status.started == time.replace(microsecond=0)

    with_store(story)


def test_a_job_of_another_uid_is_neither_written_nor_deleted_nor_given_a_finalizer(with_store: Play) -> None:
    async def story(store: Any) -> None:
        first = await store.create(JOB)
        await store.delete(KEY, first.uid)
        second = await store.create(JOB)
        assert second.uid != first.uid
        with pytest.raises(NotFound):
            await store.put_status(first, Status(state=State.FAILED))
        await store.delete(KEY, first.uid)
        await store.add_finalizer(first, FINALIZER)
        await store.remove_finalizer(first, FINALIZER)
        assert await store.get(KEY) == second

    with_store(story)


def test_a_deletion_waits_for_the_finalizer_and_is_no_error_twice(with_store: Play) -> None:
    async def story(store: Any) -> None:
        made = await store.create(JOB)
        await store.add_finalizer(made, FINALIZER)
        await store.add_finalizer(made, FINALIZER)
        await store.delete(KEY)
        going = await store.get(KEY)
        assert (going.deleting, going.finalizers) == (True, (FINALIZER,))
        await store.delete(KEY)
        await store.add_finalizer(going, "example.org/other")
        assert (await store.get(KEY)).finalizers == (FINALIZER,)
        await store.remove_finalizer(going, FINALIZER)
        with pytest.raises(NotFound):
            await store.get(KEY)
        await store.delete(KEY)
        await store.remove_finalizer(going, FINALIZER)

    with_store(story)


def test_a_finalizer_of_a_living_job_can_be_taken_off(with_store: Play) -> None:
    async def story(store: Any) -> None:
        made = await store.create(replace(JOB, finalizers=(FINALIZER,)))
        await store.remove_finalizer(made, FINALIZER)
        found = await store.get(KEY)
        assert (found.finalizers, found.deleting) == ((), False)
        assert found.resource_version != made.resource_version

    with_store(story)


# The queue and the board: fakes and Redis


def test_tasks_wait_until_they_are_acknowledged_and_leave_their_outcomes(with_pool: Play) -> None:
    async def story(pool: Pool) -> None:
        await pool.queue.send(tasks(0, 2))
        assert await pool.queue.waiting("u1") == {0, 2}
        lease = await pool.worker.lease()
        assert await pool.queue.waiting("u1") == {0, 2}
        assert await pool.worker.ack(lease, outcome(0))
        assert await pool.queue.waiting("u1") == {2}
        assert await pool.board.outcomes("u1") == {0: outcome(0)}
        assert not await pool.worker.ack(lease, outcome(0, code=Code.CORRUPT_IMAGE))
        assert await pool.board.outcomes("u1") == {0: outcome(0)}

    with_pool(story)


def test_a_task_that_is_on_the_queue_is_not_sent_twice(with_pool: Play) -> None:
    async def story(pool: Pool) -> None:
        await pool.queue.send(tasks(0))
        await pool.queue.send(tasks(0, 1))
        for index in (0, 1):
            assert await pool.worker.ack(await pool.worker.lease(), outcome(index))
        assert await pool.worker.lease() is None

    with_pool(story)


def test_a_task_whose_outcome_is_known_is_sent_only_for_another_attempt(with_pool: Play) -> None:
    async def story(pool: Pool) -> None:
        await pool.queue.send(tasks(0))
        assert await pool.worker.ack(await pool.worker.lease(), outcome(0))
        await pool.queue.send(tasks(0))
        assert await pool.queue.waiting("u1") == set()
        await pool.queue.send(pool_tasks.make_tasks(JOB, [0], 2, 2e9, Origin.of(JOB)))
        assert await pool.queue.waiting("u1") == {0}

    with_pool(story)


def test_cancelled_tasks_are_gone_and_their_leases_lost(with_pool: Play) -> None:
    async def story(pool: Pool) -> None:
        await pool.queue.send(tasks(0, 1))
        await pool.queue.send(tasks(0, job=replace(JOB, key=OTHER, uid="u2")))
        lease = await pool.worker.lease()
        await pool.queue.cancel("u1")
        await pool.queue.cancel("u1")
        assert (await pool.queue.waiting("u1"), await pool.queue.waiting("u2")) == (set(), {0})
        assert not await pool.worker.ack(lease, outcome(0))
        assert await pool.board.outcomes("u1") == {}

    with_pool(story)


def test_counts_are_the_sum_over_the_shards_and_each_write_of_a_shard_replaces_its_last(
    with_pool: Play,
) -> None:
    async def story(pool: Pool) -> None:
        assert await pool.board.counts("u1") is None
        await pool.board.put_shard(KEY, "u1", 0, Counts(10, 1, 2, 0))
        await pool.board.put_shard(KEY, "u1", 0, Counts(10, 2, 3, 1))
        await pool.board.put_shard(KEY, "u1", 1, Counts(10, 1, 1, 1))
        assert await pool.board.counts("u1") == Counts(10, 3, 4, 2)
        assert list(await pool.board.all_counts(["u2", "u1"])) == [None, Counts(10, 3, 4, 2)]

    with_pool(story)


def test_outcomes_that_a_shard_writes_are_on_the_board(with_pool: Play) -> None:
    async def story(pool: Pool) -> None:
        assert await pool.board.outcomes("u1") == {}
        await pool.board.put_shard(KEY, "u1", 0, Counts(2, 1, 1), [outcome(0)])
        await pool.board.put_shard(KEY, "u1", 0, Counts(2, 0, 2), [outcome(1)])
        assert await pool.board.outcomes("u1") == {0: outcome(0), 1: outcome(1)}

    with_pool(story)


def test_a_board_forgets_one_job(with_pool: Play) -> None:
    async def story(pool: Pool) -> None:
        for uid in ("u1", "u2"):
            await pool.board.put_shard(KEY, uid, 0, Counts(1, 0, 1), [outcome(0)])
        await pool.board.announce(Change(KEY, "u1", State.SUCCEEDED, Counts(1, 0, 1)))
        assert await pool.board.outcomes("u1") == {0: outcome(0)}
        await pool.board.forget("u1")
        await pool.board.forget("u1")
        assert (await pool.board.counts("u1"), await pool.board.outcomes("u1")) == (None, {})
        assert (await pool.board.counts("u2"), await pool.board.outcomes("u2")) == (
            Counts(1, 0, 1),
            {0: outcome(0)},
        )

    with_pool(story)


# The object store: fake and S3


def test_an_object_is_read_as_it_was_stored(with_objects: Play) -> None:
    async def story(objects: Any) -> None:
        etag = await objects.put("jobs/u/a", b"abc", content_type=TEXT, metadata={"made-by": "u1"})
        assert etag
        assert await objects.get("jobs/u/a", 3) == (b"abc", etag)
        facts = await objects.head("jobs/u/a")
        assert (facts.size, facts.etag, facts.metadata) == (3, etag, {"made-by": "u1"})

    with_objects(story)


def test_an_object_that_is_not_there_or_too_large_is_not_read(with_objects: Play) -> None:
    async def story(objects: Any) -> None:
        await objects.put("jobs/u/a", b"abc", content_type=TEXT)
        with pytest.raises(TooLarge):
            await objects.get("jobs/u/a", 2)
        for read in (objects.get("jobs/u/b", 2), objects.get_range("jobs/u/b", 0, 2)):
            with pytest.raises(NotFound):
                await read
        with pytest.raises(NotFound):
            await objects.copy("jobs/u/b", "jobs/u/c")
        assert await objects.head("jobs/u/b") is None

    with_objects(story)


def test_a_range_ends_where_the_object_ends(with_objects: Play) -> None:
    async def story(objects: Any) -> None:
        await objects.put("jobs/u/a", b"abcdef", content_type=TEXT)
        assert await objects.get_range("jobs/u/a", 1, 3) == b"bc"
        assert await objects.get_range("jobs/u/a", 4, 9) == b"ef"
        assert await objects.get_range("jobs/u/a", 2, 2) == b""
        with pytest.raises(NotFound):
            await objects.get_range("jobs/u/a", 7, 9)

    with_objects(story)


def test_a_conditional_put_stores_only_over_that_version(with_objects: Play) -> None:
    async def story(objects: Any) -> None:
        first = await objects.put("jobs/u/a", b"1", content_type=TEXT, only_if="")
        with pytest.raises(Conflict):
            await objects.put("jobs/u/a", b"2", content_type=TEXT, only_if="")
        second = await objects.put("jobs/u/a", b"2", content_type=TEXT, only_if=first)
        with pytest.raises(Conflict):
            await objects.put("jobs/u/a", b"3", content_type=TEXT, only_if=first)
        assert await objects.get("jobs/u/a", 9) == (b"2", second)
        await objects.delete(["jobs/u/a"])
        with pytest.raises(Conflict):
            await objects.put("jobs/u/a", b"3", content_type=TEXT, only_if=second)

    with_objects(story)


def test_a_copy_has_the_bytes_and_the_metadata(with_objects: Play) -> None:
    async def story(objects: Any) -> None:
        await objects.put("lists/a", b"abc", content_type=TEXT, metadata={"made-by": "u1"})
        await objects.copy("lists/a", "jobs/u/manifest")
        assert (await objects.get("jobs/u/manifest", 9))[0] == b"abc"
        assert (await objects.head("jobs/u/manifest")).metadata == {"made-by": "u1"}

    with_objects(story)


def test_objects_that_are_gone_count_as_deleted(with_objects: Play) -> None:
    async def story(objects: Any) -> None:
        for name in ("a", "b"):
            await objects.put(f"jobs/u/{name}", b"1", content_type=TEXT)
        await objects.delete(iter(["jobs/u/a", "jobs/u/never"]))
        await objects.delete(["jobs/u/a"])
        await objects.delete([])
        assert await objects.head("jobs/u/a") is None
        assert await objects.head("jobs/u/b")

    with_objects(story)


def test_a_prefix_is_deleted_and_its_neighbours_stay(with_objects: Play) -> None:
    async def story(objects: Any) -> None:
        keys = ("jobs/u/a", "jobs/u/results/0", "jobs/u2/a", "jobs/v")
        for key in keys:
            await objects.put(key, b"1", content_type=TEXT)
        await objects.delete_prefix("jobs/u/")
        await objects.delete_prefix("jobs/u/")
        there = [
            key for key in ("jobs/u/a", "jobs/u/results/0", "jobs/u2/a", "jobs/v") if await objects.head(key)
        ]
        assert there == ["jobs/u2/a", "jobs/v"]

    with_objects(story)


def test_half_a_name_is_no_prefix(with_objects: Play) -> None:
    async def story(objects: Any) -> None:
        for prefix in ("jobs/u", "", "/"):
            with pytest.raises(ValueError, match="slash"):
                await objects.delete_prefix(prefix)

    with_objects(story)


def test_one_question_tells_which_of_many_jobs_are_not_as_they_were(with_pool: Play) -> None:
    async def story(pool: Pool) -> None:
        await pool.queue.send(tasks(0, 1))
        await pool.queue.send(tasks(0, job=replace(JOB, key=OTHER, uid="u2")))
        first, second = QueueFacts(KEY, Uid("u1"), 2, 0), QueueFacts(OTHER, Uid("u2"), 1, 0)
        assert await pool.queue.find_changed([first, second]) == []
        assert await pool.queue.find_changed([first, replace(second, waiting=0)]) == [OTHER]
        assert await pool.worker.ack(await pool.worker.lease(), outcome(0))
        assert await pool.queue.find_changed([first, second]) == [KEY]
        assert await pool.queue.find_changed([replace(first, waiting=1, outcomes=1), second]) == []
        await pool.queue.cancel("u2")
        assert await pool.queue.find_changed([first, second]) == [KEY, OTHER]

    with_pool(story)
