"""Namespaces that cannot be listed: each for itself, told once, and ready while one can be."""

import asyncio
import logging

import pytest

from imagejobs_contract.errors import ImageJobsError, Misconfigured, NotFound, Unavailable
from imagejobs_contract.model.names import JobKey
from imagejobs_operator.act.work_queue import Result, WorkQueue
from imagejobs_operator.feeds.namespaces import Namespaces
from imagejobs_operator.feeds.resync import resync
from imagejobs_operator.health import Health
from support.clock import virtual_time

SECONDS = 30.0


class Store:
    """Lists one job of each namespace, but of those with a fault."""

    def __init__(self) -> None:
        self.faults: dict[str, ImageJobsError] = {}

    async def keys(self, namespace: str) -> list[JobKey]:
        if fault := self.faults.get(namespace):
            raise fault
        return [JobKey(namespace, "job")]


class Resync:
    """A running resync of two namespaces."""

    def __init__(self, known: bool = True) -> None:
        self.known = known
        self.store = Store()
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
                        lambda key: True,
                        lambda key: self.known,
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


def test_a_job_that_no_watch_has_delivered_is_added_by_the_second_resync() -> None:
    it = Resync(known=False)

    async def scenario() -> None:
        assert await it.round(SECONDS - 1) == []
        assert await it.round() == ["a", "b"]

    it.run(scenario)
