"""Twenty known failures of operators (Sieve, Acto, issues of Kubernetes): one test each, by number.

Point 20, adoption after an upgrade, has no older release to adopt from yet: its test keeps today's objects as
the first fixture.
"""

import itertools
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Conflict
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob, UnreadableJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import DeletionPolicy, Execution, Manifest, Output, Spec
from imagejobs_contract.model.status import ConditionType, Reason, State, Status
from imagejobs_contract.model.status_json import read_status, status_body
from imagejobs_contract.wire import s3_keys
from imagejobs_operator.decide.late_writes import max_seconds
from imagejobs_operator.decide.observed import ChildJob, Observed, Presence
from imagejobs_operator.decide.plan import plan
from imagejobs_operator.decide.plan_input import Policy
from support.operator.fakes import Running
from support.operator.world import OUTPUTS, START, World, outcome, spec

KEY = JobKey("ns", "job")


def reason(world: World, kind: ConditionType) -> Reason | None:
    condition = world.status().condition(kind)
    return condition.reason if condition and condition.status else None


@pytest.mark.parametrize("execution", [Execution.POOL, Execution.JOB])
def test_1_old_versions_create_nothing_twice_and_move_nothing_back(
    world: World, execution: Execution
) -> None:
    world.create(spec(20, execution=execution, items_per_pod=10))
    final = world.settle()
    for back in range(len(world.store.versions[KEY])):
        world.store.stale[KEY] = back
        world.reconcile()
        assert world.status() == final
    assert len(world.jobs.created) == (execution is Execution.JOB)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("at", range(16))
@pytest.mark.parametrize("execution", [Execution.POOL, Execution.JOB])
def test_2_a_stop_at_any_change_is_mended_by_the_next_reconcile(
    world: World, execution: Execution, at: int, before: bool
) -> None:
    if before:
        world.faults.kill_before = at
    else:
        world.faults.kill_after = at
    world.create(spec(20, execution=execution, items_per_pod=10))
    status = world.settle()
    assert (status.state, status.counts.succeeded) == (State.SUCCEEDED, 20)
    assert len(world.store.writes) <= 6
    assert len(world.jobs.created) <= 1


@pytest.mark.parametrize("seen", list(itertools.product([True, False], repeat=4)), ids=str)
def test_3_any_event_may_be_lost(world: World, seen: tuple[bool, ...]) -> None:
    world.create(spec(3))
    steps = [lambda: None, world.work, world.work, world.work]
    for step, is_seen in zip(steps, seen, strict=True):
        step()
        if is_seen:
            world.reconcile()
    assert world.settle().counts.succeeded == 3


def test_4_a_job_that_exists_is_ours_or_said_to_be_foreign(world: World) -> None:
    world.create(spec(20))
    world.jobs.running["job", 1] = Running("somebody", 1, START, 1)
    world.reconcile()
    assert reason(world, ConditionType.STALLED) is Reason.NAME_TAKEN
    del world.jobs.running["job", 1]
    assert world.settle().state is State.SUCCEEDED
    assert reason(world, ConditionType.STALLED) is None


def test_5_a_job_made_again_under_its_name_inherits_nothing(world: World) -> None:
    world.create(spec(3))
    world.reconcile()
    world.work()
    old = world.job().uid
    world.store.user_delete(KEY)
    world.create(spec(3))
    world.reconcile()
    assert {task.uid for task in world.queue.tasks.values()} == {world.job().uid}
    assert old not in world.board.items
    assert world.settle().counts.succeeded == 3


@pytest.mark.parametrize("looks", range(5))
def test_6_a_deletion_ends_at_every_step(world: World, looks: int) -> None:
    world.create(spec(20, output=Output(deletion_policy=DeletionPolicy.DELETE), execution=Execution.POOL))
    for _ in range(looks):
        world.reconcile()
        world.work()
    world.store.user_delete(KEY)
    again = world.reconcile()
    world.objects.keep(f"{OUTPUTS}/photo-0.jpg", b"x")  # by a worker that does not know yet
    if KEY in world.store.jobs:
        assert again is not None
        assert again.requeue_after_seconds == max_seconds(world.policy)
        assert not world.queue.tasks
        world.advance(max_seconds(world.policy))
        world.reconcile()
    assert KEY not in world.store.jobs
    assert not world.queue.tasks
    assert not world.objects.data


