"""Callbacks beside each other: one receiver that hangs costs the others nothing.

The clock is virtual: a sleep ends once nothing else goes on.
"""

import asyncio
from collections import Counter

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_operator.callbacks import dispatcher
from imagejobs_operator.callbacks.dispatcher import CallbackDispatcher
from imagejobs_operator.decide.deliveries import DeliveryId, DeliveryResult, Response, ResponseKind
from support.clock import virtual_time
from support.operator.world import spec


def job(n: int, host: str) -> ImageJob:
    return ImageJob(JobKey("ns", f"job{n}"), spec(1, callback_url=f"https://{host}/hook"), uid=f"u{n}")


def ticket(n: int) -> DeliveryId:
    return DeliveryId(f"msg_{n}", 0, 0)


def test_a_receiver_that_hangs_holds_only_its_own_slots() -> None:
    busy: Counter[str] = Counter()
    most: Counter[str] = Counter()
    heard: list[JobKey] = []

    async def post(about: ImageJob, message: str) -> Response:
        host = (about.spec.callback_url or "").split("/")[2]
        busy[host] += 1
        most[host] = max(most[host], busy[host])
        await asyncio.sleep(60 if host == "hangs.example.org" else 0.001)
        busy[host] -= 1
        return Response(ResponseKind.DELIVERED)

    async def run() -> None:
        callbacks = CallbackDispatcher(post)
        all_heard = asyncio.Event()

        def listen(key: JobKey, result: DeliveryResult) -> None:
            heard.append(key)
            if len(heard) == 50:
                all_heard.set()

        callbacks.on_result(listen)
        for n in range(200):
            await callbacks.dispatch(job(n, "hangs.example.org"), ticket(n))
        for n in range(200, 250):
            await callbacks.dispatch(job(n, "works.example.org"), ticket(n))
        async with asyncio.timeout(5):
            await all_heard.wait()
        await callbacks.close()

    virtual_time.run(run())
    assert {key.name for key in heard} == {f"job{n}" for n in range(200, 250)}
    assert most == {
        "hangs.example.org": dispatcher.MAX_PARALLEL_PER_RECEIVER,
        "works.example.org": dispatcher.MAX_PARALLEL_PER_RECEIVER,
    }


def test_started_tries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "MAX_STARTED", 3)
    sent: list[str] = []

    async def post(about: ImageJob, message: str) -> Response:
        sent.append(message)
        return Response(ResponseKind.DELIVERED)

    async def run() -> None:
        callbacks = CallbackDispatcher(post)
        for n in range(5):
            await callbacks.dispatch(job(n, "example.org"), ticket(n))
            await callbacks.dispatch(job(n, "example.org"), ticket(n))
        await asyncio.sleep(0.01)
        await callbacks.dispatch(job(4, "example.org"), ticket(4))
        await asyncio.sleep(0.01)

    virtual_time.run(run())
    assert sent == ["msg_0", "msg_1", "msg_2", "msg_4"]


def test_a_mistake_of_ours_is_a_failed_try() -> None:
    heard: list[DeliveryResult] = []

    async def post(about: ImageJob, message: str) -> Response:
        raise KeyError

    async def run() -> None:
        callbacks = CallbackDispatcher(post)
        callbacks.on_result(lambda key, result: heard.append(result))
        await callbacks.dispatch(job(1, "example.org"), ticket(1))
        await asyncio.sleep(0.01)

    virtual_time.run(run())
    assert [each.response.kind for each in heard] == [ResponseKind.FAILED]
