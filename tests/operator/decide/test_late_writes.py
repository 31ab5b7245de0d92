"""Workers that store a result after their job was stopped: its outputs are deleted when none can do so."""

from dataclasses import replace
from datetime import timedelta

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import FINALIZER, JobKey
from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.model.spec import DeletionPolicy, Execution, Output, Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.s3.client import CALL_SECONDS
from imagejobs_contract.wire.origin import Origin
from imagejobs_operator.act.pool_tasks import make_tasks
from imagejobs_operator.decide import late_writes
from imagejobs_operator.decide.deadlines import DELETION_SECONDS
from imagejobs_operator.decide.history import History
from imagejobs_operator.decide.observed import ChildEnd, ChildJob, Observed, Presence
from imagejobs_operator.decide.plan_input import Policy
from support.operator.world import OUTPUTS, START, World, spec

KEY = JobKey("ns", "job")
DELETE = Output(deletion_policy=DeletionPolicy.DELETE)
RULES = Policy(since=START, lease_seconds=10)
BOUND = 10 + CALL_SECONDS + 1
PODS = ChildJob(Presence.OURS, active=1)


def left(status: Status, seconds: float = 0.0, seen: Observed = Observed(), **changes: object) -> float:  # noqa: B008
    job = ImageJob(KEY, spec(2, **changes), uid="uid", status=status, deleting=True, finalizers=(FINALIZER,))
    return late_writes.seconds_left(job, seen, START + timedelta(seconds=seconds), RULES)


def ended(state: State) -> Status:
    return Status(state=state, attempt=1, completed=START)


def test_the_wait_is_as_long_as_a_lease_may_be_held_and_a_call_may_take() -> None:
    for lease in (0.5, 10.0, 3600.0):
        assert late_writes.max_seconds(Policy(since=START, lease_seconds=lease)) == lease + CALL_SECONDS + 1


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("seconds", [0.0, BOUND - 1, BOUND])
def test_who_waits_for_workers_of_the_pool(state: State, seconds: float) -> None:
    all_ended = state in (State.SUCCEEDED, State.PARTIALLY_SUCCEEDED)
    withdrawn = Observed(history=History(tasks_cancelled=None if all_ended else START))
    assert left(ended(state), seconds, withdrawn) == (0 if all_ended else BOUND - seconds)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.CANCELLED])
def test_tasks_of_a_job_that_has_ended_are_waited_for_like_those_of_any_other(state: State) -> None:
    assert left(ended(state), 500, Observed(in_queue=frozenset({0}))) == BOUND
    withdrawn = Observed(history=History(tasks_cancelled=START + timedelta(seconds=500)))
    assert left(ended(state), 510, withdrawn) == BOUND - 10


def test_the_time_begins_when_the_tasks_are_off_the_queue_and_not_when_the_deletion_is_asked_for() -> None:
    assert left(Status(), 500, Observed(history=History(deleting_since=START))) == BOUND
    assert (
        left(
            Status(),
            500,
            Observed(history=History(deleting_since=START, tasks_cancelled=START + timedelta(seconds=490))),
        )
        == BOUND - 10
    )


def test_a_job_whose_failed_images_are_about_to_run_again_counts_as_one_that_runs() -> None:
    assert left(ended(State.PARTIALLY_SUCCEEDED), 500, retry_failed=1) == BOUND


@pytest.mark.parametrize(
    ("child", "waits"),
    [
        (ChildJob(), 0),
        (PODS, DELETION_SECONDS),
        (replace(PODS, deleting_since=START + timedelta(seconds=490)), DELETION_SECONDS - 10),
        (replace(PODS, deleting_since=START), DELETION_SECONDS - 500),
        (replace(PODS, ended=ChildEnd.FAILED), 0),
        (ChildJob(Presence.FOREIGN), 0),
    ],
    ids=["gone", "there", "going", "on a lost node", "ended", "foreign"],
)
def test_pods_are_waited_for_until_they_are_gone(child: ChildJob, waits: float) -> None:
    assert max(0.0, left(ended(State.CANCELLED), 500, Observed(child=child))) == max(0.0, waits)


def begun(world: World, job: Spec) -> ImageJob:
    """Let a job be taken up."""
    world.create(job)
    world.reconcile()
    return world.job()


def settle(world: World, rounds: int = 20) -> float:
    """Let the operator look whenever it wants to, and pods end; return how long it took."""
    start = world.now()
    for _ in range(rounds):
        again = world.reconcile()
        if KEY not in world.store.jobs:
            break
        world.collect_garbage()
        world.advance(1.0 if again is None else again.requeue_after_seconds or 0.0)
    return (world.now() - start).total_seconds()


