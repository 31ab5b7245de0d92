"""Keeps programs running: starts each, starts it again when it ends, ends it when told.

Knows nothing of what they do.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from time import monotonic

from imagejobs.local.errors import CannotRun
from imagejobs.local.program import TICK_SECONDS, Child, Program
from imagejobs_contract.runtime.backoff import delay_seconds

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 10.0
CALM_SECONDS = 30.0
"""A program that ran this long starts again with the first delay."""
START_TRIES = 5
"""A program that ended this often without ever being ready stops everything: waiting would hide the reason.
"""
START_SECONDS = 90.0
"""A program that is not ready by then stops everything; the slowest takes 3 s on a quiet machine."""
BAD_SETTINGS = 2
"""Exit code of our programs that another start cannot help."""
LINES = 8
"""Lines of a log that are shown when its program cannot start."""


class Keeper:
    """Keeps one program running."""

    def __init__(self, program: Program, say: Callable[[str], None], keep_open: Sequence[int]) -> None:
        self.program = program
        self.ready = asyncio.Event()
        self._say = say
        self._keep_open = keep_open
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The id of the process that runs now, or ran last; 0 before the first."""
        return self._child.pid if self._child else 0

    async def run(self) -> None:
        """Start the program again and again until cancelled.

        Raises:
            CannotRun: It never became ready.
        """
        failures = tries = 0
        while True:
            began = monotonic()
            child = await self._live()
            tries += 1
            if not self.ready.is_set() and (child.status == BAD_SETTINGS or tries == START_TRIES):
                raise CannotRun(self._last_words(child, f"{describe(child.status)} before it was ready"))
            if monotonic() - began > CALM_SECONDS:
                failures = 0
            failures += 1
            delay = delay_seconds(failures, FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS)
            self._say(f"{self.program.name} {describe(child.status)}; it starts again in {delay:g} s.")
            await asyncio.sleep(delay)

    async def stop(self) -> None:
        """End the process, if there is one; `run` must have been cancelled."""
        if self._child is not None:
            await self._child.end()

    async def _live(self) -> Child:
        child = self._child = Child(self.program, self._keep_open)
        give_up = monotonic() + START_SECONDS
        ready = False
        while not child.ended():
            if not ready and (ready := await self.program.is_ready(child.log)):
                self.ready.set()
            if not self.ready.is_set() and monotonic() > give_up:
                raise CannotRun(self._last_words(child, f"was not ready within {START_SECONDS:g} s"))
            await asyncio.sleep(TICK_SECONDS)
        return child

    def _last_words(self, child: Child, what: str) -> str:
        lines = child.log.tail().decode(errors="replace").splitlines()[-LINES:]
        return "\n  ".join([f"{self.program.name} {what}. The end of {self.program.log}:", *lines])


def describe(status: int) -> str:
    """Say how a process ended."""
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with code {status}"


async def stop_in_order(groups: Sequence[Sequence[Keeper]]) -> None:
    """End the groups one after the other, the programs of a group together."""
    for group in groups:
        await asyncio.gather(*(keeper.stop() for keeper in group))
