"""When callbacks are sent: over days of a fake clock, with crashes, lost answers, repeats and retries."""

from dataclasses import replace
from datetime import timedelta

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Execution, Spec
from imagejobs_contract.model.status import CallbackState, ConditionType, Reason, State, Status
from imagejobs_operator.decide.deliveries import Response, ResponseKind
from support.operator.world import START, World, spec

KEY = JobKey("ns", "job")
URL = "https://hooks.example.org/imagejobs"
DAY = timedelta(days=1)


def wish(**changes: object) -> Spec:
    return spec(
        1,
        **{
            "callback_url": URL,
            "execution": Execution.POOL,
            "ttl_seconds_after_finished": 30 * 86_400,
            **changes,
        },
    )


def finish(world: World, **changes: object) -> str:
    """Let a job end and return the id of its message."""
    uid = world.create(wish(**changes)).uid
    world.settle()
    return f"msg_{uid.replace('-', '')}_1"


def let(world: World, seconds: float) -> None:
    """Let time pass, with looks whenever something is due, and now and then."""
    end = world.time + timedelta(seconds=seconds)
    while world.time < end:
        reconcile_and_deliver(world)
        it = world.status().callback if KEY in world.store.jobs else None
        due = it.next if it and it.next and it.next > world.time else world.time + timedelta(seconds=600)
        world.time = min(end, max(due, world.time + timedelta(seconds=1)))
    reconcile_and_deliver(world)


def reconcile_and_deliver(world: World) -> None:
    for _ in range(2):
        world.reconcile()
        world.deliver()


def state(world: World) -> CallbackState | None:
    it = world.status().callback
    return it.state if it else None


def reason(status: Status) -> Reason | None:
    condition = status.condition(ConditionType.CALLBACK_DELIVERED)
    return condition.reason if condition else None


def test_a_job_without_a_callback_costs_no_write_more(world: World) -> None:
    world.create(spec(1, execution=Execution.POOL))
    status = world.settle()
    let(world, 120)
    assert (status.callback, world.sent) == (None, [])
    assert world.store.writes == ["create", "status Succeeded"]


def test_a_callback_costs_one_write_more_and_is_sent_once(world: World) -> None:
    message = finish(world)
    let(world, 300)
    assert [each for _, each in world.sent] == [message]
    assert state(world) is CallbackState.DELIVERED
    assert world.status().is_true(ConditionType.CALLBACK_DELIVERED)
    assert world.store.writes == ["create", "status Succeeded", "status Succeeded"]
    assert [each.reason for each in world.events.emitted] == [Reason.SUCCEEDED]


@pytest.mark.parametrize(("url", "seconds"), [(URL, 0.0), (None, None)], ids=["with a callback", "without"])
def test_an_operator_that_does_not_see_its_own_writes_requeues_only_if_more_is_to_do(
    world: World, url: str | None, seconds: float | None
) -> None:
    world.restart(sees_own_writes=False)
    world.create(wish(callback_url=url))
    world.reconcile()
    world.work()
    again = world.reconcile()
    assert again
    assert (world.status().state, again.requeue_after_seconds) == (State.SUCCEEDED, seconds)


@pytest.mark.parametrize("end", ["failed", "cancelled", "late", "Job"])
def test_a_callback_is_sent_for_every_end(world: World, end: str) -> None:
    job = wish(cancel=end == "cancelled") if end != "Job" else spec(20, callback_url=URL, items_per_pod=10)
    world.create(job)
    world.reconcile()
    if end == "late":
        world.advance(5000)
    if end == "failed":
        world.work(Code.CORRUPT_IMAGE)
    world.settle()
    reconcile_and_deliver(world)
    assert len(world.sent) == 1
    assert state(world) is CallbackState.DELIVERED


def test_23_hours_of_failures_end_in_one_delivery(world: World) -> None:
    world.response = Response(ResponseKind.FAILED, "the receiver answered 500")
    message = finish(world)
    let(world, 23 * 3600)
    condition = world.status().condition(ConditionType.CALLBACK_DELIVERED)
    assert condition
    assert (condition.status, condition.reason, condition.message) == (
        False,
        Reason.CALLBACK_FAILED,
        "the receiver answered 500",
    )
    failures = len(world.sent)
    world.response = Response(ResponseKind.DELIVERED, "")
    let(world, 2 * 3600)
    assert {each for _, each in world.sent} == {message}
    assert (len(world.sent), state(world)) == (failures + 1, CallbackState.DELIVERED)
    assert 25 < failures < 45
    assert [each.reason for each in world.events.emitted if each.warning] == [Reason.CALLBACK_FAILED]


def test_waits_grow_from_seconds_to_an_hour(world: World) -> None:
    world.response = Response(ResponseKind.FAILED, "")
    finish(world)
    let(world, 6 * 3600)
    waits = [
        (after - before).total_seconds()
        for (before, _), (after, _) in zip(world.sent, world.sent[1:], strict=False)
    ]
    assert all(0.75 * 5 * 2**n <= wait <= 1.25 * 5 * 2**n + 2 for n, wait in enumerate(waits[:9])), waits
    assert all(0.75 * 3600 <= wait <= 1.25 * 3600 + 2 for wait in waits[11:]), waits


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(90.0, 90, 95), (1.0, 3, 9), (10_000_000.0, 4 * 3600, 4 * 3600 + 120)],
    ids=str,
)
def test_a_receiver_that_asks_to_be_left_alone_is_within_a_bound(
    world: World, asked: float, least: float, most: float
) -> None:
    world.response = Response(ResponseKind.FAILED, "the receiver answered 429", asked)
    finish(world)
    let(world, 5 * 3600)
    (first, _), (second, _) = world.sent[:2]
    assert least <= (second - first).total_seconds() <= most


