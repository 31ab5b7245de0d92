"""The metrics of the operator."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import Callback, CallbackState, State, Status
from imagejobs_contract.model.times import utc_now
from imagejobs_operator.act.memory import Memory
from imagejobs_operator.act.work_queue import Result, WorkQueue
from imagejobs_operator.decide.deliveries import ResponseKind
from imagejobs_operator.metrics import Metrics

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JOB = ImageJob(JobKey("default", "a"), Spec(items=(Item("a.jpg", "a"),)), uid="1")


async def reconcile(key: JobKey) -> Result:
    if key.name == "bad":
        raise RuntimeError
    return Result()


def test_reconciles_are_timed_by_how_they_ended():
    metrics = Metrics()
    timed = metrics.time_reconciles(reconcile)
    asyncio.run(timed(JobKey("default", "good")))
    with pytest.raises(RuntimeError):
        asyncio.run(timed(JobKey("default", "bad")))
    for result in ("done", "failed"):
        assert metrics.registry.get_sample_value("imagejobs_reconcile_seconds_count", {"result": result}) == 1


def test_jobs_count_in_the_state_in_which_they_were_last_seen():
    metrics, memory = Metrics(), Memory()
    metrics.expose(WorkQueue(reconcile, 1), memory, utc_now)

    def jobs_by_state() -> dict[str, float]:
        return {
            state.value: metrics.registry.get_sample_value("imagejobs_jobs", {"state": state.value})
            for state in State
        }

    memory.record_job(JOB, NOON)
    memory.record_job(replace(JOB, key=JobKey("default", "b")), NOON)
    assert jobs_by_state()["Pending"] == 2
    memory.record_job(replace(JOB, status=Status(state=State.RUNNING)), NOON)
    assert (jobs_by_state()["Pending"], jobs_by_state()["Running"]) == (1, 1)
    memory.forget(JOB.key)
    memory.forget(JOB.key)
    assert sum(jobs_by_state().values()) == 1


def test_callbacks_that_are_due_are_counted_with_the_age_of_the_oldest():
    metrics, memory = Metrics(), Memory()
    metrics.expose(WorkQueue(reconcile, 1), memory, utc_now)

    def value_of(name: str) -> float | None:
        return metrics.registry.get_sample_value(f"imagejobs_callbacks_{name}")

    assert (value_of("pending"), value_of("oldest_seconds")) == (0, 0)
    due = utc_now() - timedelta(hours=2)
    memory.record_job(
        replace(
            JOB, status=Status(state=State.SUCCEEDED, callback=Callback(CallbackState.PENDING, since=due))
        ),
        utc_now(),
    )
    memory.record_job(replace(JOB, key=JobKey("default", "b")), utc_now())
    memory.record_write(
        JobKey("default", "b"),
        Status(state=State.FAILED, callback=Callback(CallbackState.PENDING, since=utc_now())),
        utc_now(),
    )
    assert value_of("pending") == 2
    assert 7200 <= (value_of("oldest_seconds") or 0) < 7300
    memory.record_write(
        JOB.key, Status(state=State.SUCCEEDED, callback=Callback(CallbackState.DELIVERED, since=due)), NOON
    )
    assert value_of("pending") == 1
    memory.forget(JobKey("default", "b"))
    assert (value_of("pending"), value_of("oldest_seconds")) == (0, 0)


def test_each_try_of_a_callback_is_counted_by_how_it_ended():
    metrics = Metrics()
    metrics.count_callback(ResponseKind.GONE)
    assert [
        metrics.registry.get_sample_value("imagejobs_callbacks_total", {"result": each.value.lower()})
        for each in ResponseKind
    ] == [0, 0, 0, 1]
