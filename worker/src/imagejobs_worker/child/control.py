"""The parent's end of a zygote's control socket: says what it is to be, hears what its cage holds, then gives one order at a time."""

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
"""The first answer waits until the zygote is warm; on a busy machine that takes seconds."""
T = TypeVar("T")


class ZygoteLost(Exception):
    """Raised when the zygote does not answer, or is not there."""


class Channel:
    """One zygote's socket; once it failed to answer, it is hung up on for good.

    Args:
        descriptor: Our end.
        settings: What the zygote is to be, see `zygote._serve`.
    """

    def __init__(self, descriptor: int, settings: Mapping[str, object]) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._turn = asyncio.Lock()
        self._report: SandboxReport | None = None
        with suppress(OSError):  # it has ended; the first order will tell
            self._socket.send(commands.pack_settings(settings))

    async def sandbox_report(self) -> SandboxReport:
        """Return what the zygote saw to hold of the cage, once it is warm.

        Raises:
            Lost: It has ended or does not answer.
        """
        return await self._take_turn(self._read_report, MAX_START_SECONDS)

    async def send(self, command: Command, seconds: float, descriptor: socket.socket | None = None) -> int:
        """Give an order and return the answer.

        Args:
            order: What to do.
            seconds: How long that may take.
            descriptor: Goes along.

        Raises:
            Lost: The zygote has ended or does not answer.
        """
        return await self._take_turn(lambda: self._send_command(command, descriptor), seconds)

    def close(self) -> None:
        """Close the socket, upon which the zygote kills its children and ends."""
        self._socket.close()

    async def _take_turn(self, speak: Callable[[], Awaitable[T]], seconds: float) -> T:
        async with self._turn:
            try:
                async with asyncio.timeout(seconds):
                    return await speak()
            except (OSError, TimeoutError) as ex:
                self.close()
                raise ZygoteLost(f"the zygote does not answer: {ex!r}") from ex
            except asyncio.CancelledError:
                # The answer will come and be taken for the next one's.
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
        """Read what the zygote says before it is asked anything."""
        if self._report is None:
            self._report = SandboxReport(*await self._read(commands.REPORT))
        return self._report

    async def _read(self, form: struct.Struct) -> tuple[Any, ...]:
        data = await asyncio.get_running_loop().sock_recv(self._socket, form.size)
        if len(data) != form.size:
            raise ConnectionError("it has ended")
        return form.unpack(data)
