"""Requests to stop: the first lets images in hand finish within a grace, the second stops at once."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Shutdown:
    """Whether the program was asked to stop, and how urgently."""

    def __init__(self) -> None:
        self._requested = asyncio.Event()
        self._requested_twice = asyncio.Event()
        self._signals_seen: set[int] = set()

    def listen_to_signals(self) -> None:
        """Count SIGTERM and SIGINT as requests.

        A terminal's Ctrl-C and our parent's SIGTERM together count once: each signal counts for itself.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    def request(self) -> None:
        """Request once, then a second time."""
        (self._requested_twice if self.requested else self._requested).set()

    @property
    def requested(self) -> bool:
        """Return whether a stop was requested."""
        return self._requested.is_set()

    async def race(self, waiting: Coroutine[Any, Any, T]) -> T | None:
        """Await a coroutine until a stop is requested; then cancel it and return None."""
        main = asyncio.ensure_future(waiting)
        asked = asyncio.ensure_future(self._requested.wait())
        try:
            await asyncio.wait({main, asked}, return_when=asyncio.FIRST_COMPLETED)
            return main.result() if main.done() else None
        finally:
            asked.cancel()
            main.cancel()

    async def wait_for_grace_end(self, seconds: float) -> None:
        """Return when the time for finishing is over.

        That is `seconds` after the first request, or at once after the second.
        """
        await self._requested.wait()
        try:
            await asyncio.wait_for(self._requested_twice.wait(), seconds)
        except TimeoutError:
            return

    def _on_signal(self, number: int) -> None:
        if number in self._signals_seen or not self.requested:
            self.request()
        self._signals_seen.add(number)
        log.info("asked to stop", extra={"signal": signal.Signals(number).name})
