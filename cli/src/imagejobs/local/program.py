"""A program as a value, and one running process of it."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from imagejobs.local.errors import CannotRun
from imagejobs_contract.runtime.die_with_parent import die_with_parent

TICK_SECONDS = 0.05
"""Time between two looks at a process, and between two tries to set a server up."""
LOG_BYTES = 10 * 2**20
"""A log larger than this at the start of its program is renamed to `.1`, over the one before it."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log file, and where in it the process began to write."""

    path: Path
    start: int

    def tail(self) -> bytes:
        """Return what the process wrote."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(LOG_BYTES)


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is started, seen to be ready, and ended.

    Attributes:
        is_ready: Return whether the process that writes to this log works; asked every `TICK_SECONDS`.
        grace_seconds: Between SIGTERM and SIGKILL.
    """

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    folder: Path
    log: Path
    is_ready: Callable[[Log], Awaitable[bool]]
    grace_seconds: float


class RunningProcess:
    """One process of a program, started by the constructor and used by one `ProcessKeeper`.

    It runs in a session of its own, so that Ctrl-C does not reach it. It ends by itself, by `end`, or, on
    Linux, when this process is gone.
    """

    def __init__(self, program: Program, keep_open: Sequence[int]) -> None:
        """Start the process; `keep_open` are descriptors that it inherits.

        Raises:
            CannotRun: It cannot be started.
        """
        self._grace_seconds = program.grace_seconds
        _rotate(program.log)
        try:
            with program.log.open("ab") as log:
                self.log = Log(program.log, log.tell())
                # preexec_fn is safe here: it makes one system call, bound before the fork.
                self._process = subprocess.Popen(
                    program.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    cwd=program.folder, env=program.environ,
                    start_new_session=True, pass_fds=keep_open, preexec_fn=die_with_parent,
                )  # fmt: skip
        except OSError as ex:
            raise CannotRun(f"{program.name} cannot be started: {ex.strerror}: {ex.filename}.") from ex

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too."""
        return self._process.pid

    def ended(self) -> bool:
        """Return whether the process has ended; if so, kill every process that it started."""
        if self._process.returncode is not None:
            return True
        # WNOWAIT leaves it unreaped, so that the id of its group cannot be another's yet.
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        self._signal(signal.SIGKILL)
        self._process.wait()
        return True

    @property
    def status(self) -> int:
        """The exit code once it has ended, or minus the signal."""
        return self._process.returncode

    async def end(self) -> None:
        """Send SIGTERM; after the grace kill the process and every process that it started."""
        self._signal(signal.SIGTERM)
        give_up = monotonic() + self._grace_seconds
        while not self.ended():
            if monotonic() > give_up:
                self._signal(signal.SIGKILL)
                self._process.wait()
            await asyncio.sleep(TICK_SECONDS / 5)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def _rotate(log: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES:
            log.replace(log.with_name(log.name + ".1"))
