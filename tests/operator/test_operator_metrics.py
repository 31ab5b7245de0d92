"""What the operator tells Prometheus."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from imagejobs_contract.imagejob import ImageJob, Item, Spec
from imagejobs_contract.names import JobKey
from imagejobs_contract.status import State, Status
from imagejobs_operator.memory import Memory
from imagejobs_operator.metrics import Metrics
from imagejobs_operator.workqueue import Again, WorkQueue

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JOB = ImageJob(JobKey("default", "a"), Spec(items=(Item("a.jpg", "a"),)), uid="1")


async def look(key: JobKey) -> Again:
    if key.name == "bad":
        raise RuntimeError
    return Again()


def test_looks_are_timed_by_how_they_ended():
    metrics = Metrics()
    timed = metrics.timed(look)
    asyncio.run(timed(JobKey("default", "good")))
    with pytest.raises(RuntimeError):
        asyncio.run(timed(JobKey("default", "bad")))
    for result in ("done", "failed"):
        assert metrics.registry.get_sample_value("imagejobs_reconcile_seconds_count", {"result": result}) == 1


def test_jobs_count_in_the_state_in_which_they_were_last_seen():
    metrics, memory = Metrics(), Memory()
    metrics.watch(WorkQueue(look, 1), memory)

    def told() -> dict[str, float]:
        return {state.value: metrics.registry.get_sample_value("imagejobs_jobs", {"state": state.value}) for state in State}

    memory.meet(JOB, NOON)
    memory.meet(replace(JOB, key=JobKey("default", "b")), NOON)
    assert told()["Pending"] == 2
    memory.meet(replace(JOB, status=Status(state=State.RUNNING)), NOON)
    assert (told()["Pending"], told()["Running"]) == (1, 1)
    memory.drop(JOB.key)
    memory.drop(JOB.key)
    assert sum(told().values()) == 1
