"""Commands in every order, each where the API allows it, at every moment of a job's life.

Whatever the order is, the job ends, and somebody can still act on it: one that was not cancelled can be
retried, and `spec.cancel` is set only on jobs that are, or become, Cancelled.
"""

from itertools import permutations

import pytest

from imagejobs_api.http.errors import Problem
from imagejobs_api.jobs import conflicts
from imagejobs_contract.codes import Code
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Execution
from imagejobs_contract.model.status import State
from support.operator.world import World, spec

KEY = JobKey("ns", "job")
COMMANDS = ("cancel", "retry", "suspend", "resume")


def give(world: World, command: str) -> bool:
    """Give a command as the API does, and return whether it was taken."""
    job = world.job()
    checks = {"cancel": conflicts.check_cancel, "retry": conflicts.check_retry}
    changes = {
        "cancel": {"cancel": True},
        "retry": {"retry_failed": max(job.spec.retry_failed, max(job.status.attempt, 1))},
        "suspend": {"suspend": True},
        "resume": {"suspend": False},
    }
    try:
        checks.get(command, conflicts.check_suspend)(job)
    except Problem:
        return False
    world.store.edit(KEY, **changes[command])
    return True


def begin(execution: Execution, moment: str) -> World:
    world = World()
    world.create(spec(2, execution=execution))
    if moment == "new":
        return world
    world.reconcile(KEY)
    if execution is Execution.POOL:
        world.work(Code.CORRUPT_IMAGE)
    if moment == "ended":
        while not world.status().state.final:
            world.reconcile(KEY)
            world.advance(1)
            world.work()
            for (_, attempt), it in list(world.jobs.running.items()):
                if not it.ended and not it.done:
                    world.shard(0, attempt, {0: Code.CORRUPT_IMAGE})
    elif moment == "all done, end not written":
        while world.work():
            pass
        if world.jobs.running:
            world.shard(0, 1, {0: Code.CORRUPT_IMAGE})
    return world


@pytest.mark.parametrize("moment", ["new", "begun", "all done, end not written", "ended"])
@pytest.mark.parametrize("execution", [Execution.POOL, Execution.JOB])
@pytest.mark.parametrize("between", range(8), ids=lambda bits: f"{bits:03b}")
def test_no_order_of_commands_leaves_a_job_that_nobody_can_act_on(execution, moment, between):
    """`between` says after which of the commands the operator comes by before the next one."""
    for order in permutations(COMMANDS):
        world = begin(execution, moment)
        try:
            for n, command in enumerate(order):
                give(world, command)
                if between >> n & 1:
                    world.reconcile(KEY)
                    world.collect_garbage()
            if world.job().spec.suspend:
                world.store.edit(KEY, suspend=False)
            for it in world.jobs.running.values():
                it.suspended = it.suspended and not it.managed
            world.settle()
            world.settle()  # a retry of a job that had ended
            job = world.job()
            assert job.status.state.final, (order, job.status)
            assert job.spec.cancel == (job.status.state is State.CANCELLED), (order, job.status.state)
            failed = job.status.counts.succeeded < job.spec.total
            if not job.spec.cancel and failed:
                assert give(world, "retry"), order
        finally:
            world.close()


def test_a_retry_that_is_cancelled_before_it_begins_ends_as_cancelled():
    world = begin(Execution.POOL, "ended")
    assert give(world, "retry")
    assert give(world, "cancel")
    assert world.settle().state is State.CANCELLED
    world.close()
