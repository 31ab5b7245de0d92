"""The resync: what it finds, and namespaces that cannot be listed: each for itself, told once."""

import asyncio
import logging

import pytest

from imagejobs_contract.errors import ImageJobsError, Misconfigured, NotFound, Unavailable
from imagejobs_contract.model.names import JobKey
from imagejobs_operator.act.work_queue import Result, WorkQueue
from imagejobs_operator.feeds.namespaces import Namespaces
from imagejobs_operator.feeds.resync import ROUNDS_PER_LISTING, resync
from imagejobs_operator.health import Health
from support.clock import virtual_time

SECONDS = 30.0


class Store:
    """Lists one job of each namespace at first, but none of those with a fault."""

    def __init__(self) -> None:
        self.faults: dict[str, ImageJobsError] = {}
        self.jobs = {JobKey("a", "job"), JobKey("b", "job")}
        self.listings = 0

    async def keys(self, namespace: str) -> list[JobKey]:
        if fault := self.faults.get(namespace):
            raise fault
        self.listings += 1
        return [key for key in self.jobs if key.namespace == namespace]

    async def count(self, namespace: str) -> int:
        if fault := self.faults.get(namespace):
            raise fault
        return sum(key.namespace == namespace for key in self.jobs)


class Resync:
    """A running resync of two namespaces."""

    def __init__(self) -> None:
        self.store = Store()
        self.known = set(self.store.jobs)
        self.due = True
        self.namespaces = Namespaces(["a", "b"])
        self.health = Health()
        self.done: list[JobKey] = []

    async def _work(self, key: JobKey) -> Result:
        self.done.append(key)
        return Result()

    async def round(self, seconds: float = SECONDS) -> list[str]:
        """Return the namespaces whose jobs were added in a time."""
        self.done.clear()
        await asyncio.sleep(seconds)
        return sorted({key.namespace for key in self.done})

    def run(self, scenario) -> None:
        async def main() -> None:
            queue = WorkQueue(self._work, 2)
            parts = [
                asyncio.create_task(queue.run()),
                asyncio.create_task(
                    resync(
                        self.store,
                        queue,
                        SECONDS,
                        self.health,
                        self.namespaces,
                        lambda key: self.due,
                        lambda namespace: {key for key in self.known if key.namespace == namespace},
                    )  # type: ignore[arg-type]
                ),
            ]
            await scenario()
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

        virtual_time.run(main())


@pytest.mark.parametrize("fault", [Misconfigured("forbidden"), NotFound("no such kind")], ids=["403", "404"])
def test_the_other_namespaces_are_listed_and_the_program_stays_ready(
    fault: ImageJobsError, caplog: pytest.LogCaptureFixture
) -> None:
    it = Resync()

    async def scenario() -> None:
        assert await it.round() == ["a", "b"]
        it.store.faults["a"] = fault
        await it.round()
        for _ in range(5):
            assert await it.round() == ["b"]
        assert it.health.check_ready() == ""
        assert (it.namespaces.is_away("a"), it.namespaces.is_away("b")) == (True, False)
        it.store.faults.clear()
        await it.round()
        assert await it.round() == ["a", "b"]
        assert not it.namespaces.is_away("a")

    with caplog.at_level(logging.WARNING):
        it.run(scenario)
    assert [record.message for record in caplog.records] == [
        "a namespace cannot be listed",
        "a namespace is back",
    ]


def test_without_any_namespace_it_is_not_ready_and_asks_more_and_more_seldom() -> None:
    it = Resync()
    it.store.faults = {"a": Misconfigured("forbidden"), "b": Misconfigured("forbidden")}

    async def scenario() -> None:
        await it.round()
        assert it.health.check_ready() == "forbidden"
        it.store.faults.clear()
        assert await it.round() == ["a", "b"]
        assert it.health.check_ready() == ""

    it.run(scenario)


def test_a_server_that_does_not_answer_is_no_fault_of_a_namespace() -> None:
    it = Resync()

    async def scenario() -> None:
        await it.round()
        it.store.faults["a"] = Unavailable("away")
        await it.round()
        assert it.health.check_ready() == "away"
        assert not it.namespaces.is_away("a")

    it.run(scenario)


def test_a_job_that_no_watch_has_delivered_is_added_by_the_second_listing() -> None:
    it = Resync()
    it.known.clear()

    async def scenario() -> None:
        assert await it.round(SECONDS - 1) == []
        assert it.store.listings == 0, "the watches may still tell"
        assert await it.round() == []
        assert await it.round() == ["a", "b"]

    it.run(scenario)


def test_jobs_are_counted_and_not_listed_where_all_are_known() -> None:
    it = Resync()

    async def scenario() -> None:
        for _ in range(ROUNDS_PER_LISTING - 2):
            assert await it.round() == ["a", "b"]
        it.due = False
        await it.round()
        assert await it.round() == []

    it.run(scenario)
    assert it.store.listings == 2, "one for each namespace"


def test_a_job_that_vanished_without_an_event_is_added_at_the_next_round() -> None:
    it = Resync()
    it.due = False

    async def scenario() -> None:
        assert await it.round() == []
        it.store.jobs.discard(JobKey("a", "job"))
        await it.round()
        assert set(it.done) == {JobKey("a", "job")}

    it.run(scenario)


def test_a_job_that_took_the_place_of_another_without_an_event_is_found_by_the_listings() -> None:
    it = Resync()
    it.due = False

    async def scenario() -> None:
        await it.round()
        it.store.jobs = {JobKey("a", "other"), JobKey("b", "job")}
        await it.round((ROUNDS_PER_LISTING + 1) * SECONDS)
        assert set(it.done) == {JobKey("a", "job")}
        it.known.discard(JobKey("a", "job"))
        await it.round(2 * SECONDS)
        assert set(it.done) == {JobKey("a", "other")}

    it.run(scenario)
