"""Requests to stop. Where there are seconds, the clock is virtual."""

import asyncio
import os
import signal
import time

import pytest

from imagejobs_worker.image.shutdown import Shutdown
from support.clock import virtual_time


def test_what_is_waited_for_is_returned_while_nobody_asks_to_stop():
    assert virtual_time.run(Shutdown().race(asyncio.sleep(1, "slept"))) == "slept"


def test_a_wait_ends_when_asked_to_stop_and_what_was_waited_for_is_cancelled():
    async def scenario():
        shutdown, cancelled = Shutdown(), asyncio.Event()

        async def wait():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        asyncio.get_running_loop().call_later(0.01, shutdown.request)
        result = await shutdown.race(wait())
        await asyncio.wait_for(cancelled.wait(), 30)
        return result

    assert asyncio.run(scenario()) is None


@pytest.mark.parametrize(
    ("asks", "seconds"), [(1, 0.2), (2, 0.0)], ids=["once: the whole grace", "twice: at once"]
)
def test_the_grace_ends_in_time(asks, seconds):
    async def scenario():
        shutdown = Shutdown()
        for _ in range(asks):
            shutdown.request()
        start = time.monotonic()
        await shutdown.wait_for_grace_end(0.2)
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
        shutdown = Shutdown()
        shutdown.listen_to_signals()
        for number in signals:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.02)
        start = time.monotonic()
        await shutdown.wait_for_grace_end(0.3)
        return shutdown.requested, time.monotonic() - start

    assert virtual_time.run(scenario()) == (True, 0.0 if at_once else pytest.approx(0.3))
