"""The process's one reader of the board's announcements; passes them on to all listeners.

An announcement only says when to read the store, which alone is right. Announcements may be lost, so a
listener must also poll.
"""

import asyncio
import logging
from typing import Protocol

from imagejobs_contract.ports import Change, ProgressBoard

RETRY_SECONDS = 1.0
"""Between two tries to read announcements."""

log = logging.getLogger(__name__)


class Listener(Protocol):
    """A part of the API that waits for changes of jobs."""

    def on_change(self, change: Change) -> None:
        """Note that a job changed. Must not raise."""
        ...

    def on_shutdown(self) -> None:
        """End all waiting, because the server stops."""
        ...


class Announcements:
    """Reads announcements for all listeners, which are the held answers and the event streams.

    The app runs `run` beside the requests; the server calls `shut_down` before it drains.
    """

    def __init__(self, board: ProgressBoard) -> None:
        self._board = board
        self._listeners: list[Listener] = []

    def add_listener(self, listener: Listener) -> None:
        """Pass each change to this listener from now on."""
        self._listeners.append(listener)

    def shut_down(self) -> None:
        """End all waiting of all listeners."""
        for listener in self._listeners:
            listener.on_shutdown()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self._read()
            except Exception:
                log.exception("announcements cannot be read")
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self) -> None:
        async for change in self._board.announcements():
            if change is not None:
                for listener in self._listeners:
                    listener.on_change(change)
