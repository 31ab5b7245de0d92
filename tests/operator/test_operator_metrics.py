"""The metrics of the operator."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from imagejobs_contract.errors import NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import (
    Callback,
    CallbackState,
    Condition,
    ConditionType,
    Reason,
    State,
    Status,
)
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


def test_what_a_jobs_owner_can_mend_is_no_failure_of_the_operator():
    async def missing(_key: JobKey) -> Result:
        raise NotFound("the manifest archive/manifest.jsonl is not there")

    metrics = Metrics()
    with pytest.raises(NotFound):
        asyncio.run(metrics.time_reconciles(missing)(JobKey("default", "a")))
    values = [
        metrics.registry.get_sample_value("imagejobs_reconcile_seconds_count", {"result": result})
        for result in ("refused", "failed")
    ]
    assert values == [1, None]


def test_images_and_ends_of_all_jobs_are_counted_once_by_who_made_and_ran_them():
    metrics = Metrics()

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    by_api = replace(JOB, annotations={names.ANNOTATION_REQUEST: "r"})
    running = Status(state=State.RUNNING, counts=Counts(3, 1, 1, 0), job_name="a-1")
    ended = replace(
        running,
        state=State.PARTIALLY_SUCCEEDED,
        counts=Counts(3, 0, 2, 1),
        duration_seconds=7,
        bytes_in=50,
        bytes_out=5,
    )
    before = JOB
    for status in (running, running, ended, ended):
        metrics.count_write(before, status)
        before = replace(before, status=status)
    metrics.count_write(by_api, Status(state=State.SUCCEEDED, counts=Counts(1, 0, 1, 0), duration_seconds=1))

    of_job = {"origin": "cluster", "runner": "job"}
    assert value("imagejobs_job_images_total", result="succeeded", **of_job) == 2
    assert value("imagejobs_job_images_total", result="failed", **of_job) == 1
    assert value("imagejobs_jobs_ended_total", state="PartiallySucceeded", **of_job) == 1
    assert value("imagejobs_job_seconds_sum", **of_job) == 7
    assert value("imagejobs_job_bytes_total", direction="in", **of_job) == 50
    assert value("imagejobs_job_bytes_total", direction="out", **of_job) == 5
    assert value("imagejobs_jobs_ended_total", state="Succeeded", origin="api", runner="pool") == 1


def test_a_retry_counts_its_images_again_and_takes_none_back():
    metrics = Metrics()
    failed = replace(JOB, status=Status(state=State.FAILED, counts=Counts(2, 0, 0, 2)))
    metrics.count_write(failed, Status(state=State.QUEUED, counts=Counts(2), attempt=2))
    labels = {"result": "failed", "origin": "cluster", "runner": "pool"}
    assert metrics.registry.get_sample_value("imagejobs_job_images_total", labels) == 0


def test_the_oldest_job_that_waits_is_told_and_stalled_and_suspended_ones_are_not():
    memory = Memory()
    hour = timedelta(hours=1)

    def seen(name: str, status: Status) -> None:
        memory.record_job(replace(JOB, key=JobKey("default", name), status=status), NOON)

    stalled = Condition(ConditionType.STALLED, True, Reason.NO_WORKER)
    seen("stalled", Status(state=State.QUEUED, queued=NOON - 9 * hour, conditions=(stalled,)))
    seen("suspended", Status(state=State.SUSPENDED))
    assert memory.oldest_waiting_seconds(NOON) == 0
    seen("old", Status(state=State.QUEUED, queued=NOON - 2 * hour))
    seen("new", Status())
    assert memory.oldest_waiting_seconds(NOON) == 7200
    seen("old", Status(state=State.RUNNING))
    assert memory.oldest_waiting_seconds(NOON + hour) == 3600
    seen("new", Status())  # looked at again
    assert memory.oldest_waiting_seconds(NOON + hour) == 3600


def test_a_callback_that_no_secret_signs_does_not_wait_for_a_receiver():
    memory = Memory()
    unsigned = Condition(ConditionType.CALLBACK_DELIVERED, False, Reason.CALLBACK_UNSIGNED)
    callback = Callback(CallbackState.PENDING, since=NOON)
    memory.record_job(replace(JOB, status=Status(callback=callback, conditions=(unsigned,))), NOON)
    assert memory.pending_callbacks == 0


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
