"""Promises that `plan` keeps for every combination of state, spec, child Job, outcomes and time."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.outcome import latest_by_image
from imagejobs_contract.model.spec import Execution
from imagejobs_contract.model.status import ConditionType, Reason, State, Status
from imagejobs_contract.model.status_json import read_status, status_body
from imagejobs_operator.decide import actions, conditions
from imagejobs_operator.decide import outcomes as tally
from imagejobs_operator.decide.actions import Action
from imagejobs_operator.decide.observed import ChildEnd, ChildJob, Observed, Presence, Results
from imagejobs_operator.decide.plan import plan
from imagejobs_operator.decide.plan_input import PlanInput, Policy
from support.operator.world import START, outcome, spec

NOW = START + timedelta(minutes=5)
RULES = Policy(since=START)
OLD = NOW - timedelta(hours=3)

CHILDREN = {
    "absent": ChildJob(),
    "active": ChildJob(Presence.OURS, parallelism=1, active=1, ready=1, created=START),
    "suspended": ChildJob(Presence.OURS, suspended=True, parallelism=1, created=START),
    "kueue": ChildJob(Presence.OURS, suspended=True, managed=True, parallelism=1, created=START),
    "going": ChildJob(Presence.OURS, parallelism=1, active=1, deleting_since=NOW),
    "complete": ChildJob(Presence.OURS, parallelism=1, ended=ChildEnd.COMPLETE),
    "failed": ChildJob(Presence.OURS, parallelism=1, ended=ChildEnd.FAILED, reason="FailedIndexes"),
    "foreign": ChildJob(Presence.FOREIGN),
}
OUTCOMES = {
    "none": {},
    "one": {0: outcome(0)},
    "good": {0: outcome(0), 1: outcome(1)},
    "bad": {0: outcome(0), 1: outcome(1, code=Code.CORRUPT_IMAGE)},
    "strange": {0: outcome(0, attempt=9), 7: outcome(7)},
}
RESULTS = {
    "unread": None,
    "complete": Results(Counts(2, 0, 2, 0)),
    "missing": Results(Counts(2, 0, 1, 0), missing={0: 1}),
    "unprepared": Results(Counts(2), prepared=False, missing={0: 2}),
}
ENDS = {
    State.SUCCEEDED: (Reason.SUCCEEDED, Results(Counts(2, 0, 2, 0))),
    State.PARTIALLY_SUCCEEDED: (Reason.PARTIALLY_SUCCEEDED, Results(Counts(2, 0, 1, 1))),
    State.FAILED: (Reason.ALL_FAILED, Results(Counts(2, 0, 0, 2))),
    State.CANCELLED: (Reason.CANCELLED, Results(Counts(2, 0, 1, 0))),
}


def at(job: ImageJob, state: State | None, late: bool) -> Status:
    """Return a status as the operator itself would have written it."""
    if state is None:
        return Status()
    time = OLD if late else START
    case = PlanInput(job, Status(attempt=1, counts=Counts(2), queued=time), Observed(), time, RULES)
    if state in ENDS:
        reason, results = ENDS[state]
        return conditions.finished_status(case, (state, reason), results)
    written = {
        State.PENDING: conditions.pending_status,
        State.QUEUED: conditions.queued_status,
        State.RUNNING: conditions.running_status,
    }
    return written.get(state, conditions.suspended_status)(case)


def everything() -> Iterator[tuple[ImageJob, Observed, Policy]]:
    """Yield every case."""
    switches = itertools.product((False, True), (False, True), (0, 1), ("no", "yes", "finalizer"))
    for (suspend, cancel, retry, deleting), execution, state, late in itertools.product(
        switches, (Execution.AUTO, Execution.POOL, Execution.JOB), (None, *State), (False, True)
    ):
        wish = spec(2, suspend=suspend, cancel=cancel, retry_failed=retry, execution=execution)
        job = ImageJob(
            JobKey("ns", "job"), wish, uid="uid", resource_version="1", generation=2, created=START
        )
        job = replace(
            job, deleting=deleting != "no", finalizers=(names.FINALIZER,) if deleting == "finalizer" else ()
        )
        job = replace(job, status=at(job, state, late))
        rules = replace(RULES, since=OLD if late else START)
        for seen in worlds(execution):
            yield job, seen, rules


def worlds(execution: Execution) -> Iterator[Observed]:
    """Yield every observation of a job: of the pool, of its Job, or of both before its runner is chosen."""
    pool = () if execution is Execution.JOB else tuple(itertools.product(OUTCOMES.values(), ((), (1,))))
    children = () if execution is Execution.POOL else tuple(CHILDREN.values())
    for (outcomes, waiting), child in itertools.product(pool or (({}, ()),), children or (ChildJob(),)):
        for results in RESULTS.values() if execution is Execution.JOB else (None,):
            yield Observed(frozenset(waiting), outcomes, None, 1, child, results)


def of(kind: type, todo: tuple[Action, ...]) -> list[Action]:
    return [each for each in todo if isinstance(each, kind)]


def test_whatever_is_there_the_plan_is_sound() -> None:
    count = 0
    for job, seen, rules in everything():
        todo = plan(job, seen, NOW, rules)
        context = (job.spec, job.deleting, job.status.state, seen, todo)
        assert is_sound(job, seen, todo), context
        count += 1
    assert count > 40_000


def is_sound(job: ImageJob, seen: Observed, todo: tuple[Action, ...]) -> bool:
    """Tell whether a plan breaks none of the rules that hold always."""
    starts = (
        of(actions.SendTasks, todo)
        or of(actions.CreateJob, todo)
        or [a for a in of(actions.SuspendJob, todo) if not a.suspend]
    )  # type: ignore[attr-defined]
    written = [each.status for each in of(actions.WriteStatus, todo)]  # type: ignore[attr-defined]
    final = job.status.state.final and not (job.spec.retry_failed and job.status.attempt == 1)
    return all(
        (
            len(written) <= 1,
            not of(actions.CollectResults, todo) or (len(todo) == 1 and seen.results is None),
            not (of(actions.SendTasks, todo) and of(actions.CreateJob, todo)),
            not (starts and (job.deleting or job.spec.cancel or job.spec.suspend or final)),
            not (written and job.deleting),
            not (final and of(actions.DeleteJob, todo)) or job.deleting,
            all(sound_status(job, seen, status) for status in written),
            not of(actions.DeleteImageJob, todo) or job.status.state.final,
            not of(actions.RemoveFinalizer, todo) or job.deleting,
            not of(actions.DeleteOutputs, todo) or job.deleting,
        )
    )


def sound_status(job: ImageJob, seen: Observed, status: Status) -> bool:
    """Tell whether a new status is consistent, and no step back."""
    counts = status.counts
    fresh = status.state.final and not job.status.state.final
    return all(
        (
            counts.active + counts.succeeded + counts.failed <= counts.total == 2,
            status.attempt >= max(1, job.status.attempt),
            status.observed_generation <= job.generation,
            status.state.final == status.is_true(ConditionType.FINISHED),
            not (job.status.state.final and status.attempt == job.status.attempt)
            or status.state is job.status.state,
            not fresh or status.state is State.CANCELLED or counts.done == counts.total,
            not (status.state is State.CANCELLED and not job.spec.cancel)
            or job.status.state is State.CANCELLED,
        )
    )


def test_a_status_that_was_written_is_not_written_again() -> None:
    for job, seen, rules in itertools.islice(everything(), 0, None, 7):
        todo = plan(job, seen, NOW, rules)
        for write in of(actions.WriteStatus, todo):
            status = read_status(status_body(write.status))  # type: ignore[attr-defined]
            again = plan(replace(job, status=status), seen, NOW, rules)
            rewritten = of(actions.WriteStatus, again)
            # A Job that was just created is not in `seen`; an end may be followed by the next attempt.
            assert not rewritten or status.state.final or of(actions.CreateJob, todo), (
                job.spec,
                job.status.state,
                seen,
                todo,
                again,
            )


@pytest.mark.parametrize("state", list(State))
def test_every_condition_can_be_read_aloud(state: State) -> None:
    job = ImageJob(JobKey("ns", "job"), spec(2), uid="uid", generation=1)
    status = at(job, state, late=False)
    assert all(each.message for each in status.conditions)
    denied = {
        each.reason
        for each in status.conditions
        if not each.status and each.type is not ConditionType.FINISHED
    }
    assert not denied & {
        Reason.SUCCEEDED,
        Reason.PARTIALLY_SUCCEEDED,
        Reason.QUEUED,
        Reason.RUNNING,
        Reason.SUSPENDED,
    }


@pytest.mark.parametrize("first", ["suspend", "cancel", "delete"])
@pytest.mark.parametrize("second", ["suspend", "cancel", "delete"])
def test_the_order_of_switches_does_not_matter(first: str, second: str) -> None:
    def switched(*switches: str) -> ImageJob:
        wish = spec(2, suspend="suspend" in switches, cancel="cancel" in switches)
        return ImageJob(
            JobKey("ns", "job"),
            wish,
            uid="uid",
            generation=2,
            deleting="delete" in switches,
            finalizers=(names.FINALIZER,),
        )

    seen = Observed(in_queue=frozenset({0, 1}), workers=1)
    assert plan(switched(first, second), seen, NOW, RULES) == plan(switched(second, first), seen, NOW, RULES)


def test_the_queue_is_left_alone_by_images_that_wait_or_ended() -> None:
    job = ImageJob(JobKey("ns", "job"), spec(10), uid="uid")
    seen = Observed(in_queue=frozenset({1, 2}), outcomes={0: outcome(0)}, workers=1)
    (send,) = of(actions.SendTasks, plan(job, seen, NOW, RULES))
    assert send.indexes == tuple(range(3, 10))  # type: ignore[attr-defined]


def test_a_large_job_keeps_to_its_window() -> None:
    job = ImageJob(JobKey("ns", "job"), spec(500, execution=Execution.POOL), uid="uid")
    (send,) = of(actions.SendTasks, plan(job, Observed(workers=1), NOW, RULES))
    assert send.indexes == tuple(range(200))  # type: ignore[attr-defined]
    assert not of(
        actions.SendTasks, plan(job, Observed(in_queue=frozenset(range(200)), workers=1), NOW, RULES)
    )


@pytest.mark.parametrize(
    ("total", "execution", "workers", "jobs", "kind"),
    [
        (16, Execution.AUTO, 1, True, actions.SendTasks),
        (17, Execution.AUTO, 1, True, actions.CreateJob),
        (1, Execution.AUTO, 0, True, actions.CreateJob),
        (1, Execution.POOL, 0, True, actions.SendTasks),
        (1, Execution.JOB, 1, True, actions.CreateJob),
        (300, Execution.AUTO, 0, False, actions.SendTasks),
        (300, Execution.JOB, 1, False, actions.SendTasks),
    ],
    ids=["small", "large", "no pool there", "pool wanted", "Job wanted", "local large", "local Job"],
)
def test_who_works_on_a_job(total: int, execution: Execution, workers: int, jobs: bool, kind: type) -> None:
    job = ImageJob(JobKey("ns", "job"), spec(total, execution=execution), uid="uid")
    assert of(kind, plan(job, Observed(workers=workers), NOW, replace(RULES, jobs=jobs)))


def test_counts_add_up_however_often_an_image_ended() -> None:
    ended = [
        outcome(0, code=Code.SOURCE_TIMEOUT),
        outcome(0, attempt=2),
        outcome(0, attempt=2, code=Code.CORRUPT_IMAGE),
        outcome(1, attempt=1),
    ]
    found = latest_by_image(ended, 2, ())
    assert tally.summarise(2, found, 2).counts == Counts(2, 0, 2, 0)
