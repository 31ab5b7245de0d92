"""Calendars that are set while jobs wait, run, rest or go: what is measured is the time that passed."""

from datetime import timedelta

import pytest

from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import DeletionPolicy, Execution, Output
from imagejobs_contract.model.status import CallbackState, Reason, State
from imagejobs_contract.s3.client import CALL_SECONDS
from imagejobs_operator.decide.deliveries import Response, ResponseKind
from support.operator.world import World, spec

KEY = JobKey("ns", "job")
JUMPS = pytest.mark.parametrize("jump", [-3600, -1200, 1200, 3600, 86_400 * 400])
RUNNERS = pytest.mark.parametrize("execution", [Execution.POOL, Execution.JOB])


def begin(world: World, execution: Execution, *, running: bool, **changes: object) -> None:
    """Let a job of two images wait, or run with one of them done."""
    world.jobs.pods_start = running
    world.create(spec(2, execution=execution, items_per_pod=1, **changes))
    world.reconcile()
    world.advance(2)
    if running and execution is Execution.POOL:
        world.work()
    elif running:
        world.shard(0)
    world.reconcile()
    world.advance(2)
    world.reconcile()


@JUMPS
@RUNNERS
@pytest.mark.parametrize("running", [False, True], ids=["waiting", "running"])
def test_a_calendar_that_is_set_ends_no_job(
    world: World, execution: Execution, jump: int, running: bool
) -> None:
    begin(world, execution, running=running)
    before = world.status().state
    assert before is (State.RUNNING if running else State.QUEUED)
    world.set_calendar(jump)
    world.reconcile()
    assert world.status().state is before
    assert world.settle().state is State.SUCCEEDED


@JUMPS
@RUNNERS
@pytest.mark.parametrize("running", [False, True], ids=["waiting", "running"])
def test_a_deadline_comes_when_its_time_has_passed_whatever_the_calendar_says(
    world: World, execution: Execution, jump: int, running: bool
) -> None:
    begin(world, execution, running=running, active_deadline_seconds=600)
    world.set_calendar(jump)
    world.advance(590)
    world.reconcile()
    assert not world.status().state.final
    world.advance(20)
    for _ in range(5):
        world.reconcile()
        world.collect_garbage()
    ended = world.status()
    finished = next(each for each in ended.conditions if each.type == "Finished")
    expected = Reason.DEADLINE_EXCEEDED if running else Reason.QUEUE_DEADLINE_EXCEEDED
    assert (ended.state, finished.reason) == (State.FAILED, expected)
    assert ended.duration_seconds is not None
    assert 590 <= ended.duration_seconds <= 620


@JUMPS
@pytest.mark.parametrize("count", [1, 40])
def test_nothing_is_stamped_before_what_came_before_it(world: World, count: int, jump: int) -> None:
    world.create(spec(count, items_per_pod=5))
    world.reconcile()
    world.advance(5)
    world.set_calendar(jump)
    world.reconcile()
    ended = world.settle()
    created = world.job().created
    assert created
    stamps = [created, ended.queued, ended.started, ended.completed]
    assert stamps == sorted(stamps), stamps
    assert all(each.since >= created for each in ended.conditions)


@JUMPS
def test_a_job_is_deleted_when_its_time_to_live_has_passed(world: World, jump: int) -> None:
    world.create(spec(1, ttl_seconds_after_finished=1800))
    world.settle()
    world.set_calendar(jump)
    world.advance(1790)
    world.reconcile()
    assert KEY in world.store.jobs
    assert not world.memory.is_due(KEY, world.now()) or world.requeues[KEY].requeue_after_seconds
    world.advance(11)
    world.reconcile()
    assert KEY not in world.store.jobs


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_an_operator_that_starts_beside_a_calendar_that_was_set_measures_from_its_start(
    world: World, jump: int
) -> None:
    begin(world, Execution.POOL, running=True, active_deadline_seconds=600)
    world.set_calendar(jump)
    world.restart()
    world.reconcile()
    world.advance(590)
    world.reconcile()
    assert world.status().state is State.RUNNING
    world.advance(20)
    world.reconcile()
    world.reconcile()
    assert world.status().state is State.FAILED


@JUMPS
def test_the_outputs_of_a_deleted_job_wait_for_its_workers_whatever_the_calendar_says(
    world: World, jump: int
) -> None:
    begin(world, Execution.POOL, running=True, output=Output(deletion_policy=DeletionPolicy.DELETE))
    world.store.edit(KEY, cancel=True)
    world.reconcile()
    world.reconcile()
    assert world.status().state is State.CANCELLED
    world.store.user_delete(KEY)
    world.reconcile()
    world.set_calendar(jump)
    again = world.reconcile()
    assert KEY in world.store.jobs
    assert again
    assert again.requeue_after_seconds == world.policy.lease_seconds + CALL_SECONDS + 1


@JUMPS
def test_a_callback_is_tried_again_after_its_wait_and_not_given_up(world: World, jump: int) -> None:
    world.response = Response(ResponseKind.FAILED, "503")
    world.create(spec(1, callback_url="https://example.org/hook"))
    world.settle()
    for _ in range(3):
        world.reconcile()
        world.deliver()
    tries = len(world.sent)
    world.set_calendar(jump)
    world.reconcile()
    world.deliver()
    assert len(world.sent) == tries
    callback = world.status().callback
    assert callback
    assert callback.state is CallbackState.PENDING
    world.response = Response(ResponseKind.DELIVERED)
    world.advance(10)
    world.reconcile()
    world.deliver()
    world.reconcile()
    assert world.status().callback.state is CallbackState.DELIVERED  # type: ignore[union-attr]
    assert world.sent[-1][0] - world.sent[0][0] < timedelta(seconds=30)


def test_a_calendar_that_is_set_writes_nothing(world: World) -> None:
    world.create(spec(1), name="ended")
    world.settle("ended")
    begin(world, Execution.POOL, running=True)
    before = len(world.faults.changes)
    for jump in (-3600, 3600, 3600):
        world.set_calendar(jump)
        world.reconcile()
        world.reconcile(JobKey("ns", "ended"))
    assert world.faults.changes[before:] == []
