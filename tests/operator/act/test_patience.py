"""Systems that fail for a while: how often they are asked, and what is kept between the tries."""

import asyncio

import pytest

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.names import ANNOTATION_UPLOADS, JobKey
from imagejobs_contract.model.spec import Execution
from imagejobs_contract.model.status import State
from imagejobs_contract.runtime.gate import Gate
from imagejobs_contract.wire import s3_keys
from imagejobs_operator.act.gated import gated
from support.operator.world import World, spec

KEY = JobKey("ns", "job")


def end_all_pods(world: World, shards: int) -> None:
    """Let a Job of so many shards of two images end."""
    world.create(spec(2 * shards, execution=Execution.JOB, items_per_pod=2))
    world.reconcile()
    for shard in range(shards):
        world.shard(shard)


def test_a_job_of_200_shards_ends_while_every_second_request_is_refused(world: World) -> None:
    end_all_pods(world, 200)
    get, asked = world.objects.get, 0

    async def get_sometimes(key: str, max_bytes: int) -> tuple[bytes, str]:
        nonlocal asked
        asked += 1
        if asked % 2 == 0:
            raise Unavailable("503")
        return await get(key, max_bytes)

    world.objects.get = get_sometimes  # type: ignore[method-assign]
    tries = 0
    while not world.status().state.final and tries < 1000:
        world.reconcile()
        tries += 1
    assert world.status().state is State.SUCCEEDED
    assert world.status().counts.succeeded == 400
    assert asked <= 200 * 10, "what was read is not read again"


def test_lines_that_were_added_after_a_broken_try_count(world: World) -> None:
    end_all_pods(world, 20)
    get, broken = world.objects.get, True

    async def get_the_first_ones(key: str, max_bytes: int) -> tuple[bytes, str]:
        if broken and key == s3_keys.results(world.job().uid, 19):
            raise Unavailable("503")
        return await get(key, max_bytes)

    world.objects.get = get_the_first_ones  # type: ignore[method-assign]
    world.reconcile()
    assert not world.status().state.final
    broken = False
    world.restart()
    world.reconcile()
    assert world.status().counts.succeeded == 40


def test_calls_of_a_port_wait_behind_its_gate_and_pass_it_unchanged(world: World) -> None:
    gate = Gate("played", lambda: world.elapsed_seconds)
    objects = gated(world.objects, gate)
    world.objects.keep("a/b", b"x")
    assert world.run(objects.get("a/b", 10))[0] == b"x"
    world.faults.away = {"s3"}
    asked = []
    check = world.faults.check
    world.faults.check = lambda system: (asked.append(system), check(system))[1]  # type: ignore[method-assign]
    for _ in range(100):
        world.advance(0.1)
        try:
            world.run(objects.get("a/b", 10))
        except Unavailable:
            continue
    assert 2 <= len(asked) <= 6
    world.faults.away = set()
    world.advance(5)
    assert world.run(objects.get("a/b", 10))[0] == b"x"


def test_a_store_behind_a_closed_gate_can_be_closed() -> None:
    class Away:
        closed = False

        async def get(self) -> None:
            raise Unavailable("away")

        async def close(self) -> None:
            self.closed = True

    async def scenario() -> None:
        store = Away()
        behind = gated(store, Gate("played"))
        with pytest.raises(Unavailable):
            await behind.get()
        await behind.close()
        assert store.closed

    asyncio.run(scenario())


def test_a_large_job_costs_less_than_forty_writes_however_slow_it_is(world: World) -> None:
    world.create(spec(500, execution=Execution.JOB, items_per_pod=10, active_deadline_seconds=86_400))
    world.reconcile()
    for image in range(500):
        world.shard(image // 10, most=1)
        world.advance(30)
        world.reconcile()
    assert world.status().state is State.SUCCEEDED
    assert len([each for each in world.store.writes if each.startswith("status")]) <= 30


@pytest.mark.parametrize("system", ["redis", "s3"])
def test_what_a_job_leaves_that_is_gone_is_deleted_once_the_system_is_back(world: World, system: str) -> None:
    upload = "uploads/u/photo-0.jpg"
    world.create(spec(2, execution=Execution.POOL), annotations={ANNOTATION_UPLOADS: "uploads/u/"})
    world.objects.keep(upload, b"x")
    world.reconcile()
    world.store.user_delete(KEY)
    world.faults.away = {system}
    assert world.reconcile() is None, "it is tried again"
    world.faults.away = set()
    world.reconcile()
    assert not world.queue.tasks
    assert not world.objects.data
    changes = len(world.faults.changes)
    world.reconcile()
    assert len(world.faults.changes) == changes, "and nothing twice"


def test_what_a_job_left_does_not_delay_another_one_of_its_name(world: World) -> None:
    world.create(spec(2, execution=Execution.POOL), annotations={ANNOTATION_UPLOADS: "uploads/u/"})
    world.objects.keep("uploads/u/photo-0.jpg", b"x")
    world.reconcile()
    world.store.user_delete(KEY)
    world.create(spec(1, execution=Execution.POOL))
    world.faults.away = {"s3"}
    world.reconcile()
    assert {task.uid for task in world.queue.tasks.values()} == {world.job().uid}
    world.faults.away = set()
    world.reconcile()
    assert not world.objects.data