def test_a_receiver_that_asks_for_longer_than_the_day_gets_its_last_try_at_its_end(world: World) -> None:
    world.response = Response(ResponseKind.FAILED, "the receiver answered 503", 1e9)
    finish(world)
    let(world, 25 * 3600)
    assert (len(world.sent), state(world)) == (7, CallbackState.GAVE_UP)
    assert DAY <= world.sent[-1][0] - START <= DAY + timedelta(minutes=2)


def test_after_a_day_it_is_given_up(world: World) -> None:
    world.response = Response(ResponseKind.FAILED, "the receiver answered 500")
    finish(world)
    let(world, 25 * 3600)
    sent = len(world.sent)
    assert (state(world), reason(world.status())) == (CallbackState.GAVE_UP, Reason.CALLBACK_GAVE_UP)
    assert DAY <= world.sent[-1][0] - START <= DAY + timedelta(minutes=2)
    let(world, 3600)
    assert len(world.sent) == sent
    assert [each.reason for each in world.events.emitted if each.warning] == [
        Reason.CALLBACK_FAILED,
        Reason.CALLBACK_GAVE_UP,
    ]


def test_an_operator_that_was_away_for_a_week_still_tries(world: World) -> None:
    finish(world)
    world.advance(7 * 86_400)
    world.restart()
    reconcile_and_deliver(world)
    assert state(world) is CallbackState.DELIVERED


@pytest.mark.parametrize(
    ("end", "expected"),
    [(ResponseKind.GONE, Reason.CALLBACK_GONE), (ResponseKind.REFUSED, Reason.CALLBACK_REFUSED)],
    ids=str,
)
def test_some_answers_end_it_at_once(world: World, end: ResponseKind, expected: Reason) -> None:
    world.response = Response(end, "why")
    finish(world)
    let(world, 7200)
    assert (len(world.sent), state(world), reason(world.status())) == (1, CallbackState.GAVE_UP, expected)


def test_a_stop_between_delivery_and_record_sends_the_same_id_again(world: World) -> None:
    message = finish(world)
    world.reconcile()
    world.deliver()
    world.restart()
    reconcile_and_deliver(world)
    assert [each for _, each in world.sent] == [message, message]
    assert state(world) is CallbackState.DELIVERED


def test_reconciles_during_a_try_start_no_second_one(world: World) -> None:
    finish(world)
    for _ in range(5):
        world.reconcile()
    world.deliver()
    assert len(world.sent) == 1


def test_a_job_is_not_deleted_before_its_callback_is_delivered_or_given_up(world: World) -> None:
    world.response = Response(ResponseKind.FAILED, "")
    finish(world, ttl_seconds_after_finished=10)
    let(world, 3600)
    assert KEY in world.store.jobs
    world.response = Response(ResponseKind.DELIVERED, "")
    let(world, 3700)
    assert KEY not in world.store.jobs


def test_a_job_that_is_given_up_is_forgotten(world: World) -> None:
    world.response = Response(ResponseKind.FAILED, "")
    finish(world, ttl_seconds_after_finished=10)
    let(world, 25 * 3600)
    assert KEY not in world.store.jobs


@pytest.mark.parametrize("before", [ResponseKind.DELIVERED, ResponseKind.GONE])
def test_a_repeat_sends_the_same_id_again(world: World, before: ResponseKind) -> None:
    world.response = Response(before)
    message = finish(world)
    let(world, 60)
    world.response = Response(ResponseKind.DELIVERED, "")
    world.store.edit(KEY, repeat_callback=1)
    let(world, 60)
    assert [each for _, each in world.sent] == [message, message]
    assert (state(world), world.status().observed_generation) == (CallbackState.DELIVERED, 2)


def test_a_repeat_begins_the_day_anew(world: World) -> None:
    world.response = Response(ResponseKind.FAILED, "")
    finish(world)
    let(world, 25 * 3600)
    world.store.edit(KEY, repeat_callback=1)
    let(world, 3600)
    assert state(world) is CallbackState.PENDING


def test_the_next_attempt_is_another_message(world: World) -> None:
    world.create(wish())
    world.reconcile()
    world.work(Code.CORRUPT_IMAGE)
    world.settle()
    reconcile_and_deliver(world)
    world.store.edit(KEY, retry_failed=1)
    world.reconcile()
    assert world.status().callback is None
    world.settle()
    reconcile_and_deliver(world)
    first, second = (each for _, each in world.sent)
    assert (first[-2:], second[-2:]) == ("_1", "_2")
    assert world.status().state is State.SUCCEEDED


def test_without_a_secret_the_job_says_so_from_the_start_and_ends_all_the_same() -> None:
    world = World(callbacks=False)
    world.create(wish(ttl_seconds_after_finished=10))
    world.reconcile()
    assert reason(world.status()) is Reason.CALLBACK_UNSIGNED
    assert world.settle().state is State.SUCCEEDED
    let(world, 3600)
    assert (world.sent, state(world), reason(world.status())) == (
        [],
        CallbackState.PENDING,
        Reason.CALLBACK_UNSIGNED,
    )
    let(world, 24 * 3600)
    assert KEY not in world.store.jobs
    world.close()


def test_a_secret_that_comes_later_is_used() -> None:
    world = World(callbacks=False)
    finish(world)
    let(world, 60)
    world.policy = replace(world.policy, callbacks=True)
    world.restart()
    reconcile_and_deliver(world)
    assert (len(world.sent), state(world)) == (1, CallbackState.DELIVERED)
    world.close()
