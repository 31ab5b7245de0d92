"""Jobs of a namespace that is being deleted: nothing is waited for, and late results go afterwards."""

import pytest

from imagejobs_contract.errors import NotFound
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import DeletionPolicy, Execution, Output
from imagejobs_operator.decide import late_writes
from support.operator.world import OUTPUTS, World, spec

KEY = JobKey("ns", "job")
DELETE = Output(deletion_policy=DeletionPolicy.DELETE)


class Ending:
    """A namespace that goes; nobody may read its Jobs any more."""

    async def is_ending(self, namespace: str) -> bool:
        return True


def let_namespace_end(world: World) -> None:
    world.namespaces = Ending()
    world.store.user_delete(KEY)


@pytest.mark.parametrize("execution", [Execution.POOL, Execution.JOB])
def test_a_job_is_let_go_of_at_once(world: World, execution: Execution) -> None:
    world.create(spec(2, execution=execution, output=DELETE))
    world.reconcile()
    world.objects.keep(f"{OUTPUTS}/photo-0.jpg", b"x")
    let_namespace_end(world)
    world.reconcile()
    assert KEY not in world.store.jobs
    assert not world.queue.tasks
    assert not world.objects.data


def test_what_its_workers_store_afterwards_is_deleted_when_they_can_store_no_more(world: World) -> None:
    world.create(spec(2, execution=Execution.POOL, output=DELETE))
    world.reconcile()
    let_namespace_end(world)
    again = world.reconcile()
    world.objects.keep(f"{OUTPUTS}/photo-0.jpg", b"x")
    assert again
    assert again.requeue_after_seconds == late_writes.max_seconds(world.policy)
    told = world.reconcile()  # the watch says that the job is gone
    assert told
    assert told.requeue_after_seconds == again.requeue_after_seconds
    world.advance(told.requeue_after_seconds or 0)
    world.faults.away = {"s3"}
    assert world.reconcile() is None, "it is tried again"
    world.faults.away = set()
    world.reconcile()
    assert not world.objects.data


def test_a_job_that_keeps_its_outputs_keeps_them(world: World) -> None:
    world.create(spec(1, execution=Execution.POOL))
    world.reconcile()
    world.objects.keep(f"{OUTPUTS}/photo-0.jpg", b"x")
    let_namespace_end(world)
    world.reconcile()
    world.reconcile()
    with pytest.raises(NotFound):
        world.run(world.store.get(KEY))
    assert list(world.objects.data) == [f"{OUTPUTS}/photo-0.jpg"]
