"""How a worker is asked to stop: once, to finish what it has in hand within a grace; twice, to hand everything back at once."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Shutdown:
    """Whether the program was asked to stop, and how urgently."""

    def __init__(self) -> None:
        self._requested = asyncio.Event()
        self._requested_twice = asyncio.Event()
        self._signals_seen: set[int] = set()

    def listen_to_signals(self) -> None:
        """Take SIGTERM and SIGINT as being asked.

        A terminal's Ctrl-C and our parent's SIGTERM together count once: each signal counts for itself.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    def request(self) -> None:
        """Ask once, then twice."""
        (self._requested_twice if self.requested else self._requested).set()

    @property
    def requested(self) -> bool:
        """Tell whether it was asked at all."""
        return self._requested.is_set()

    async def race(self, waiting: Coroutine[Any, Any, T]) -> T | None:
        """Wait for something, but no longer than until being asked: then it is cancelled and None returned."""
        main = asyncio.ensure_future(waiting)
        asked = asyncio.ensure_future(self._requested.wait())
        try:
            await asyncio.wait({main, asked}, return_when=asyncio.FIRST_COMPLETED)
            return main.result() if main.done() else None
        finally:
            asked.cancel()
            main.cancel()

    async def wait_for_grace_end(self, seconds: float) -> None:
        """Return when the time for finishing is over: so long after being asked, or as soon as asked twice."""
        await self._requested.wait()
        try:
            await asyncio.wait_for(self._requested_twice.wait(), seconds)
        except TimeoutError:
            return

    def _on_signal(self, number: int) -> None:
        if number in self._signals_seen or not self.requested:
            self.request()
        self._signals_seen.add(number)