def test_6_outputs_go_with_a_job_that_is_forgotten_too_though_nothing_tells_of_our_own_deletion(
    world: World,
) -> None:
    world.restart(sees_own_writes=False)
    output = Output(prefix="site/", deletion_policy=DeletionPolicy.DELETE)
    world.create(spec(20, output=output, execution=Execution.POOL, ttl_seconds_after_finished=10))
    assert world.settle().counts.succeeded == 20
    world.objects.keep(f"{OUTPUTS}/photo-19.jpg", b"x", uid=world.job().uid)  # the last outcome names it
    world.objects.keep("site/logo.png", b"x")
    world.advance(11)
    assert world.reconcile().requeue_after_seconds == 0.0
    assert world.job().deleting
    world.reconcile()
    assert KEY not in world.store.jobs
    assert list(world.objects.data) == ["site/logo.png"]


def test_6_the_outputs_of_a_job_that_kubectl_made_go_with_it_too(world: World) -> None:
    made = ImageJob(KEY, spec(1, output=Output(deletion_policy=DeletionPolicy.DELETE)))
    world.run(world.store.create(made))
    world.reconcile()
    assert (world.job().finalizers, world.queue.tasks) == ((names.FINALIZER,), {})
    assert world.settle().counts.succeeded == 1
    world.objects.keep(f"{OUTPUTS}/photo-0.jpg", b"x")
    world.store.user_delete(KEY)
    world.reconcile()
    assert KEY not in world.store.jobs
    assert not world.objects.data


def test_6_a_storage_that_stays_away_holds_no_deletion_up_for_ever(world: World) -> None:
    world.create(spec(1, output=Output(deletion_policy=DeletionPolicy.DELETE)))
    world.reconcile()
    world.store.user_delete(KEY)
    world.faults.away = {"s3"}
    world.reconcile()
    assert KEY in world.store.jobs
    world.advance(3600 + max_seconds(world.policy))
    world.reconcile()
    assert KEY not in world.store.jobs


def test_6_only_the_jobs_own_outputs_go_from_a_prefix_that_somebody_chose(world: World) -> None:
    world.create(spec(1, output=Output(prefix="site/", deletion_policy=DeletionPolicy.DELETE)))
    world.reconcile()
    entry = next(iter(world.queue.tasks))
    world.queue.ack(entry, outcome(0, prefix="site"))
    world.reconcile()
    world.objects.keep("site/photo-0.jpg", b"x", uid=world.job().uid)
    world.objects.keep("site/logo.png", b"x")
    world.store.user_delete(KEY)
    world.reconcile()
    assert list(world.objects.data) == ["site/logo.png"]


def test_7_a_change_of_the_spec_wins_over_waiting(world: World) -> None:
    world.create(spec(20, execution=Execution.JOB))
    world.reconcile()
    world.child().parallelism = 0
    world.advance(120)
    world.reconcile()
    world.store.edit(KEY, cancel=True)
    world.reconcile()
    world.collect_garbage()
    world.reconcile()
    assert world.status().state is State.CANCELLED


def test_8_nothing_waits_for_ever(world: World) -> None:
    world.create(spec(2, execution=Execution.POOL))
    world.queue.alive = 0
    world.reconcile()
    world.advance(31)
    world.reconcile()
    assert reason(world, ConditionType.STALLED) is Reason.NO_WORKER
    world.advance(570)
    world.reconcile()
    world.reconcile()
    status = world.status()
    assert (status.state, reason(world, ConditionType.FAILED)) == (
        State.FAILED,
        Reason.QUEUE_DEADLINE_EXCEEDED,
    )
    assert [(each.index, each.code) for each in status.outcomes] == [
        (0, Code.QUEUE_TIMEOUT),
        (1, Code.QUEUE_TIMEOUT),
    ]
    assert world.events.emitted[-1].warning


