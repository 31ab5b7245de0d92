"""Large jobs of one owner share a bound of pods; the rest wait as Queued, with their place."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from imagejobs_contract.model import names
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Execution
from imagejobs_contract.model.status import ConditionType, State
from imagejobs_operator.decide.conditions import MAX_TOLD_PLACE
from imagejobs_operator.decide.grants import Grant, Grants
from support.operator.world import World, spec


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.max_owner_pods = 5
    made.restart()
    made.advance(60)
    yield made
    made.close()


def key(name: str) -> JobKey:
    return JobKey("ns", name)


def create(world: World, *jobs: str, caller: str = "shop", parallelism: int = 4, **wish: object) -> None:
    """Create large jobs of a caller, a second apart, and let each be reconciled once."""
    for name in jobs:
        labels = {names.LABEL_CALLER: caller}
        world.create(spec(40, items_per_pod=4, parallelism=parallelism, **wish), name, labels=labels)
        world.advance(1)
        world.reconcile(key(name))


def turn(world: World) -> None:
    """Reconcile the jobs that the ledger called, as the work queue does."""
    called, world.turns[:] = list(dict.fromkeys(world.turns)), []
    for each in called:
        world.reconcile(each)


def pods(world: World) -> dict[str, int]:
    return {name: each.parallelism for (name, _), each in world.jobs.running.items() if not each.ended}


def waits(world: World, name: str) -> str:
    """Return what a waiting job says about its place."""
    status = world.status(name)
    assert status.state is State.QUEUED
    condition = status.condition(ConditionType.RECONCILING)
    assert condition is not None
    return condition.message.rpartition(": ")[2]


def finish(world: World, name: str) -> None:
    """Let all shards of a job end."""
    for index in range(10):
        world.shard(index, name=name)
    world.reconcile(key(name))
    assert world.status(name).state is State.SUCCEEDED


def test_an_owner_has_no_more_pods_than_its_bound(world: World) -> None:
    create(world, "a", "b", "c", "d")
    assert pods(world) == {"a": 4, "b": 1}
    assert [waits(world, name) for name in "cd"] == ["place 1", "place 2"]


def test_another_owner_has_pods_of_its_own(world: World) -> None:
    create(world, "a", "b", "c")
    create(world, "other", caller="blog")
    assert pods(world)["other"] == 4


def test_the_end_of_a_job_gives_the_next_ones_their_turn_in_order(world: World) -> None:
    create(world, "a", "b", "c", "d")
    finish(world, "a")
    turn(world)
    assert pods(world) == {"b": 1, "c": 4}
    assert waits(world, "d") == "place 1"
    finish(world, "c")
    turn(world)
    assert pods(world) == {"b": 1, "d": 4}


def test_a_job_that_began_with_few_pods_gets_more_when_nobody_waits(world: World) -> None:
    create(world, "a", "b")
    assert pods(world) == {"a": 4, "b": 1}
    finish(world, "a")
    world.reconcile(key("b"))
    assert pods(world) == {"b": 4}


def test_a_job_that_waits_comes_before_more_pods_for_one_that_runs(world: World) -> None:
    create(world, "a", "b", "c")
    finish(world, "a")
    world.reconcile(key("b"))
    assert pods(world) == {"b": 1}
    turn(world)
    assert pods(world) == {"b": 1, "c": 4}


def test_no_deadline_runs_while_a_job_waits_for_its_owners_own_pods(world: World) -> None:
    create(world, "a", "b", "c")
    world.jobs.running["a", 1].parallelism = 4
    world.advance(3000)
    world.reconcile(key("c"))
    assert waits(world, "c") == "place 1"
    finish(world, "a")
    turn(world)
    world.advance(500)
    world.reconcile(key("c"))
    assert world.status("c").state in (State.QUEUED, State.RUNNING)
    assert pods(world)["c"] == 4


@pytest.mark.parametrize("end", ["cancelled", "deleted", "suspended"])
def test_a_job_that_leaves_the_queue_lets_the_others_move_up(world: World, end: str) -> None:
    create(world, "a", "b", "c", "d")
    if end == "deleted":
        world.store.user_delete(key("c"))
    else:
        world.store.edit(key("c"), **{{"cancelled": "cancel", "suspended": "suspend"}[end]: True})
    world.reconcile(key("c"))
    turn(world)
    assert waits(world, "d") == "place 1"


def test_a_suspended_job_gives_its_pods_away_and_waits_for_new_ones(world: World) -> None:
    create(world, "a", "b", "c")
    world.store.edit(key("a"), suspend=True)
    world.reconcile(key("a"))
    world.reconcile(key("a"))
    turn(world)
    assert pods(world)["c"] == 4
    world.store.edit(key("a"), suspend=False)
    world.reconcile(key("a"))
    assert waits(world, "a") == "place 1"
    assert world.jobs.running["a", 1].suspended
    finish(world, "c")
    turn(world)
    assert (world.jobs.running["a", 1].suspended, pods(world)["a"]) == (False, 4)


@pytest.fixture
def narrow() -> Iterator[World]:
    """A world whose namespace was given fewer pods than its owners may have together."""
    made = World(grants=Grants({"ns": Grant(pods=6)}))
    made.max_owner_pods = 5
    made.restart()
    made.advance(60)
    yield made
    made.close()


def test_all_owners_of_a_namespace_share_the_pods_that_it_was_given(narrow: World) -> None:
    create(narrow, "a")
    create(narrow, "b", caller="blog")
    create(narrow, "c", caller="wiki")
    create(narrow, "d", caller="blog")
    assert pods(narrow) == {"a": 4, "b": 2}
    assert [waits(narrow, name) for name in "cd"] == ["place 1", "place 1"]
    finish(narrow, "a")
    turn(narrow)
    assert pods(narrow) == {"b": 2, "c": 4}
    finish(narrow, "b")
    turn(narrow)
    assert pods(narrow) == {"c": 4, "d": 2}


def test_jobs_of_a_namespace_that_lost_its_pods_go_on(narrow: World) -> None:
    create(narrow, "a")
    narrow.policy = replace(narrow.policy, grants=Grants())
    narrow.restart()
    narrow.reconcile(key("a"))
    assert pods(narrow) == {"a": 4}
    finish(narrow, "a")


def test_a_job_of_kueue_is_left_to_kueue(world: World) -> None:
    create(world, "a", "b")
    create(world, "k", queue_name="team")
    assert pods(world)["k"] == 4


def test_far_behind_no_place_is_told_and_an_end_writes_few_statuses(world: World) -> None:
    create(world, *(f"j{number:02}" for number in range(30)), parallelism=5)
    assert waits(world, "j29") == f"behind place {MAX_TOLD_PLACE}"
    before = len(world.store.writes)
    finish(world, "j00")
    turn(world)
    assert waits(world, "j02") == "place 1"
    assert len(world.store.writes) - before <= MAX_TOLD_PLACE + 3


def test_a_waiting_job_is_written_once(world: World) -> None:
    create(world, "a", "b", "c")
    before = len(world.store.writes)
    for _ in range(5):
        world.advance(30)
        world.reconcile(key("c"))
    assert len(world.store.writes) == before


def test_a_restart_lets_no_waiting_job_past_those_that_run(world: World) -> None:
    create(world, "a", "b", "c")
    world.restart()
    for name in "cab":
        world.reconcile(key(name))
    assert pods(world) == {"a": 4, "b": 1}


def test_a_failed_creation_does_not_hold_pods(world: World) -> None:
    world.faults.away = {"s3"}
    create(world, "a", "b")
    world.faults.away = set()
    world.store.edit(key("a"), cancel=True)
    world.reconcile(key("a"))
    world.reconcile(key("a"))
    world.reconcile(key("b"))
    assert pods(world) == {"b": 4}


def test_a_small_job_that_falls_back_to_a_pod_does_not_wait(world: World) -> None:
    create(world, "a", "b")
    world.queue.alive = 0
    world.create(spec(1, execution=Execution.AUTO), "photo", labels={names.LABEL_CALLER: "shop"})
    world.reconcile(key("photo"))
    assert pods(world)["photo"] == 1
