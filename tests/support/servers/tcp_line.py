"""A line between programs and a server on this machine that can be slow, silent or cut off."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

CHUNK_BYTES = 65_536


@dataclass
class TcpLine:
    """A running line; it passes everything on until told otherwise.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        answers: Pieces of answers that came from the server since `count_answers`.
    """

    server_port: int
    port: int = 0
    answers: int = 0
    _wait_seconds: float = 0.0
    _is_cut: bool = False
    _acts: dict[int, Callable[[], object]] = field(default_factory=dict)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def mend(self) -> None:
        """Pass everything on again."""
        self._tell(wait_seconds=0.0, is_open=True, is_cut=False)

    def slow(self, seconds: float) -> None:
        """Hold each piece back for this time, in both directions."""
        self._tell(wait_seconds=seconds, is_open=True, is_cut=False)

    def silence(self) -> None:
        """Take everything and pass nothing on, as a network does that drops packets."""
        self._tell(wait_seconds=0.0, is_open=False, is_cut=False)

    def cut(self) -> None:
        """Close all connections, and every new one at once."""
        self._tell(wait_seconds=0.0, is_open=True, is_cut=True)

    def count_answers(self, acts: dict[int, Callable[[], object]]) -> None:
        """Count from 0 again; call an act when the answer of its number has come, before it is passed on."""
        assert self._loop
        done = threading.Event()

        def begin() -> None:
            self.answers, self._acts = 0, acts
            done.set()

        self._loop.call_soon_threadsafe(begin)
        done.wait()

    def _tell(self, *, wait_seconds: float, is_open: bool, is_cut: bool) -> None:
        assert self._loop
        done = threading.Event()

        def tell() -> None:
            self._wait_seconds, self._is_cut = wait_seconds, is_cut
            (self._open.set if is_open else self._open.clear)()
            if is_cut:
                for each in self._connections:
                    each.cancel()
            done.set()

        self._loop.call_soon_threadsafe(tell)
        done.wait()

    async def serve(self, started: threading.Event, stopped: threading.Event) -> None:
        """Serve until stopped."""
        self._loop = asyncio.get_running_loop()
        self._open.set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await asyncio.to_thread(stopped.wait)
        server.close()
        for each in self._connections:
            each.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            # An error or an end of either side is the end of the connection, not of the line.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        try:
            there = asyncio.create_task(self._pass(reader, server_writer, is_answer=False))
            back = asyncio.create_task(self._pass(server_reader, writer, is_answer=True))
            try:
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in (there, back):
                    each.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
        finally:
            server_writer.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        while piece := await reader.read(CHUNK_BYTES):
            if is_answer:
                self.answers += 1
                if act := self._acts.pop(self.answers, None):
                    await asyncio.to_thread(act)
            if self._wait_seconds:
                await asyncio.sleep(self._wait_seconds)
            await self._open.wait()
            writer.write(piece)
            await writer.drain()


@contextmanager
def tcp_line(server_port: int) -> Iterator[TcpLine]:
    """Run a line to a port of this machine until the end of the block."""
    line, started, stopped = TcpLine(server_port), threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(line.serve(started, stopped)))
    thread.start()
    started.wait()
    try:
        yield line
    finally:
        stopped.set()
        thread.join()
