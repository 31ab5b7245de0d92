"""What a connection may do before and beside a request: uvicorn waits for ever, takes headers of any size, and any number of Hosts.

Measured: silence, half a header and a header line every two seconds were all open after 35 s, 1 MB of headers
    was answered 200. Slow bodies are the matter of `connection`, where a body is waited for.
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
"""From the connection, or a request's first byte, to the end of its headers."""
MAX_HEAD_BYTES = 32 * 2**10
WRITE_SECONDS = 30.0
"""How long a client may leave everything unread that its connection holds."""
MAX_UNSENT_BYTES = 128 * 2**10
"""What the kernel takes of an answer beyond what is on its way. Without it that is up to 4 MB a connection
(tcp_wmem), and a client that reads
slowly looks as if it did not: the socket is writable again only when a third of them is gone."""
RESET = struct.pack("ii", 1, 0)
REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


class HeadRefused(Exception):
    """Raised inside the parser to stop it."""


class GuardedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with deadlines and bounds. One per connection."""

    max_connections = 4000

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes = 0
        self._in_head = True
        self._parser_advanced = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None
        self._problem = Problem(Code.MALFORMED_REQUEST, "This is not HTTP.")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for headers."""
        super().connection_made(transport)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            with contextlib.suppress(OSError):  # a socket that is no TCP's
                transport.get_extra_info("socket").setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES
                )
        if len(self.connections) > self.max_connections:
            self._refuse(Problem(Code.UNAVAILABLE, "There are too many connections."))
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines, and let the request that runs know: uvicorn tells the newest one, which may wait behind it (pipelining)."""
        self._cancel_timers()
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and see that a head neither lasts nor grows."""
        if self.transport.is_closing():
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._in_head and self._head_timer is None:
            self._await_head()
        self._parser_advanced = False
        super().data_received(data)
        if self._in_head and not self._parser_advanced:
            # The parser tells of a header when it is whole; until then it keeps it.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(_too_large())

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._begin_head()

    def on_url(self, url: bytes) -> None:
        """Count the address."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or what comes as one after the body: that is not to be taken for a header (RFC 9110, section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """Let the application have the request, if its head is in order."""
        if wrong := request_head.find_fault(self.parser.get_http_version(), self.url, self.headers):
            self._stop(Problem(Code.MALFORMED_REQUEST, wrong))
        self._in_head = False
        self._cancel_head_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Take what comes next for the head of another request."""
        super().on_message_complete()
        self._begin_head()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused; uvicorn's own answer is no problem object."""
        self._refuse(self._problem)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(WRITE_SECONDS, self._cut)

    def resume_writing(self) -> None:
        """It reads."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _cut(self) -> None:
        """Reset the connection and free its buffers, the kernel's too; closing would wait until the client has read them."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()

    def _begin_head(self) -> None:
        self._in_head, self._head_bytes, self._parser_advanced = True, 0, True

    def _count(self, size: int) -> None:
        self._parser_advanced = True
        self._head_bytes += size
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
    """Return a whole answer, for where there is no application to give one."""
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