@pytest.mark.parametrize("at", range(12))
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("execution", [Execution.POOL, Execution.JOB])
def test_a_deletion_that_is_stopped_at_any_change_deletes_what_is_stored_last(
    world: World, execution: Execution, before: bool, at: int
) -> None:
    begun(world, spec(20, output=DELETE, execution=execution, items_per_pod=10))
    world.store.user_delete(KEY)
    count = len(world.faults.changes) + at
    world.faults.kill_before, world.faults.kill_after = (count, None) if before else (None, count)
    world.reconcile()
    world.advance(BOUND - 1)
    see_a_late_result_go(world)
    assert not world.queue.tasks


def test_a_queue_that_is_away_when_the_deletion_is_asked_for_does_not_shorten_the_wait(world: World) -> None:
    begun(world, spec(1, output=DELETE, execution=Execution.POOL))
    world.store.user_delete(KEY)
    world.faults.away = {"redis"}
    world.reconcile()
    world.advance(500)
    world.faults.away = set()
    again = world.reconcile()
    assert again is not None
    assert again.requeue_after_seconds == BOUND


@pytest.mark.parametrize("retried", [False, True], ids=["first attempt", "retry"])
def test_a_job_that_was_created_and_not_written_is_deleted_before_the_outputs(
    world: World, retried: bool
) -> None:
    world.create(spec(20, output=DELETE, execution=Execution.JOB, items_per_pod=10))
    if retried:
        world.reconcile()
        world.shard(0, codes={0: Code.CORRUPT_IMAGE})
        world.shard(1)
        assert world.settle().state is State.PARTIALLY_SUCCEEDED
        world.advance(1)
        world.store.edit(KEY, retry_failed=1)
    attempt = 1 + retried
    be_killed_once_the_job_is_created(world)
    world.reconcile()
    assert ("job", attempt) in world.jobs.running
    assert world.status().attempt < attempt
    world.store.user_delete(KEY)
    world.reconcile()
    assert world.child(attempt).deleting_since
    world.advance(BOUND)
    world.reconcile()
    assert KEY in world.store.jobs, "its pods are not gone"
    see_a_late_result_go(world)


def test_a_job_of_an_attempt_that_the_status_never_named_is_deleted_before_the_outputs(world: World) -> None:
    world.create(spec(20, output=DELETE, execution=Execution.JOB, items_per_pod=10))
    be_killed_once_the_job_is_created(world)
    world.reconcile()
    world.store.edit(KEY, retry_failed=1)
    world.reconcile()
    assert set(world.jobs.running) == {("job", 1), ("job", 2)}, "the first was made, and nothing tells of it"
    for shard in range(2):
        world.shard(shard, 2)
    world.reconcile()
    assert world.status().state is State.SUCCEEDED
    see_pods_of_the_deleted_job_store_a_result(world, attempt=1)


def test_a_job_that_was_made_again_after_the_end_is_deleted_before_the_outputs(world: World) -> None:
    world.create(spec(20, output=DELETE, execution=Execution.JOB, items_per_pod=10))
    world.settle()
    assert world.status().state is State.SUCCEEDED
    del world.jobs.running["job", 1]
    world.run(world.jobs.create(world.job(), 1, 2))  # by an operator that was frozen and had not seen the end
    see_pods_of_the_deleted_job_store_a_result(world, attempt=1)


def see_a_late_result_go(world: World) -> None:
    """Store a result of a deleted job as a worker does; it goes with the job."""
    world.objects.keep(f"{OUTPUTS}/photo-0.jpg", b"x")
    settle(world)
    assert KEY not in world.store.jobs
    assert not world.objects.data


def see_pods_of_the_deleted_job_store_a_result(world: World, attempt: int) -> None:
    """Delete a job of which a Job still has pods; these store a result before they go."""
    world.store.user_delete(KEY)
    world.reconcile()
    assert world.child(attempt).deleting_since
    assert KEY in world.store.jobs, "the pods are not gone"
    world.advance(DELETION_SECONDS - 1)
    world.reconcile()
    assert KEY in world.store.jobs
    see_a_late_result_go(world)


@pytest.mark.parametrize(
    ("execution", "seconds"), [(Execution.POOL, BOUND - 1), (Execution.JOB, DELETION_SECONDS - 1)]
)
def test_a_calendar_that_jumps_while_no_operator_runs_does_not_shorten_the_wait(
    world: World, execution: Execution, seconds: float
) -> None:
    begun(world, spec(20, output=DELETE, execution=execution, items_per_pod=10))
    world.store.edit(KEY, cancel=True)
    if execution is Execution.POOL:
        assert world.settle().state is State.CANCELLED
    else:
        world.reconcile()
        assert world.child().deleting_since
    world.set_calendar(3600)
    world.restart()
    world.store.user_delete(KEY)
    world.reconcile()
    world.advance(seconds)
    world.reconcile()
    assert KEY in world.store.jobs
    see_a_late_result_go(world)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.CANCELLED])
