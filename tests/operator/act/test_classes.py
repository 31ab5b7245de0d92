"""Jobs of another class are left to the operator of that class."""

from dataclasses import replace
from datetime import timedelta

import pytest

from imagejobs_contract.errors import Fault
from imagejobs_contract.model.imagejob import ImageJob, UnreadableJob
from imagejobs_contract.model.names import FINALIZER, JobKey
from imagejobs_contract.model.spec import DeletionPolicy, Execution, Output
from imagejobs_contract.model.status import ConditionType, Status
from imagejobs_operator.decide.rest import MAX_RESYNC_SKIP_SECONDS
from support.operator.world import World, spec

KEY = JobKey("team-a", "nightly")


def make(world: World, class_name: str | None, **changes: object) -> ImageJob:
    given = {"execution": Execution.POOL, "class_name": class_name, **changes}
    return world.run(world.store.create(ImageJob(KEY, spec(1, **given), finalizers=(FINALIZER,))))


@pytest.mark.parametrize(
    ("operator", "job"), [(None, "shop"), ("shop", None), ("shop", "blog")], ids=["none", "of none", "other"]
)
def test_nothing_of_a_foreign_job_is_touched_not_even_when_it_is_deleted(
    operator: str | None, job: str | None
) -> None:
    world = World(class_name=operator)
    make(world, job)
    world.reconcile(KEY)
    world.store.user_delete(KEY)
    world.reconcile(KEY)
    left = world.store.jobs[KEY]
    assert (left.status, left.finalizers, world.queue.tasks) == (Status(), (FINALIZER,), {})
    assert not world.memory.states
    world.close()


@pytest.mark.parametrize("class_name", [None, "shop"])
def test_an_operator_runs_the_jobs_of_its_class_and_says_so(class_name: str | None) -> None:
    world = World(class_name=class_name)
    world.create(spec(1, class_name=class_name))
    assert not world.reconciler.is_settled(world.job())
    world.settle()
    accepted = world.job().status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert ("class shop" in accepted.message) is (class_name == "shop")
    world.close()


def test_the_resync_reads_a_foreign_job_once(world: World) -> None:
    job = make(world, "shop")
    assert world.reconciler.is_settled(job)
    assert (KEY in world.memory.keys(None), world.memory.is_due(KEY, world.now())) == (True, False)
    del world.store.jobs[KEY]
    world.reconcile(KEY)
    assert KEY not in world.memory.keys(None)


def test_a_foreign_job_under_the_name_of_one_of_ours_takes_over_nothing(world: World) -> None:
    ours = make(world, None, output=Output(deletion_policy=DeletionPolicy.DELETE))
    world.reconcile(KEY)
    assert world.queue.tasks
    del world.store.jobs[KEY]  # in a gap of the watch
    foreign = make(world, "shop")
    assert foreign.uid != ours.uid
    assert not world.reconciler.is_settled(foreign)
    world.reconcile(KEY)
    assert (world.queue.tasks, world.store.jobs[KEY].status) == ({}, Status())
    assert world.reconciler.is_settled(foreign)


def test_a_job_of_ours_under_the_name_of_a_foreign_one_is_run(world: World) -> None:
    world.reconciler.is_settled(make(world, "shop"))
    del world.store.jobs[KEY]
    ours = make(world, None)
    assert not world.reconciler.is_settled(ours)
    world.reconcile(KEY)
    assert world.memory.is_due(KEY, world.now() + timedelta(seconds=MAX_RESYNC_SKIP_SECONDS))
    assert world.queue.tasks


def test_a_foreign_job_that_cannot_be_read_is_not_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make(world, "shop")

    async def unreadable(*_: object, **__: object) -> ImageJob:
        raise UnreadableJob([Fault("spec.items", "is new")], replace(job, spec=spec(0, class_name="shop")))

    monkeypatch.setattr(world.store, "get", unreadable)
    world.reconcile(KEY)
    assert world.store.jobs[KEY].status == Status()
