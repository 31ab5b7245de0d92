"""Deadlines and bounds of connections, which uvicorn lacks: for headers, for idle and for unread connections.

Measured with uvicorn's own protocol: a silent connection, one with half a header, and one with a header line
every two seconds were all open after 35 s, and 1 MB of headers was answered 200. Slow bodies are the business
of `http.connection`, which waits for bodies.

It extends uvicorn's protocol, whose inner names may change. So uvicorn is pinned to one minor version
(ADR 16).
"""

import asyncio
import contextlib
import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from imagejobs_api.http import json_io
from imagejobs_api.http.browser_security import SECURITY_HEADERS
from imagejobs_api.http.errors import CONTENT_TYPE, Problem, problem_body
from imagejobs_api.serving import request_head
from imagejobs_contract.codes import Code, meaning

HEAD_SECONDS = 10.0
"""From the start of the connection, or of a request, to the end of its headers."""
MAX_HEAD_BYTES = 32 * 2**10
MAX_FRAMING_BYTES = 512 * 2**10
"""Of a body's chunks, beside as much again as they hold: the parser passes over their extensions, of which a
client could send any number. Twice what asyncio reads at once, which may hold other requests too.
"""
WRITE_SECONDS = 30.0
"""How long a client may read nothing while its connection is full."""
MAX_UNSENT_BYTES = 128 * 2**10
"""Bytes of an answer that the kernel holds unsent at most (TCP_NOTSENT_LOWAT).

By default it is up to 4 MB a connection (tcp_wmem). Then a client that reads slowly looks like one that does
not read, because the socket is writable again only when a third of that is gone.
"""
LINGER_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with 0 seconds: closing resets the connection."""
REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


class HeadRefused(Exception):
    """Raised in the parser's callbacks to stop the parser."""


class GuardedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with deadlines and bounds; uvicorn makes one per connection.

    `max_connections` is set by `server.serve` before the first connection.
    """

    max_connections = 4000

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes = self._body_bytes = self._passed_bytes = self._framing_bytes = 0
        self._in_head = True
        self._parser_advanced = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None
        self._problem = Problem(Code.MALFORMED_REQUEST, "This is not HTTP.")

    def connection_made(  # type: ignore[override]  # uvicorn's signature
        self, transport: asyncio.Transport
    ) -> None:
        """Start the deadline of the headers, or refuse the connection if there are too many."""
        super().connection_made(transport)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            with contextlib.suppress(OSError):  # not a TCP socket
                transport.get_extra_info("socket").setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES
                )
        if len(self.connections) > self.max_connections:
            self._refuse(Problem(Code.UNAVAILABLE, "There are too many connections."))
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadlines, and notify the running request.

        Uvicorn notifies the newest request only, which may still wait behind the running one (pipelining).
        """
        self._cancel_timers()
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; bound the time and the size of a head."""
        if self.transport.is_closing():
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._in_head and self._head_timer is None:
            self._await_head()
        self._parser_advanced, self._passed_bytes = False, 0
        super().data_received(data)
        self._framing_bytes += len(data) - self._passed_bytes
        if not self._in_head and self._framing_bytes > MAX_FRAMING_BYTES + self._body_bytes:
            self._refuse(Problem(Code.MALFORMED_REQUEST, "The body has more framing than content."))
        if self._in_head and not self._parser_advanced:
            # The parser holds an incomplete header and calls back only when it is complete.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(_too_large())

    def on_message_begin(self) -> None:
        """Start to count a head."""
        super().on_message_begin()
        self._begin_head()

    def on_url(self, url: bytes) -> None:
        """Count the request target."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header or a trailer. Trailers are not merged into the headers (RFC 9110, section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """Pass the request to the application, unless its head is ambiguous."""
        if wrong := request_head.find_fault(self.parser.get_http_version(), self.url, self.headers):
            self._stop(Problem(Code.MALFORMED_REQUEST, wrong))
        self._in_head = False
        self._cancel_head_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the body's own bytes."""
        self._body_bytes += len(body)
        self._passed_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the head of the next request."""
        super().on_message_complete()
        self._begin_head()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that the parser refused, with problem details instead of uvicorn's plain text."""
        self._refuse(self._problem)

    def pause_writing(self) -> None:
        """Start the deadline for the client to read."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(WRITE_SECONDS, self._reset)

    def resume_writing(self) -> None:
        """Cancel the deadline: the client reads."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _reset(self) -> None:
        """Reset the connection, which frees the kernel's buffers too.

        Closing it would wait until the client has read them.
        """
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self.transport.abort()

    def _begin_head(self) -> None:
        self._in_head, self._head_bytes, self._parser_advanced = True, 0, True
        self._body_bytes = self._framing_bytes = 0

    def _count(self, size: int) -> None:
        self._parser_advanced = True
        self._head_bytes += size
        self._passed_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._stop(_too_large())

    def _stop(self, problem: Problem) -> None:
        self._problem = problem
        raise HeadRefused

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._refuse(Problem(Code.REQUEST_TIMEOUT, f"The headers took longer than {HEAD_SECONDS:g} s."))
        else:
            self.transport.close()

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cancel_timers(self) -> None:
        self._cancel_head_timer()
        if self._write_timer is not None:
            self._write_timer.cancel()

    def _refuse(self, problem: Problem) -> None:
        self._cancel_timers()
        self.transport.write(error_response(problem))
        self.transport.close()


def error_response(problem: Problem) -> bytes:
    """Return a complete HTTP answer, for requests that never reach the application."""
    status = meaning(problem.code).http_status
    body = json_io.dumps(problem_body(problem)).encode()
    fields = {
        "Content-Type": CONTENT_TYPE,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Connection": "close",
        **SECURITY_HEADERS,
    }
    head = "".join(f"{name.lower()}: {value}\r\n" for name, value in fields.items())
    return b"HTTP/1.1 %d %s\r\n" % (status, REASONS[status]) + head.encode() + b"\r\n" + body


def _too_large() -> Problem:
    return Problem(Code.HEADERS_TOO_LARGE, f"Address and headers are larger than {MAX_HEAD_BYTES} bytes.")