def test_9_a_vanished_job_is_finished_from_its_results(world: World) -> None:
    world.create(spec(20, items_per_pod=10))
    world.reconcile()
    world.shard(0)
    world.shard(1)
    world.jobs.running.clear()
    world.reconcile()
    assert (world.status().state, world.status().counts.succeeded) == (State.SUCCEEDED, 20)
    assert len(world.jobs.created) == 1


def test_9_a_vanished_job_without_all_results_is_made_again(world: World) -> None:
    world.create(spec(20, items_per_pod=10))
    world.reconcile()
    world.shard(0)
    world.jobs.running.clear()
    world.reconcile()
    assert world.jobs.created == [(world.job().uid, 1)] * 2
    assert world.settle().counts.succeeded == 20


def test_10_the_end_is_final(world: World) -> None:
    world.create(spec(2))
    world.reconcile()
    world.work(Code.CORRUPT_IMAGE)
    world.work()
    world.reconcile()
    final = world.status()
    world.board.items[world.job().uid] = {0: outcome(0), 1: outcome(1)}
    for edit in ({"suspend": True}, {"cancel": True}, {"suspend": False}):
        world.store.edit(KEY, **edit)
        world.reconcile()
    assert (world.status().state, world.status().outcomes) == (State.PARTIALLY_SUCCEEDED, final.outcomes)
    assert world.status().observed_generation == 4
    assert not world.queue.tasks


def test_11_counts_come_from_facts(world: World) -> None:
    world.create(spec(20, items_per_pod=10))
    world.reconcile()
    world.shard(0, most=4)
    world.shard(0)
    world.shard(1, codes={15: Code.CORRUPT_IMAGE})
    key = s3_keys.results(world.job().uid, 1)
    world.objects.data[key] += world.objects.data[key] + b'{"index": 99, "state": "Succeeded"}\n{"index": 1'
    world.reconcile()
    assert (world.status().counts.succeeded, world.status().counts.failed) == (19, 1)


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"state": "Exploded", "conditions": None, "items": None},
        {"conditions": [{"type": "New"}], "outcomes": [{"index": None}], "attempt": "x"},
    ],
    ids=["empty", "unknown words", "wrong types"],
)
def test_12_strange_stored_objects_stop_nothing(world: World, status: dict[str, Any]) -> None:
    job = world.create(spec(500, execution=Execution.POOL))
    world.store.jobs[KEY] = replace(job, status=read_status(status))
    world.store.versions[KEY].append(world.store.jobs[KEY])
    assert world.settle().counts.succeeded == 500


def test_12_a_spec_that_cannot_be_read_is_refused_by_name(world: World) -> None:
    world.create(spec(1))
    body = world.job().to_body()
    body["spec"]["items"] = [{"name": "a.jpg", "key": "x/1"}, {"name": "a.png", "key": "x/2"}]

    async def get(_: JobKey) -> ImageJob:
        return ImageJob.from_body(body | {"status": status_body(world.status())})

    world.store.get = get  # type: ignore[method-assign]
    world.reconcile()
    world.reconcile()
    accepted = world.status().condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert (accepted.status, accepted.reason) == (False, Reason.INVALID_SPEC)
    assert "overwrite" in accepted.message
    assert world.store.writes == ["create", "status Pending"]
    with pytest.raises(UnreadableJob):
        world.run(get(KEY))


MUTABLE = {
    "parallelism": 3,
    "suspend": True,
    "retry_failed": 1,
    "ttl_seconds_after_finished": 5,
    "cancel": True,
}


