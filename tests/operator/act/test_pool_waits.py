"""That the pool has no worker is told once in each namespace, and jobs that wait cost no look each."""

import asyncio
from datetime import timedelta

from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Execution
from imagejobs_contract.model.status import ConditionType, Reason, State
from imagejobs_operator.feeds.pool_rounds import PoolRounds
from support.clock.waiting import until
from support.operator.world import START, World, spec

NAMES = ("first", "second", "third")


def rounds(world: World) -> list[JobKey]:
    """Let one round of the pool come, and look at the jobs that it adds."""
    added: list[JobKey] = []
    world.run(PoolRounds(world.queue, world.memory, added.append, world.now, 30).ask())  # type: ignore[arg-type]
    for key in added:
        world.reconcile(key)
    return added


def create_waiting(world: World) -> None:
    for name in NAMES:
        world.create(spec(1, execution=Execution.POOL), name)
        for _ in range(3):
            world.reconcile(JobKey("ns", name))
            world.advance(1)


def who_say_it(world: World) -> list[str]:
    return [name for name in NAMES if world.status(name).is_true(ConditionType.STALLED)]


def test_the_oldest_job_says_that_there_is_no_worker_and_a_gauge_counts_all(world: World) -> None:
    world.queue.alive = 0
    create_waiting(world)
    assert rounds(world) == []  # a worker may still come
    assert world.memory.pool.without_worker == 3
    world.advance(30)
    writes = len(world.store.writes)
    for _ in range(3):
        rounds(world)
    assert who_say_it(world) == ["first"]
    assert len(world.store.writes) == writes + 1
    told = [each.reason for each in world.events.emitted]
    assert told == [Reason.NO_WORKER]

    world.queue.alive = 1
    assert rounds(world) == [JobKey("ns", "first")]
    assert who_say_it(world) == []
    assert world.memory.pool.without_worker == 0
    assert world.status("first").state is State.QUEUED
    assert rounds(world) == []


def test_a_job_that_runs_says_it_too_when_its_workers_go(world: World) -> None:
    world.create(spec(2, execution=Execution.POOL), "first")
    world.reconcile(JobKey("ns", "first"))
    world.work()
    world.advance(2)
    world.reconcile(JobKey("ns", "first"))
    assert world.status("first").state is State.RUNNING
    world.advance(60)
    assert rounds(world) == []
    world.queue.alive = 0
    assert rounds(world) == [JobKey("ns", "first")]
    assert world.status("first").is_true(ConditionType.STALLED)
    world.queue.alive = 1
    rounds(world)
    assert not world.status("first").is_true(ConditionType.STALLED)
    assert world.status("first").state is State.RUNNING


def test_another_job_says_it_when_the_first_one_ends(world: World) -> None:
    world.queue.alive = 0
    create_waiting(world)
    world.advance(30)
    rounds(world)
    world.store.edit(JobKey("ns", "first"), cancel=True)
    for _ in range(3):
        world.reconcile(JobKey("ns", "first"))
    assert world.status("first").state is State.CANCELLED
    rounds(world)
    assert who_say_it(world) == ["second"]


def test_after_a_restart_the_same_job_goes_on_saying_it(world: World) -> None:
    world.queue.alive = 0
    create_waiting(world)
    world.advance(30)
    rounds(world)
    writes = len(world.store.writes)
    world.restart()
    for name in reversed(NAMES):  # in another order
        if not world.reconciler.is_settled(world.job(name)):
            world.reconcile(JobKey("ns", name))
    world.advance(30)
    rounds(world)
    assert who_say_it(world) == ["first"]
    assert len(world.store.writes) == writes


def test_jobs_that_wait_are_looked_at_when_redis_lost_their_tasks_and_not_before(world: World) -> None:
    create_waiting(world)
    world.advance(60)
    assert not any(world.memory.is_due(JobKey("ns", name), world.now()) for name in NAMES)
    assert rounds(world) == []
    world.queue.flush()
    assert [key.name for key in rounds(world)] == list(NAMES)
    assert len(world.queue.tasks) == 3
    assert rounds(world) == []


def test_the_resync_comes_before_the_deadline_of_a_job_that_waits(world: World) -> None:
    create_waiting(world)
    world.advance(world.policy.queue_seconds - world.policy.resync_seconds - 15)
    assert not world.memory.is_due(JobKey("ns", "first"), world.now())
    world.advance(6)
    assert world.memory.is_due(JobKey("ns", "first"), world.now())
    assert world.now() < START + timedelta(seconds=world.policy.queue_seconds)


def test_after_a_restart_waiting_jobs_are_not_read_one_by_one(world: World) -> None:
    create_waiting(world)
    world.restart()
    assert all(world.reconciler.is_settled(world.job(name)) for name in NAMES)
    assert rounds(world) == []
    world.work()
    assert [key.name for key in rounds(world)] == ["first"]  # its wake-up may have been missed
    assert world.status("first").state is State.SUCCEEDED


def test_a_round_is_asked_soon_after_a_job_was_guessed_to_wait(world: World) -> None:
    create_waiting(world)
    added: list[JobKey] = []
    asked = PoolRounds(world.queue, world.memory, added.append, world.now, 0.01)  # type: ignore[arg-type]
    world.queue.flush()

    async def story() -> None:
        running = asyncio.ensure_future(asked.run())
        asked.ask_soon()
        await until(lambda: bool(added), 30)
        running.cancel()

    world.run(story())
    assert added[0] == JobKey("ns", "first")
