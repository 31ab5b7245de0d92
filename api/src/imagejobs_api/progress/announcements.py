"""The process's one reader of the board's announcements; whoever waits for jobs hears of their changes from here.

An announcement only says when to look: what counts is the store. Some may be missed, so whoever must not miss
any also looks now and then.
"""

import asyncio
import logging
from typing import Protocol

from imagejobs_contract.ports import Change, ProgressBoard

RETRY_SECONDS = 1.0
"""Between two tries to read."""

log = logging.getLogger(__name__)


class Listener(Protocol):
    """Who waits for jobs."""

    def on_change(self, change: Change) -> None:
        """Learn that a job changed. Must not raise."""
        ...

    def on_shutdown(self) -> None:
        """Let everybody go who still waits, as the server stops."""
        ...


class Announcements:
    """Reads on behalf of all listeners."""

    def __init__(self, board: ProgressBoard) -> None:
        self._board = board
        self._listeners: list[Listener] = []

    def add_listener(self, listener: Listener) -> None:
        """Tell the listener of each change from now on."""
        self._listeners.append(listener)

    def shut_down(self) -> None:
        """Release all listeners."""
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