@pytest.mark.parametrize("field", sorted({each.name for each in fields(Spec)}))
def test_13_every_field_changed_and_changed_back_ends_as_if_it_had_not(world: World, field: str) -> None:
    """Immutable fields are the store's to refuse, which the contract's tests hold both stores to."""
    world.create(spec(20, items_per_pod=2, execution=Execution.JOB))
    world.reconcile()
    before = getattr(world.job().spec, field)
    if field not in MUTABLE or field == "cancel":
        assert world.settle().state is State.SUCCEEDED
        return
    world.store.edit(KEY, **{field: MUTABLE[field]})
    world.reconcile()
    if field == "parallelism":
        assert world.child().parallelism == 3
    if field != "retry_failed":
        world.store.edit(KEY, **{field: before})
        world.reconcile()
        assert (world.child().parallelism, world.child().suspended) == (10, False)
    assert world.settle().state is State.SUCCEEDED


def test_14_twelve_conflicts_cost_little_time(world: World) -> None:
    world.create(spec(1))
    put_status, left = world.store.put_status, [12]

    async def conflicting(job: ImageJob, status: Status) -> ImageJob:
        left[0] -= 1
        if left[0] >= 0:
            raise Conflict
        return await put_status(job, status)

    world.store.put_status = conflicting  # type: ignore[method-assign]
    world.reconcile()
    world.advance(1)
    waited = 0.0
    while "status Queued" not in world.store.writes:
        again = world.reconcile()
        waited += (again.requeue_after_seconds if again else None) or 0.0
    assert waited < 10


def test_15_the_observed_generation_follows_the_act(world: World) -> None:
    world.create(spec(2))
    world.reconcile()
    world.advance(1)
    world.reconcile()
    assert world.status().observed_generation == 1
    world.store.edit(KEY, retry_failed=1)
    world.reconcile()
    assert world.status().observed_generation == 1, "the retry comes after the end"
    world.work(Code.CORRUPT_IMAGE)
    world.work()
    world.reconcile()
    assert (world.status().state, world.status().observed_generation) == (State.PARTIALLY_SUCCEEDED, 1)
    world.reconcile()
    assert (world.status().state, world.status().observed_generation, world.status().attempt) == (
        State.QUEUED,
        2,
        2,
    )
    world.work()
    world.reconcile()
    assert (world.status().state, world.status().counts.succeeded) == (State.SUCCEEDED, 2)


def test_15_a_retry_runs_only_what_failed_and_keeps_the_rest_without_the_board(world: World) -> None:
    world.create(spec(3))
    world.reconcile()
    for code in (None, Code.CORRUPT_IMAGE, None):
        world.work(code)
    world.reconcile()
    world.flush()
    world.store.edit(KEY, retry_failed=1)
    world.reconcile()
    assert [task.index for task in world.queue.tasks.values()] == [1]
    assert world.status().counts.succeeded == 2
    world.flush()
    world.reconcile()
    assert [task.index for task in world.queue.tasks.values()] == [1]
    world.work()
    world.reconcile()
    assert [(each.index, each.attempt) for each in world.status().outcomes] == [(0, 1), (1, 2), (2, 1)]


def test_15_a_retry_of_a_cancelled_job_is_only_acknowledged(world: World) -> None:
    world.create(spec(3, cancel=True))
    world.reconcile()
    cancelled = world.status()
    world.advance(60)
    world.store.edit(KEY, retry_failed=1)
    world.reconcile()
    assert world.status() == replace(cancelled, observed_generation=2, attempt=2)


@pytest.mark.parametrize("state", ["waits", "suspended", "ended", "stalled", "runs as a Job"])
def test_16_who_has_nothing_to_do_writes_nothing(world: World, state: str) -> None:
    world.create(
        spec(
            20 if "Job" in state else 2,
            suspend=state == "suspended",
            execution=Execution.POOL if state == "stalled" else Execution.AUTO,
        )
    )
    world.queue.alive = int(state != "stalled")
    world.reconcile()
    if state == "ended":
        world.settle()
    world.advance(65)
    world.reconcile()
    before = list(world.store.writes)
    for _ in range(16):
        world.advance(30)
        world.reconcile()
    assert world.store.writes == before


