"""Keeps programs running: starts each, starts it again when it ends, stops it on request.

Knows nothing of their purpose.

It is ours because honcho neither restarts programs nor waits until they are ready, and circus brings zmq and
tornado (ADR 16).
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from time import monotonic

from imagejobs.local.errors import CannotRun, PortTaken
from imagejobs.local.program import TICK_SECONDS, Program, RunningProcess
from imagejobs_contract.runtime.backoff import delay_seconds

FIRST_DELAY_SECONDS = 0.2
MAX_DELAY_SECONDS = 10.0
CALM_SECONDS = 30.0
"""A program that ran for this time starts again with the first delay."""
START_TRIES = 5
"""Starts without ever being ready, after which a program stops everything: waiting would hide the reason."""
START_SECONDS = 90.0
"""A program that is not ready by then stops everything; the slowest takes 3 s on a quiet machine."""
BAD_SETTINGS = 2
"""Exit code of our programs after bad settings, which another start cannot mend."""
PORT_TAKEN = b"address already in use"
"""Words, in any case, in the log of each program that did not get its port."""
SHOWN_LINES = 8
"""Lines from the end of a log that are shown when its program cannot start."""


class ProcessKeeper:
    """Keeps one program running, in one process after the other.

    `stack` makes one per program, runs `run` in a task for the whole life of the stack, cancels it and then
    calls `stop`. `ready` is set once a process of the program was ready, and stays set.
    """

    def __init__(self, program: Program, say: Callable[[str], None], keep_open: Sequence[int]) -> None:
        self.program = program
        self.ready = asyncio.Event()
        self._say = say
        self._keep_open = keep_open
        self._process: RunningProcess | None = None

    @property
    def pid(self) -> int:
        """The id of the process that runs now, or ran last; 0 before the first."""
        return self._process.pid if self._process else 0

    async def run(self) -> None:
        """Start the program again and again until cancelled.

        Raises:
            PortTaken: Its port is another program's; a second try would find the same.
            CannotRun: It never became ready.
        """
        failures = tries = 0
        while True:
            began = monotonic()
            process = await self._run_once()
            tries += 1
            if not self.ready.is_set():
                explained = self._explain(process, f"{describe_end(process.status)} before it was ready")
                if process.status == BAD_SETTINGS:
                    raise CannotRun(explained)
                if PORT_TAKEN in process.log.tail().lower():
                    raise PortTaken(explained)
                if tries == START_TRIES:
                    raise CannotRun(explained)
            if monotonic() - began > CALM_SECONDS:
                failures = 0
            failures += 1
            delay = delay_seconds(failures, FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS)
            self._say(f"{self.program.name} {describe_end(process.status)}; it starts again in {delay:g} s.")
            await asyncio.sleep(delay)

    async def stop(self) -> None:
        """End the process, if there is one; `run` must have been cancelled."""
        if self._process is not None:
            await self._process.end()

    async def _run_once(self) -> RunningProcess:
        process = self._process = RunningProcess(self.program, self._keep_open)
        give_up = monotonic() + START_SECONDS
        ready = False
        while not process.ended():
            if not ready and (ready := await self.program.is_ready(process.log)):
                self.ready.set()
            if not self.ready.is_set() and monotonic() > give_up:
                raise CannotRun(self._explain(process, f"was not ready within {START_SECONDS:g} s"))
            await asyncio.sleep(TICK_SECONDS)
        return process

    def _explain(self, process: RunningProcess, what: str) -> str:
        lines = process.log.tail().decode(errors="replace").splitlines()[-SHOWN_LINES:]
        return "\n  ".join([f"{self.program.name} {what}. The end of {self.program.log}:", *lines])


def describe_end(status: int) -> str:
    """Return how a process ended, as a clause."""
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with code {status}"


async def stop_in_order(groups: Sequence[Sequence[ProcessKeeper]]) -> None:
    """End the groups one after the other, the programs of a group together."""
    for group in groups:
        await asyncio.gather(*(keeper.stop() for keeper in group))
