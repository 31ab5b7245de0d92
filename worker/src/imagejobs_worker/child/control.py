"""The parent's end of a zygote's control socket: sends settings, reads the report, then sends commands."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from imagejobs_worker.child import commands
from imagejobs_worker.child.commands import Command
from imagejobs_worker.child.config import SandboxReport

MAX_START_SECONDS = 60.0
"""How long the first answer may take: the zygote loads first, for seconds on a busy machine."""
T = TypeVar("T")


class ZygoteLost(Exception):
    """Raised when the zygote does not answer, or is not running."""


class Channel:
    """One zygote's socket. Commands take turns; after a failure or a cancelled call it is closed for good.

    A cancelled call closes it because the answer still comes and would be read as the answer to the next
    command.

    Args:
        descriptor: Our end.
        settings: The settings of the zygote, see `zygote._serve`.
    """

    def __init__(self, descriptor: int, settings: Mapping[str, object]) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._turn = asyncio.Lock()
        self._report: SandboxReport | None = None
        with suppress(OSError):  # it has ended; the first command will raise
            self._socket.send(commands.pack_settings(settings))

    async def sandbox_report(self) -> SandboxReport:
        """Return the layers of the sandbox that the zygote saw hold; wait until it has loaded.

        Raises:
            ZygoteLost: It has ended or does not answer.
        """
        return await self._take_turn(self._read_report, MAX_START_SECONDS)

    async def send(self, command: Command, seconds: float, descriptor: socket.socket | None = None) -> int:
        """Send a command and return the answer.

        Args:
            command: The command.
            seconds: How long the answer may take.
            descriptor: A socket to send along.

        Raises:
            ZygoteLost: The zygote has ended or does not answer.
        """
        return await self._take_turn(lambda: self._send_command(command, descriptor), seconds)

    def close(self) -> None:
        """Close the socket; the zygote then kills its children and ends."""
        self._socket.close()

    async def _take_turn(self, exchange: Callable[[], Awaitable[T]], seconds: float) -> T:
        async with self._turn:
            try:
                async with asyncio.timeout(seconds):
                    return await exchange()
            except (OSError, TimeoutError) as ex:
                self.close()
                raise ZygoteLost(f"the zygote does not answer: {ex!r}") from ex
            except asyncio.CancelledError:
                # The answer will come, and be read as the next command's.
                self.close()
                raise

    async def _send_command(self, command: Command, descriptor: socket.socket | None) -> int:
        await self._read_report()
        # 12 bytes into an idle socket: this cannot block.
        socket.send_fds(
            self._socket, [commands.COMMAND.pack(*command)], [descriptor.fileno()] if descriptor else []
        )
        return int((await self._read(commands.ANSWER))[0])

    async def _read_report(self) -> SandboxReport:
        """Read the report, which the zygote sends before it is asked anything."""
        if self._report is None:
            self._report = SandboxReport(*await self._read(commands.REPORT))
        return self._report

    async def _read(self, layout: struct.Struct) -> tuple[Any, ...]:
        data = await asyncio.get_running_loop().sock_recv(self._socket, layout.size)
        if len(data) != layout.size:
            raise ConnectionError("it has ended")
        return layout.unpack(data)
