"""Finished jobs that the resync skips."""

from dataclasses import replace
from datetime import timedelta

import pytest

from imagejobs_contract.model.spec import Execution
from imagejobs_operator.decide import rest
from imagejobs_operator.decide.observed import Observed
from support.operator.world import World, spec


def seen(world: World) -> Observed:
    """Return what the operator remembers of the job."""
    return Observed(history=world.memory.history(world.job().key))


@pytest.mark.parametrize(
    ("after", "ttl", "seconds"),
    [(0, 86_400, 3600), (120, 600, 600 - 30 - 120), (86_000, 86_400, 370)],
    ids=["just ended", "deleted soon", "deleted sooner"],
)
def test_a_finished_job_is_skipped_until_it_is_deleted_or_for_an_hour(
    world: World, after: int, ttl: int, seconds: int
) -> None:
    world.create(spec(1, execution=Execution.POOL, ttl_seconds_after_finished=ttl))
    world.settle()
    now = world.now() + timedelta(seconds=after)
    found = rest.until_deletion(world.job(), seen(world), now, world.policy)
    assert found == now + timedelta(seconds=seconds)


def test_the_resync_skips_a_job_from_the_reconcile_that_ended_it(world: World) -> None:
    world.create(spec(1))
    world.settle()
    assert not world.memory.is_due(world.job().key, world.now())
    world.advance(3600)
    assert world.memory.is_due(world.job().key, world.now())


def test_a_job_that_continues_is_deleted_or_owes_a_callback_is_never_skipped(world: World) -> None:
    world.create(spec(1, execution=Execution.POOL, callback_url="https://example.org/hook"))
    later = world.now() + timedelta(days=1)
    assert rest.until_deletion(world.job(), seen(world), later, world.policy) is None
    world.reconcile()
    world.work()
    world.reconcile()
    job = world.job()
    assert job.status.state.final
    assert rest.until_deletion(job, seen(world), later, world.policy) is None
    told = replace(job, status=replace(job.status, callback=None))
    assert rest.until_deletion(told, seen(world), later, world.policy)
    assert rest.until_deletion(replace(told, deleting=True), seen(world), later, world.policy) is None
