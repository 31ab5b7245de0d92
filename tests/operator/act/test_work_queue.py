"""The queue of keys. The clock is virtual: sleeps are exact and take no time."""

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable

import pytest

from imagejobs_contract.errors import Misconfigured, Unavailable
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.runtime.gate import Closed
from imagejobs_operator.act.work_queue import Result, WorkQueue
from support.clock import virtual_time

A, B, C = (JobKey("ns", name) for name in "abc")


def run(
    work: Callable[[JobKey], Awaitable[Result]],
    play: Callable[[WorkQueue], Awaitable[None]],
    concurrency: int = 2,
) -> WorkQueue:
    """Run a queue while the play lasts."""

    async def both() -> WorkQueue:
        queue = WorkQueue(work, concurrency)
        running = asyncio.create_task(queue.run())
        try:
            await play(queue)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return queue

    return virtual_time.run(both())


class Recorder:
    """Does nothing with keys, for a while, and remembers it."""

    def __init__(self, seconds: float = 0.0, result: Result = Result()) -> None:  # noqa: B008
        self.seconds = seconds
        self.result = result
        self.done: list[JobKey] = []
        self.busy: list[JobKey] = []
        self.most = 0

    async def __call__(self, key: JobKey) -> Result:
        assert key not in self.busy, "one key at a time"
        self.busy.append(key)
        self.most = max(self.most, len(self.busy))
        await asyncio.sleep(self.seconds)
        self.busy.remove(key)
        self.done.append(key)
        return self.result


def test_a_key_that_is_added_often_is_worked_on_once() -> None:
    work = Recorder()

    async def play(queue: WorkQueue) -> None:
        for _ in range(50):
            queue.add(A)
        await asyncio.sleep(0.05)

    run(work, play)
    assert work.done == [A]


def test_a_key_that_is_added_while_it_is_worked_on_comes_once_more_afterwards() -> None:
    work = Recorder(0.05)

    async def play(queue: WorkQueue) -> None:
        queue.add(A)
        await asyncio.sleep(0.01)
        for _ in range(5):
            queue.add(A)
        await asyncio.sleep(0.2)

    run(work, play)
    assert work.done == [A, A]


def test_different_keys_are_worked_on_at_once_up_to_the_bound() -> None:
    work = Recorder(0.03)

    async def play(queue: WorkQueue) -> None:
        for key in (A, B, C):
            queue.add(key)
        await asyncio.sleep(0.12)

    run(work, play, concurrency=2)
    assert work.most == 2
    assert sorted(work.done) == [A, B, C]


def test_the_error_of_one_key_delays_no_other(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[tuple[JobKey, float]] = []

    async def work(key: JobKey) -> Result:
        tried.append((key, time.monotonic()))
        if key == A:
            raise Misconfigured("the storage refuses")
        return Result()

    async def play(queue: WorkQueue) -> None:
        queue.add(A)
        for _ in range(20):
            queue.add(B)
            await asyncio.sleep(0.02)

    run(work, play, concurrency=1)
    times = [at for key, at in tried if key == A]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert sum(key == B for key, _ in tried) == 20
    assert gaps == pytest.approx([0.1, 0.2]), "each pause is twice the last"
    assert [record.levelno for record in caplog.records if record.message == "reconcile failed"] == [
        logging.WARNING
    ] * 3


def test_a_success_resets_the_pause() -> None:
    times: list[float] = []

    async def work(_: JobKey) -> Result:
        times.append(time.monotonic())
        if len(times) in (1, 2, 4):
            raise RuntimeError
        return Result()

    async def play(queue: WorkQueue) -> None:
        queue.add(A)
        await asyncio.sleep(0.45)
        queue.add(A)
        await asyncio.sleep(0.2)

    run(work, play)
    assert len(times) == 5
    assert times[4] - times[3] == pytest.approx(0.1)


def test_a_key_comes_again_when_it_said() -> None:
    work = Recorder(result=Result(requeue_after_seconds=0.05))

    async def play(queue: WorkQueue) -> None:
        queue.add(A)
        await asyncio.sleep(0.18)

    run(work, play)
    assert len(work.done) == 4


def test_only_the_last_answer_counts() -> None:
    answers = [Result(requeue_after_seconds=0.1), Result()]
    done: list[JobKey] = []

    async def work(key: JobKey) -> Result:
        done.append(key)
        return answers[min(len(done), 2) - 1]

    async def play(queue: WorkQueue) -> None:
        queue.add(A)
        await asyncio.sleep(0.02)
        queue.add(A)
        await asyncio.sleep(0.2)

    run(work, play)
    assert done == [A, A]


def test_the_events_of_a_busy_key_are_taken_together() -> None:
    work = Recorder(result=Result(min_interval_seconds=0.1))

    async def play(queue: WorkQueue) -> None:
        for _ in range(25):
            queue.add(A)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.12)

    run(work, play)
    assert len(work.done) == 4


def test_the_age_of_the_oldest_key_tells_that_work_is_stuck() -> None:
    ages = []

    async def work(_: JobKey) -> Result:
        await asyncio.sleep(60)
        return Result()

    async def play(queue: WorkQueue) -> None:
        ages.append(queue.oldest_seconds())
        queue.add(A)
        await asyncio.sleep(0.1)
        ages.append(queue.oldest_seconds())

    run(work, play)
    assert ages == pytest.approx([0.0, 0.1])


def test_a_key_that_waits_for_its_next_try_is_not_stuck() -> None:
    async def work(_: JobKey) -> Result:
        raise Unavailable("away", retry_after_seconds=30)

    async def play(queue: WorkQueue) -> None:
        queue.add(A)
        await asyncio.sleep(0.05)
        assert queue.oldest_seconds() == 0.0
        assert len(queue) == 0

    run(work, play)


def test_keys_of_a_system_that_is_away_are_tried_at_once_when_it_answers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tried, away = [], [Unavailable("away"), Closed("closed", retry_after_seconds=30.0)]

    async def work(key: JobKey) -> Result:
        tried.append(key)
        if away and key in (A, B):
            raise away[key == B]
        return Result()

    async def play(queue: WorkQueue) -> None:
        queue.add(A)
        queue.add(B)
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        tried.clear()
        away.clear()
        queue.add_refused()
        await asyncio.sleep(0.01)
        assert sorted(tried) == [A, B]
        tried.clear()
        queue.add_refused()
        await asyncio.sleep(0.01)
        assert not tried

    run(work, play)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