def test_tasks_that_were_sent_after_the_end_are_withdrawn_before_the_outputs_go(
    world: World, state: State
) -> None:
    begun(world, spec(2, output=DELETE, execution=Execution.POOL))
    if state is State.CANCELLED:
        world.store.edit(KEY, cancel=True)
    assert world.settle().state is state
    world.advance(500)
    world.board.flush()
    tasks = make_tasks(world.job(), [0], 1, 3600, Origin())
    world.run(world.queue.send(tasks))  # by an operator that was frozen and saw the job as it was before
    world.store.user_delete(KEY)
    world.reconcile()
    world.advance(BOUND - 1)
    world.reconcile()
    assert KEY in world.store.jobs
    see_a_late_result_go(world)


def test_a_result_that_a_worker_stores_after_it_lost_its_lease_is_deleted_after_the_job(world: World) -> None:
    begun(world, spec(2, output=DELETE, execution=Execution.POOL))
    world.settle()
    world.store.user_delete(KEY)
    again = world.reconcile()
    assert KEY not in world.store.jobs, "all images have ended: nothing is waited for"
    world.objects.keep(f"{OUTPUTS}/photo-0.jpg", b"x")
    assert again
    assert again.requeue_after_seconds
    assert world.reconcile() == again, "the watch tells that the job is gone"
    assert world.objects.data
    world.advance(again.requeue_after_seconds)
    world.reconcile()
    assert not world.objects.data


def test_outputs_of_a_job_that_ended_long_ago_are_deleted_once(world: World) -> None:
    begun(world, spec(2, output=DELETE, execution=Execution.POOL))
    world.settle()
    world.advance(BOUND + 1)
    world.store.user_delete(KEY)
    again = world.reconcile()
    assert again
    assert again.requeue_after_seconds is None


def be_killed_once_the_job_is_created(world: World) -> None:
    """Let the next look that creates a Job be killed before it writes the status."""
    create = world.jobs.create

    async def create_and_be_killed(job: ImageJob, attempt: int, shards: int) -> None:
        await create(job, attempt, shards)
        world.faults.kill_before = len(world.faults.changes)

    world.jobs.create = create_and_be_killed  # type: ignore[method-assign]


def test_a_prefix_that_somebody_chose_loses_the_last_result_too_and_nothing_else(world: World) -> None:
    variants = (
        Variant("web", width=10, format=Format.WEBP),
        Variant("copy", width=10, format=Format.WEBP, only_if_smaller=True),
    )
    job = begun(
        world,
        spec(
            2,
            output=Output("site/", deletion_policy=DeletionPolicy.DELETE),
            execution=Execution.POOL,
            variants=variants,
        ),
    )
    world.store.user_delete(KEY)
    world.reconcile()
    for key, uid in {
        "site/photo-0-web.webp": job.uid,
        "site/photo-1-copy.gif": job.uid,
        "site/photo-0-web.gif": "a later job",
        "site/photo-9-web.webp": job.uid,
    }.items():
        world.objects.keep(key, b"x", uid=uid)
    world.objects.keep("site/photo-1-web.webp", b"by hand")
    settle(world)
    assert KEY not in world.store.jobs
    assert sorted(world.objects.data) == [
        "site/photo-0-web.gif",
        "site/photo-1-web.webp",
        "site/photo-9-web.webp",
    ]


@pytest.mark.parametrize("lease", [10.0, 3600.0])
def test_a_wait_that_is_long_is_not_given_up(lease: float) -> None:
    world = World(lease_seconds=lease)
    begun(world, spec(1, output=DELETE, execution=Execution.POOL))
    world.store.user_delete(KEY)
    assert settle(world) == lease + CALL_SECONDS + 1
    assert not world.events.emitted
    world.close()


@pytest.mark.parametrize("execution", [Execution.POOL, Execution.JOB])
def test_a_job_whose_deletion_waits_for_somebody_else_is_stopped_and_keeps_its_outputs(
    world: World, execution: Execution
) -> None:
    world.create(spec(20, execution=execution, items_per_pod=10))
    world.reconcile()
    world.run(world.store.add_finalizer(world.job(), "example.com/theirs"))
    world.store.user_delete(KEY)
    world.objects.keep(f"{OUTPUTS}/photo-0.jpg", b"x")
    world.reconcile()
    assert not world.queue.tasks
    assert all(each.deleting_since for each in world.jobs.running.values())
    assert f"{OUTPUTS}/photo-0.jpg" in world.objects.data


def test_outputs_of_a_job_that_keeps_them_go_when_the_api_asked_for_it(world: World) -> None:
    world.create(spec(2, execution=Execution.POOL))
    world.reconcile()
    world.store.edit(KEY, cancel=True)
    world.settle()
    world.run(world.store.add_finalizer(world.job(), FINALIZER))
    world.store.user_delete(KEY)
    world.reconcile()
    world.objects.keep(f"{OUTPUTS}/photo-0.jpg", b"x")
    assert settle(world) <= BOUND
    assert KEY not in world.store.jobs
    assert not world.objects.data
