"""The parent's end of a zygote's control socket: says what it is to be, hears what its cage holds, then gives one order at a time."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from imagejobs_worker.child import commands
from imagejobs_worker.child.commands import Order
from imagejobs_worker.child.config import Held

WARM_SECONDS = 60.0
"""The first answer waits until the zygote is warm; on a busy machine that takes seconds."""
T = TypeVar("T")


class Lost(Exception):
    """Raised when the zygote does not answer, or is not there."""


class Line:
    """One zygote's socket; once it failed to answer, it is hung up on for good.

    Args:
        descriptor: Our end.
        settings: What the zygote is to be, see `zygote._serve`.
    """

    def __init__(self, descriptor: int, settings: Mapping[str, object]) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._turn = asyncio.Lock()
        self._held: Held | None = None
        with suppress(OSError):  # it has ended; the first order will tell
            self._socket.send(commands.opening(settings))

    async def held(self) -> Held:
        """Return what the zygote saw to hold of the cage, once it is warm.

        Raises:
            Lost: It has ended or does not answer.
        """
        return await self._answered(self._read_held, WARM_SECONDS)

    async def ask(self, order: Order, seconds: float, descriptor: socket.socket | None = None) -> int:
        """Give an order and return the answer.

        Args:
            order: What to do.
            seconds: How long that may take.
            descriptor: Goes along.

        Raises:
            Lost: The zygote has ended or does not answer.
        """
        return await self._answered(lambda: self._order(order, descriptor), seconds)

    def hang_up(self) -> None:
        """Close the socket, upon which the zygote kills its children and ends."""
        self._socket.close()

    async def _answered(self, speak: Callable[[], Awaitable[T]], seconds: float) -> T:
        async with self._turn:
            try:
                async with asyncio.timeout(seconds):
                    return await speak()
            except (OSError, TimeoutError) as ex:
                self.hang_up()
                raise Lost(f"the zygote does not answer: {ex!r}") from ex
            except asyncio.CancelledError:
                # The answer will come and be taken for the next one's.
                self.hang_up()
                raise

    async def _order(self, order: Order, descriptor: socket.socket | None) -> int:
        await self._read_held()
        # 12 bytes into an idle socket: this cannot block.
        socket.send_fds(
            self._socket, [commands.ORDER.pack(*order)], [descriptor.fileno()] if descriptor else []
        )
        return int((await self._read(commands.ANSWER))[0])

    async def _read_held(self) -> Held:
        """Read what the zygote says before it is asked anything."""
        if self._held is None:
            self._held = Held(*await self._read(commands.HELD))
        return self._held

    async def _read(self, form: struct.Struct) -> tuple[Any, ...]:
        data = await asyncio.get_running_loop().sock_recv(self._socket, form.size)
        if len(data) != form.size:
            raise ConnectionError("it has ended")
        return form.unpack(data)