@pytest.mark.parametrize("seconds", [-1, 0, 1])
@pytest.mark.parametrize("deadline", ["queue", "active", "ttl"])
def test_17_deadlines_pass_at_their_second(world: World, deadline: str, seconds: int) -> None:
    world.create(
        spec(20, execution=Execution.POOL, active_deadline_seconds=100, ttl_seconds_after_finished=50)
    )
    world.reconcile()
    if deadline != "queue":
        world.work()
        world.reconcile()
    if deadline == "ttl":
        world.settle()
    world.advance({"queue": 600, "active": 100, "ttl": 50}[deadline] + seconds)
    world.reconcile()
    world.reconcile()
    if deadline == "ttl":
        assert (KEY in world.store.jobs) == (seconds < 0)
    else:
        assert world.status().state.final == (seconds >= 0)
        assert not (world.queue.tasks and seconds >= 0)


def test_17_a_clock_that_goes_back_ends_nothing(world: World) -> None:
    world.create(spec(20, execution=Execution.POOL))
    world.reconcile()
    world.work()
    world.reconcile()
    world.advance(-86_400)
    world.reconcile()
    assert world.status().state is State.RUNNING
    assert world.settle().state is State.SUCCEEDED


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_17_time_in_which_the_operator_was_away_does_not_count(world: World, state: State) -> None:
    world.create(spec(20, execution=Execution.POOL))
    world.reconcile()
    if state is State.RUNNING:
        world.work()
        world.reconcile()
    world.advance(86_400)
    world.restart()
    world.reconcile()
    world.reconcile()
    assert world.status().state is state
    assert world.queue.tasks


@pytest.mark.parametrize("execution", [Execution.POOL, Execution.JOB])
def test_17_images_that_all_ended_in_time_make_no_late_job(world: World, execution: Execution) -> None:
    world.create(spec(2, execution=execution, active_deadline_seconds=100))
    world.reconcile()
    if execution is Execution.POOL:
        world.work()
        world.advance(3)
        world.reconcile()
        world.work(Code.CORRUPT_IMAGE)
    else:
        world.advance(3)
        world.reconcile()
        world.shard(0, codes={1: Code.CORRUPT_IMAGE})
    assert world.status().state is State.RUNNING
    world.advance(200)
    world.reconcile()
    assert world.status().state is State.PARTIALLY_SUCCEEDED


def work_all(world: World, execution: Execution, *codes: Code | None, attempt: int = 1) -> None:
    """Let workers do what is there, which ends with these codes."""
    world.advance(3)
    world.reconcile()
    if execution is Execution.JOB:
        world.shard(0, attempt, {index: code for index, code in enumerate(codes) if code})
    else:
        assert [world.work(code) for code in codes] == [True] * len(codes)


@pytest.mark.parametrize("execution", [Execution.POOL, Execution.JOB])
@pytest.mark.parametrize("retried", [False, True])
def test_a_job_whose_last_image_ended_is_not_suspended_any_more(
    world: World, execution: Execution, retried: bool
) -> None:
    world.create(spec(2, execution=execution))
    if retried:
        work_all(world, execution, None, Code.CORRUPT_IMAGE)
        world.reconcile()
        assert world.status().state is State.PARTIALLY_SUCCEEDED
        world.store.edit(KEY, retry_failed=1)
        work_all(world, execution, None, attempt=2)
    else:
        work_all(world, execution, None, None)
    world.store.edit(KEY, suspend=True)
    for _ in range(4):
        world.reconcile()
    assert (world.status().state, world.status().counts.succeeded) == (State.SUCCEEDED, 2)


