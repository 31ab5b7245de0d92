import asyncio
import os
import signal
import time

import pytest

import virtual_time
from imagejobs_worker.stop import Stop


def test_what_is_waited_for_is_returned_while_nobody_asks_to_stop():
    assert asyncio.run(Stop().unless(asyncio.sleep(0.001, "slept"))) == "slept"


def test_a_wait_ends_when_asked_to_stop_and_what_was_waited_for_is_cancelled():
    async def scenario():
        stop, cancelled = Stop(), asyncio.Event()

        async def wait():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        asyncio.get_running_loop().call_later(0.01, stop.ask)
        result = await stop.unless(wait())
        await asyncio.wait_for(cancelled.wait(), 30)
        return result

    assert asyncio.run(scenario()) is None


@pytest.mark.parametrize(("asks", "seconds"), [(1, 0.2), (2, 0.0)], ids=["once: the whole grace", "twice: at once"])
def test_the_grace_ends_in_time(asks, seconds):
    async def scenario():
        stop = Stop()
        for _ in range(asks):
            stop.ask()
        start = time.monotonic()
        await stop.grace(0.2)
        return time.monotonic() - start

    assert virtual_time.run(scenario()) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("signals", "at_once"),
    [
        ([signal.SIGTERM], False),
        ([signal.SIGINT, signal.SIGTERM], False),
        ([signal.SIGTERM, signal.SIGTERM], True),
        ([signal.SIGINT, signal.SIGINT], True),
    ],
    ids=["SIGTERM", "Ctrl-C and the parent's SIGTERM", "two SIGTERM", "two Ctrl-C"],
)
def test_the_same_signal_twice_hurries(signals, at_once):
    async def scenario():
        stop = Stop()
        stop.listen()
        for number in signals:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.02)
        start = time.monotonic()
        await stop.grace(0.3)
        return stop.asked, time.monotonic() - start

    assert virtual_time.run(scenario()) == (True, 0.0 if at_once else pytest.approx(0.3))
