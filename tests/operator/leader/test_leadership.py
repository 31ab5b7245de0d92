"""Who holds the Lease, by a clock and a Lease of the test; the real ones are in tests/controlplane."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from imagejobs_contract.errors import Conflict, Unavailable
from imagejobs_contract.model.names import S3Key
from imagejobs_operator.act.ports import Ports
from imagejobs_operator.leader.fence import fenced
from imagejobs_operator.leader.leadership import LOOKS, Leadership, LeaseLost, LeaseRecord
from support.operator.world import World, spec

SECONDS = 8.0


class Store:
    """A Lease in memory, with the versions of an API server."""

    def __init__(self) -> None:
        self.record: LeaseRecord | None = None
        self.writes = 0
        self.away = False
        self.loses_answers = False

    async def read(self) -> LeaseRecord | None:
        if self.away:
            raise Unavailable("away")
        return self.record

    async def write(self, before: LeaseRecord | None, holder: str, seconds: float) -> LeaseRecord:
        if self.away:
            raise Unavailable("away")
        if before != self.record:
            raise Conflict
        self.writes += 1
        self.record = LeaseRecord(holder, seconds, str(self.writes))
        if self.loses_answers:
            raise Unavailable("the answer is lost")
        return self.record


class Play:
    """A Lease, operators that want it, and a clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.store = Store()
        self.sleeps: list[float] = []

    def operator(self, name: str) -> Leadership:
        return Leadership(self.store, name, SECONDS, lambda: self.seconds)

    async def sleep(self, seconds: float) -> None:
        """Let time pass where an operator sleeps."""
        self.sleeps.append(seconds)
        self.seconds += seconds


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """A world in which sleeping takes no time."""
    play = Play()
    monkeypatch.setattr("imagejobs_operator.leader.leadership.asyncio.sleep", play.sleep)
    return play


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story()

    asyncio.run(whole())


def test_the_first_one_leads_and_the_other_one_takes_over_after_the_duration(play: Play) -> None:
    async def story() -> None:
        first, second = play.operator("first"), play.operator("second")
        await first.acquire()
        assert first.leads
        assert play.sleeps == []
        await second.acquire()
        assert SECONDS <= play.seconds <= SECONDS * (1 + 1 / LOOKS)
        assert second.leads
        assert not first.leads
        assert (first.describe(), second.describe()) == ("waits; first leads", "leads as second")

    run(story)


def test_a_holder_stops_trusting_its_lease_before_another_one_may_take_it(play: Play) -> None:
    async def story() -> None:
        first = play.operator("first")
        await first.acquire()
        play.seconds = 0.75 * SECONDS - 0.1
        first.check()
        play.seconds = 0.75 * SECONDS
        with pytest.raises(LeaseLost):
            first.check()
        with pytest.raises(LeaseLost):  # it was frozen, and nobody has the Lease yet
            await first.keep()
        assert play.store.record
        assert play.store.record.holder == "first"
        assert play.store.writes == 1, "nothing is written any more"

    run(story)


def test_a_holder_that_sees_another_one_stops(play: Play) -> None:
    async def story() -> None:
        first = play.operator("first")
        await first.acquire()
        play.store.record = LeaseRecord("somebody", SECONDS, "99")
        with pytest.raises(LeaseLost, match="somebody leads"):
            await first.keep()
        assert not first.leads

    run(story)


def test_a_renewal_whose_answer_was_lost_is_known_as_its_own(play: Play) -> None:
    async def story() -> None:
        first = play.operator("first")
        await first.acquire()
        play.store.loses_answers = True
        renewed = play.store.writes

        async def stop_losing(seconds: float) -> None:
            play.store.loses_answers = play.store.writes == renewed
            play.seconds += seconds
            if play.store.writes >= renewed + 3:
                raise asyncio.CancelledError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("imagejobs_operator.leader.leadership.asyncio.sleep", stop_losing)
            with pytest.raises(asyncio.CancelledError):
                await first.keep()
        assert first.leads

    run(story)


def test_a_holder_that_cannot_renew_goes_on_until_its_lease_is_not_certain(play: Play) -> None:
    async def story() -> None:
        first = play.operator("first")
        await first.acquire()
        play.store.away = True
        with pytest.raises(LeaseLost):
            await first.keep()
        assert play.seconds == 0.75 * SECONDS

    run(story)


def test_one_that_stops_gives_the_lease_back_and_the_other_one_need_not_wait(play: Play) -> None:
    async def story() -> None:
        first, second = play.operator("first"), play.operator("second")
        await first.acquire()
        await first.release()
        assert not first.leads
        await second.acquire()
        assert play.seconds == 0
        assert second.leads

    run(story)


def test_a_port_does_nothing_without_the_lease(world: World) -> None:
    held = True

    def check() -> None:
        if not held:
            raise LeaseLost("lost")

    world.create(spec(1))
    ports: Ports = fenced(world.ports, check)

    async def story() -> None:
        nonlocal held
        job = await ports.store.get(world.job().key)
        held = False
        for call in (
            lambda: ports.store.put_status(job, job.status),
            lambda: ports.queue.cancel(job.uid),
            lambda: ports.objects.delete([S3Key("outputs/x")]),
            lambda: ports.board.forget(job.uid),
        ):
            with pytest.raises(LeaseLost):
                await call()

    world.run(story())
    assert world.faults.changes == []