@pytest.mark.parametrize("execution", [Execution.POOL, Execution.JOB])
@pytest.mark.parametrize("looks", range(4))
@pytest.mark.parametrize(
    "switches", list(itertools.permutations(["suspend", "cancel", "delete"], 2)), ids="-".join
)
def test_18_suspend_cancel_and_delete_in_every_state_and_order(
    world: World, execution: Execution, looks: int, switches: tuple[str, ...]
) -> None:
    world.create(spec(3, execution=execution, items_per_pod=1))
    for _ in range(looks):
        world.reconcile()
        world.work()
    for switch in switches:
        if switch == "delete":
            world.store.user_delete(KEY)
        elif KEY in world.store.jobs:
            world.store.edit(KEY, **{switch: True})
        for _ in range(3):
            world.reconcile()
            world.collect_garbage()
    assert not world.queue.tasks
    assert not [it for it in world.jobs.running.values() if not it.suspended and not it.ended]
    if "delete" not in switches:
        assert world.status().state in (State.CANCELLED, State.SUCCEEDED)


def test_19_two_operators_at_once_come_to_one_end(world: World) -> None:
    world.create(spec(20, items_per_pod=10))
    first = world.reconciler
    world.restart()
    second = world.reconciler
    for turn in range(8):
        world.reconciler = (first, second)[turn % 2]
        world.reconcile()
        if turn in (2, 4):
            world.shard(turn // 2 - 1)
    assert (world.status().state, world.status().counts.succeeded) == (State.SUCCEEDED, 20)
    assert len(world.jobs.created) == 1
    assert [write for write in world.store.writes if "Succeeded" in write] == ["status Succeeded"]


def test_20_objects_of_this_release_can_be_taken_over(world: World) -> None:
    job = world.create(spec(2))
    body = {
        "observedGeneration": 1,
        "state": "Running",
        "attempt": 1,
        "items": {"total": 2, "active": 1, "succeeded": 0, "failed": 0},
        "queuedTime": "2026-11-24T12:00:00Z",
        "startTime": "2026-11-24T12:00:01Z",
        "conditions": [
            {
                "type": "Accepted",
                "status": "True",
                "reason": "Accepted",
                "message": "",
                "lastTransitionTime": "2026-11-24T12:00:00Z",
            }
        ],
    }
    world.store.jobs[KEY] = replace(job, status=read_status(body))
    world.store.versions[KEY].append(world.store.jobs[KEY])
    assert world.settle().state is State.SUCCEEDED


def test_a_small_job_that_ends_at_once_costs_four_writes_with_its_creation_event_and_deletion(
    world: World,
) -> None:
    world.create(spec(16, ttl_seconds_after_finished=10))
    world.settle()
    world.advance(11)
    world.reconcile()
    assert world.store.writes == ["create", "status Succeeded", "delete"]
    assert len(world.events.emitted) == 1


def test_a_job_whose_images_wait_is_not_announced_before_anything_is_known_but_its_total(
    world: World,
) -> None:
    world.create(spec(3))
    world.reconcile()
    assert (len(world.queue.tasks), world.board.announced) == (3, [])
    world.settle()
    assert [change.state for change in world.board.announced] == [State.SUCCEEDED]


def test_a_small_job_that_waits_is_written_as_queued_after_a_moment_and_since_its_first_reconcile(
    world: World,
) -> None:
    world.create(spec(1))
    again = world.reconcile()
    assert again
    assert (world.status().state, again.requeue_after_seconds) == (State.PENDING, 1.0)
    world.advance(1)
    world.reconcile()
    assert (world.status().state, world.status().queued) == (State.QUEUED, world.now() - timedelta(seconds=1))


def test_a_job_that_kueue_admits_is_neither_let_go_nor_hurried(world: World) -> None:
    world.create(spec(20, queue_name="team"))
    world.reconcile()
    world.child().suspended = True
    world.advance(3600)
    world.reconcile()
    assert (world.child().suspended, world.child().deleting_since) == (True, None)
    assert world.status().state is State.QUEUED
    world.store.edit(KEY, suspend=True)
    world.reconcile()
    assert world.status().state is State.SUSPENDED


def test_a_job_that_waited_long_for_kueue_has_its_whole_time_from_its_admission(world: World) -> None:
    world.create(spec(20, queue_name="team"))
    world.reconcile()
    child = world.child()
    child.suspended, child.parallelism = True, 0
    world.reconcile()
    world.advance(3600)
    child.suspended = False  # admitted, but no pod has started
    world.reconcile()
    assert (world.status().state, reason(world, ConditionType.STALLED)) == (State.QUEUED, None)
    world.advance(61)
    world.reconcile()
    assert reason(world, ConditionType.STALLED) is Reason.NO_WORKER
    child.parallelism = 1
    world.reconcile()
    assert world.status().state is State.RUNNING


def test_a_job_that_kueue_stops_for_another_has_its_whole_time_again(world: World) -> None:
    world.create(spec(20, queue_name="team", active_deadline_seconds=100))
    world.reconcile()
    world.advance(50)
    world.reconcile()
    assert world.status().state is State.RUNNING
    world.child().suspended = True
    world.reconcile()
    world.advance(3600)
    world.reconcile()
    assert (world.status().state, world.status().started) == (State.QUEUED, None)
    world.child().suspended = False
    world.reconcile()
    world.advance(90)
    world.reconcile()
    assert (world.status().state, world.child().deleting_since) == (State.RUNNING, None)
    world.advance(11)
    world.reconcile()
    assert world.child().deleting_since


def test_a_job_that_somebody_else_suspends_stays_suspended_until_they_resume_it(world: World) -> None:
    world.create(spec(20))
    world.reconcile()
    world.child().suspended = world.child().held = True
    for _ in range(3):
        world.advance(3600)
        world.reconcile()
    assert (world.child().suspended, world.child().deleting_since) == (True, None)
    told = world.status().condition(ConditionType.RECONCILING)
    assert told is not None
    assert "is suspended, and not by imagejobs" in told.message
    world.child().suspended = world.child().held = False
    assert world.settle().state is State.SUCCEEDED


@pytest.mark.parametrize("marked", [True, False], ids=["this release", "an earlier one"])
def test_a_job_that_was_suspended_by_its_spec_is_resumed_by_it(world: World, marked: bool) -> None:
    world.create(spec(20))
    world.reconcile()
    world.store.edit(KEY, suspend=True)
    world.settle()
    assert world.child().suspended
    world.child().held = not marked
    world.restart()
    world.store.edit(KEY, suspend=False)
    world.reconcile()
    assert not world.child().suspended
    assert world.settle().state is State.SUCCEEDED


@pytest.mark.parametrize("count", [1, 20])
def test_a_queue_means_a_job_of_its_own_whatever_its_size(world: World, count: int) -> None:
    world.create(spec(count, queue_name="team"))
    world.reconcile()
    assert world.child()
    assert not world.queue.tasks


def test_a_queue_without_a_job_is_said(world: World) -> None:
    world.create(spec(1, queue_name="team", execution=Execution.POOL))
    world.reconcile()
    assert reason(world, ConditionType.STALLED) is Reason.NO_RUNNER
    assert not world.queue.tasks


def test_the_deadline_of_a_job_that_kueue_admits_starts_with_its_admission(world: World) -> None:
    world.create(spec(20, queue_name="team"))
    world.reconcile()
    world.child().suspended = True
    for _ in range(3):
        world.reconcile()
        world.advance(3600)
    world.child().suspended = False
    assert world.settle().state is State.SUCCEEDED


def test_the_storage_being_away_is_said_once_and_heals(world: World) -> None:
    world.create(spec(20))
    world.faults.away = {"s3"}
    for _ in range(3):
        world.reconcile()
    assert reason(world, ConditionType.STALLED) is Reason.STORAGE_UNAVAILABLE
    assert len(world.store.writes) == 2
    world.faults.away = set()
    assert world.settle().state is State.SUCCEEDED


def test_a_manifest_that_is_missing_is_named_where_people_look_and_told_once(world: World) -> None:
    world.create(Spec(manifest=Manifest("lists/a.jsonl", 1)))
    for _ in range(3):
        world.reconcile()
    for kind in (ConditionType.STALLED, ConditionType.FINISHED):  # kubectl get shows the latter's reason
        told = world.status().condition(kind)
        assert told is not None
        assert told.reason is Reason.MANIFEST_NOT_FOUND
        assert "lists/a.jsonl" in told.message
    assert [each.reason for each in world.events.emitted] == [Reason.MANIFEST_NOT_FOUND]
    world.objects.keep("lists/a.jsonl", b'{"key": "a/1"}')
    assert world.settle().counts.succeeded == 1


def test_a_manifest_of_another_length_is_refused_and_heals(world: World) -> None:
    world.objects.keep("lists/a.jsonl", b'{"key": "a/1"}\n{"key": "a/2"}')
    world.create(Spec(manifest=Manifest("lists/a.jsonl", 3)))
    world.reconcile()
    accepted = world.status().condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert not accepted.status
    assert "has 2 lines" in accepted.message
    world.objects.keep("lists/a.jsonl", b'{"key": "a/1"}\n{"key": "a/2"}\n{"key": "a/3"}')
    assert world.settle().counts.succeeded == 3


def test_nobody_deletes_somebody_elses_files_by_an_annotation(world: World) -> None:
    for prefix in ("uploads/", "outputs/", "uploads/a/b/", "uploads//", "uploads/ns.shop.j1/"):
        world.objects.keep("uploads/a/b/0", b"x")
        world.objects.keep("uploads/ns.shop.j1/0/a.jpg", b"x")
        world.objects.keep("outputs/other/0.jpg", b"x")
        world.create(
            spec(1, ttl_seconds_after_finished=1),
            name="thief",
            annotations={names.ANNOTATION_UPLOADS: prefix},
        )
        world.settle("thief")
        world.advance(2)
        world.reconcile(JobKey("ns", "thief"))
        assert JobKey("ns", "thief") not in world.store.jobs
        assert set(world.objects.data) == {
            "uploads/a/b/0",
            "uploads/ns.shop.j1/0/a.jpg",
            "outputs/other/0.jpg",
        }


def test_a_progress_write_comes_at_most_every_two_seconds(world: World) -> None:
    world.create(spec(400, execution=Execution.POOL))
    world.reconcile()
    for _ in range(40):
        for _ in range(5):
            world.work()
        world.advance(0.1)
        world.reconcile()
    running = [write for write in world.store.writes if write == "status Running"]
    assert 2 <= len(running) <= 3
    assert len(world.board.announced) <= 8


def test_a_small_job_that_takes_long_is_written_as_running_once(world: World) -> None:
    world.create(spec(10))
    for _ in range(11):
        world.reconcile()
        world.advance(3)
        world.work()
    assert world.store.writes == ["create", "status Running", "status Succeeded"]


def test_a_finished_jobs_uploads_and_files_go_with_it_and_outputs_stay(world: World) -> None:
    for key in ("uploads/u/0", f"{OUTPUTS}/photo-0.jpg"):
        world.objects.keep(key, b"x")
    world.create(
        spec(20, execution=Execution.JOB, ttl_seconds_after_finished=5),
        annotations={names.ANNOTATION_UPLOADS: "uploads/u/"},
    )
    world.settle()
    world.advance(6)
    world.reconcile()
    assert KEY not in world.store.jobs
    assert list(world.objects.data) == [f"{OUTPUTS}/photo-0.jpg"]


def test_a_job_that_is_being_deleted_is_waited_for(world: World) -> None:
    world.create(spec(20, items_per_pod=10, parallelism=1))
    world.reconcile()
    world.child().deleting_since = world.now()
    world.store.edit(KEY, parallelism=2)
    changes = len(world.faults.changes)
    world.reconcile()
    assert len(world.faults.changes) == changes


def test_who_plans_for_a_foreign_job_deletes_nothing() -> None:
    job = ImageJob(KEY, spec(20, cancel=True), uid="uid", created=START)
    todo = plan(
        job, Observed(child=ChildJob(Presence.FOREIGN)), START + timedelta(seconds=1), Policy(since=START)
    )
    assert not [each for each in todo if type(each).__name__ == "DeleteJob"]
