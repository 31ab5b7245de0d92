"""Callbacks beside each other: one receiver that hangs costs the others nothing."""

import asyncio
from collections import Counter

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_operator.callbacks import dispatcher
from imagejobs_operator.callbacks.dispatcher import Courier
from imagejobs_operator.callbacks.payload import Answer, End, Reply, Ticket
from support.operator.world import spec


def job(n: int, host: str) -> ImageJob:
    return ImageJob(JobKey("ns", f"job{n}"), spec(1, callback_url=f"https://{host}/hook"), uid=f"u{n}")


def ticket(n: int) -> Ticket:
    return Ticket(f"msg_{n}", 0, 0)


def test_a_receiver_that_hangs_holds_its_own_places_only() -> None:
    busy: Counter[str] = Counter()
    most: Counter[str] = Counter()
    heard: list[JobKey] = []

    async def post(about: ImageJob, message: str) -> Reply:
        host = (about.spec.callback_url or "").split("/")[2]
        busy[host] += 1
        most[host] = max(most[host], busy[host])
        await asyncio.sleep(60 if host == "hangs.example.org" else 0.001)
        busy[host] -= 1
        return Reply(End.DELIVERED)

    async def run() -> None:
        sends = Courier(post)
        all_heard = asyncio.Event()

        def hear(key: JobKey, answer: Answer) -> None:
            heard.append(key)
            if len(heard) == 50:
                all_heard.set()

        sends.tell(hear)
        for n in range(200):
            await sends.begin(job(n, "hangs.example.org"), ticket(n))
        for n in range(200, 250):
            await sends.begin(job(n, "works.example.org"), ticket(n))
        async with asyncio.timeout(5):
            await all_heard.wait()
        await sends.close()

    asyncio.run(run())
    assert {key.name for key in heard} == {f"job{n}" for n in range(200, 250)}
    assert most == {
        "hangs.example.org": dispatcher.TO_ONE_RECEIVER,
        "works.example.org": dispatcher.TO_ONE_RECEIVER,
    }


def test_what_is_begun_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "MOST_BEGUN", 3)
    sent: list[str] = []

    async def post(about: ImageJob, message: str) -> Reply:
        sent.append(message)
        return Reply(End.DELIVERED)

    async def run() -> None:
        sends = Courier(post)
        for n in range(5):
            await sends.begin(job(n, "example.org"), ticket(n))
            await sends.begin(job(n, "example.org"), ticket(n))
        await asyncio.sleep(0.01)
        await sends.begin(job(4, "example.org"), ticket(4))
        await asyncio.sleep(0.01)

    asyncio.run(run())
    assert sent == ["msg_0", "msg_1", "msg_2", "msg_4"]


def test_a_mistake_of_ours_is_a_failed_try() -> None:
    heard: list[Answer] = []

    async def post(about: ImageJob, message: str) -> Reply:
        raise KeyError

    async def run() -> None:
        sends = Courier(post)
        sends.tell(lambda key, answer: heard.append(answer))
        await sends.begin(job(1, "example.org"), ticket(1))
        await asyncio.sleep(0.01)

    asyncio.run(run())
    assert [each.reply.end for each in heard] == [End.FAILED]
