"""How a worker is asked to stop: once, to finish what it has in hand within a grace; twice, to hand everything back at once."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stop:
    """Whether the program was asked to stop, and how urgently."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._asked_twice = asyncio.Event()
        self._seen: set[int] = set()

    def listen(self) -> None:
        """Take SIGTERM and SIGINT as being asked.

        A terminal's Ctrl-C and our parent's SIGTERM together count once: each signal counts for itself.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)

    def ask(self) -> None:
        """Ask once, then twice."""
        (self._asked_twice if self.asked else self._asked).set()

    @property
    def asked(self) -> bool:
        """Tell whether it was asked at all."""
        return self._asked.is_set()

    async def unless(self, waiting: Coroutine[Any, Any, T]) -> T | None:
        """Wait for something, but no longer than until being asked: then it is cancelled and None returned."""
        main = asyncio.ensure_future(waiting)
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait({main, asked}, return_when=asyncio.FIRST_COMPLETED)
            return main.result() if main.done() else None
        finally:
            asked.cancel()
            main.cancel()

    async def grace(self, seconds: float) -> None:
        """Return when the time for finishing is over: so long after being asked, or as soon as asked twice."""
        await self._asked.wait()
        try:
            await asyncio.wait_for(self._asked_twice.wait(), seconds)
        except TimeoutError:
            return

    def _signalled(self, number: int) -> None:
        if number in self._seen or not self.asked:
            self.ask()
        self._seen.add(number)
