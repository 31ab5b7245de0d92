"""The facts that are read before a decision."""

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Execution
from imagejobs_contract.model.status import State
from imagejobs_contract.ports import WakeUp
from imagejobs_operator.act.observe import START_SECONDS
from imagejobs_operator.decide.observed import ChildJob
from support.operator.world import World, outcome, spec

KEY = JobKey("ns", "job")


def questions(world: World) -> list[str]:
    """Return a list that grows with the uid of each later read of the queue."""
    asked: list[str] = []
    waiting = world.queue.waiting

    async def counted(uid: str) -> frozenset[int]:
        asked.append(uid)
        return await waiting(uid)

    world.queue.waiting = counted  # type: ignore[method-assign]
    return asked


def test_an_image_that_ends_during_a_reconcile_is_not_sent_again(world: World) -> None:
    world.wake_ups_arrive = False
    world.create(spec(3))
    world.reconcile()
    waiting, outcomes = world.queue.waiting, world.board.outcomes

    async def waiting_then_work(uid: str) -> frozenset[int]:
        found = await waiting(uid)
        world.work()
        return found

    async def outcomes_then_work(uid: str) -> object:
        found = await outcomes(uid)
        world.work()
        return found

    world.queue.waiting = waiting_then_work  # type: ignore[method-assign]
    world.board.outcomes = outcomes_then_work  # type: ignore[method-assign, assignment]
    world.reconcile()
    world.reconcile()
    assert world.queue.count == 3
    assert world.status().state is State.SUCCEEDED


def test_the_first_reconcile_of_a_new_job_reads_nothing_and_a_restarted_operator_does(world: World) -> None:
    asked = questions(world)
    world.create(spec(3, execution=Execution.POOL))
    world.reconcile()
    assert (len(world.queue.tasks), asked) == (3, [])
    world.advance(1)
    world.restart()
    world.reconcile()
    assert (len(world.queue.tasks), len(asked)) == (3, 1)


def test_a_small_job_with_all_wake_ups_reads_nothing_and_after_a_missed_one_the_board(
    world: World,
) -> None:
    asked = questions(world)
    for name, arrives in (("heard", True), ("missed", False)):
        world.create(spec(2, execution=Execution.POOL), name)
        world.reconcile(JobKey("ns", name))
        world.work()
        world.wake_ups_arrive = arrives
        world.work()
        world.reconcile(JobKey("ns", name))
        assert (world.status(name).state, len(asked)) == (State.SUCCEEDED, 0 if arrives else 1)
        world.wake_ups_arrive = True


def test_a_wake_up_that_leaves_another_task_does_not_end_the_job(
    world: World,
) -> None:
    world.create(spec(1, execution=Execution.POOL))
    world.reconcile()
    world.memory.record_wake_up(WakeUp(KEY, world.job().uid, outcome(0), tasks_left=1))
    world.reconcile()
    assert not world.status().state.final


def test_a_finished_job_reads_only_the_store(world: World) -> None:
    world.create(spec(3))
    world.settle()
    world.faults.away = {"redis", "s3"}
    assert world.reconcile() is not None


def test_a_job_goes_on_without_redis(world: World) -> None:
    world.create(spec(20, execution=Execution.JOB, items_per_pod=10))
    world.reconcile()
    world.faults.away = {"redis"}
    world.shard(0)
    world.shard(1)
    world.reconcile()
    assert world.status().state is State.SUCCEEDED


def test_a_pool_job_waits_for_redis_and_says_nothing_wrong(world: World) -> None:
    world.create(spec(3))
    world.faults.away = {"redis"}
    assert world.reconcile() is None
    assert world.store.writes == ["create"]
    world.faults.away = set()
    assert world.settle().state is State.SUCCEEDED


def test_the_choice_of_a_runner_survives_a_crash_and_a_change_of_the_world(world: World) -> None:
    world.queue.alive = 0
    world.create(spec(3))
    world.faults.kill_after = len(world.faults.changes) + 5  # the Job is there, the status does not say so
    world.reconcile()
    assert world.jobs.created
    assert not world.status().job_name
    world.queue.alive = 1
    world.reconcile()
    assert world.status().job_name
    assert not world.queue.tasks


def test_a_new_job_that_chooses_its_runner_asks_for_no_job_that_cannot_be_there(world: World) -> None:
    asked = []
    get = world.jobs.get

    async def get_and_count(job: ImageJob, attempt: int) -> ChildJob:
        asked.append(attempt)
        return await get(job, attempt)

    world.jobs.get = get_and_count  # type: ignore[method-assign]
    world.advance(START_SECONDS)
    world.create(spec(3))
    assert world.settle().state is State.SUCCEEDED
    assert asked == []


def test_tasks_that_were_sent_keep_a_job_in_the_pool(world: World) -> None:
    world.create(spec(3))
    world.faults.kill_after = len(world.faults.changes) + 1
    world.reconcile()
    assert len(world.queue.tasks) == 3
    world.queue.alive = 0
    world.reconcile()
    world.advance(1)
    world.reconcile()
    assert not world.jobs.created
    assert world.status().state is State.QUEUED
