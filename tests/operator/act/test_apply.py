"""Each action has its executor, and an unknown one is refused."""

from typing import Any, get_args

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.status import Reason, State, Status
from imagejobs_contract.ports import Change
from imagejobs_operator.act.apply import NoChildJobs, apply
from imagejobs_operator.act.ports import Ports
from imagejobs_operator.decide import actions
from imagejobs_operator.decide.actions import Action, LoopAction, PortAction
from imagejobs_operator.decide.deliveries import DeliveryId
from support.operator.world import World, outcome, spec

EXAMPLES: dict[type, tuple[Any, str]] = {
    type(action): (action, port)
    for action, port in (
        (actions.SendTasks((0,), 1, 1.0), "queue"),
        (actions.WithdrawTasks(), "queue"),
        (actions.PutCounts(Counts(1)), "board"),
        (actions.Announce(Change(JobKey("ns", "job"), "u", State.RUNNING, Counts(1))), "board"),
        (actions.Forget(), "board"),
        (actions.CreateJob(1, 1, 1), "child_jobs"),
        (actions.SuspendJob(1, True), "child_jobs"),
        (actions.SetParallelism(1, 2), "child_jobs"),
        (actions.DeleteJob(1), "child_jobs"),
        (actions.PrepareShards(1), "objects"),
        (actions.FillMissing(1, Code.INTERNAL_ERROR, "its pod died"), "objects"),
        (actions.WriteResults((outcome(0),)), "objects"),
        (actions.DeleteFiles(), "objects"),
        (actions.DeleteOutputs(1), "objects"),
        (actions.WriteStatus(Status(state=State.RUNNING)), "store"),
        (actions.DeleteImageJob(), "store"),
        (actions.AddFinalizer(), "store"),
        (actions.RemoveFinalizer(), "store"),
        (actions.Emit(Reason.JOB_CREATED, "created"), "events"),
        (actions.Deliver(DeliveryId("msg_u_1", 0, 0)), "callbacks"),
    )
}
"""Type of each port action -> an example of it, and the port through which it goes."""


class Recorder:
    """A port that passes each call on and records it, or only records it."""

    def __init__(self, name: str, calls: list[str], port: object = None) -> None:
        self._name, self._calls, self._port = name, calls, port

    def __getattr__(self, method: str) -> Any:
        self._calls.append(self._name)
        if self._port is not None:
            return getattr(self._port, method)

        async def do_nothing(*_: object) -> None:
            return None

        return do_nothing


def test_the_examples_are_of_all_port_actions() -> None:
    assert set(EXAMPLES) == set(get_args(PortAction))


def test_every_action_is_for_a_port_or_for_the_reconciler() -> None:
    assert set(get_args(PortAction)) | set(get_args(LoopAction)) == set(get_args(Action))
    assert set(get_args(LoopAction)) == {
        actions.CollectResults,
        actions.AwaitPods,
        actions.Requeue,
    }
    defined = {each for each in vars(actions).values() if isinstance(each, type)}
    assert {each for each in defined if each.__module__ == actions.__name__} == set(get_args(Action))


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_an_action_goes_through_its_port(world: World, kind: type) -> None:
    action, port = EXAMPLES[kind]
    job, calls = world.create(spec(1)), list[str]()
    ports = Ports(
        Recorder("store", calls, world.store),
        Recorder("board", calls, world.board),
        Recorder("queue", calls, world.queue),
        Recorder("objects", calls, world.objects),
        Recorder("child_jobs", calls),
        Recorder("events", calls, world.events),
        Recorder("callbacks", calls),
    )
    written = world.run(apply(ports, job, action))
    assert set(calls) == {port}
    assert (written is not None) == isinstance(action, actions.WriteStatus)


class Brandnew:
    """An action that apply does not know."""


@pytest.mark.parametrize(
    "action", [Brandnew(), actions.CollectResults(1), actions.Requeue(1.0)], ids=["new", "collect", "requeue"]
)
def test_an_action_without_an_executor_is_refused(world: World, action: Any) -> None:
    with pytest.raises(AssertionError):
        world.run(apply(world.ports, world.create(spec(1)), action))


@pytest.mark.parametrize("name", ["CreateJob", "SuspendJob", "SetParallelism", "DeleteJob"])
def test_an_action_on_a_child_job_is_refused_where_there_are_none(name: str) -> None:
    world = World(jobs=False)
    action = next(each for kind, (each, _) in EXAMPLES.items() if kind.__name__ == name)
    with pytest.raises(NoChildJobs):
        world.run(apply(world.ports, world.create(spec(1)), action))
    world.close()
