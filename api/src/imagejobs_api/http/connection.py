"""Between the server and Falcon: when a body is read, and how a connection closes that still sends one.

Knows nothing of routes. It does two things that neither uvicorn nor Falcon does:

- Falcon waits for the first piece of a body before it handles the request. Here it starts at once, so that a
  request is refused before its body is read, and before `100 Continue`.
- If a server answers and closes before the end of the body, most clients report a reset instead of the
  answer. Here the rest of the body is read and discarded for `LINGER_SECONDS` first (RFC 9112, section 9.6,
  "lingering close").
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import falcon.asgi

from imagejobs_api.callers.caller import Caller
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageJobsError, TooLarge
from imagejobs_contract.wire.origin import Origin

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

BODY_GRACE_SECONDS = 10.0
"""How long a body may take before its rate counts."""
MIN_BODY_BYTES_PER_SECOND = 1000
"""The lowest rate of a body after the grace. Only the time counts in which this process waits for it."""
LINGER_SECONDS = 2.0
"""How long the rest of a refused body is read. Nginx lingers for up to 30 s, but its connections hold no slot
that another client waits for.
"""


class BodyIncomplete(ImageJobsError):
    """Raised when the client disconnects before the end of its body."""

    code = Code.MALFORMED_REQUEST


class BodyTooSlow(ImageJobsError):
    """Raised when a client sends its body more slowly than `MIN_BODY_BYTES_PER_SECOND`, after the grace."""

    code = Code.REQUEST_TIMEOUT


class Request(falcon.asgi.Request):
    """A request that also exposes its raw `receive`, its caller and its origin."""

    def __init__(
        self, scope: Event, receive: Receive, first_event: Event | None = None, options: Any = None
    ) -> None:
        super().__init__(scope, receive, first_event, options)
        self.receive = receive

    @property
    def caller(self) -> Caller:
        """Return the caller. `Authentication` sets it, so every resource has it."""
        caller: Caller = self.context.caller
        return caller

    @property
    def origin(self) -> Origin:
        """Return the request's id and trace, which its job carries in annotations. `RequestLog` sets it."""
        origin: Origin = self.context.origin
        return origin


class App(falcon.asgi.App[Request, falcon.asgi.Response]):
    """Falcon's app behind an `_Exchange` per request."""

    # By type, Falcon's App is a WSGI application.
    async def __call__(  # type: ignore[override]
        self, scope: Event, receive: Receive, send: Send
    ) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http":
            exchange = _Exchange(scope, receive, send)
            receive, send = exchange.receive, exchange.send
        await super().__call__(scope, receive, send)


class _Exchange:
    """One request and its answer. Falcon calls `receive` and `send` instead of the server's own.

    `_unread` says whether more of the body is to come.
    """

    def __init__(self, scope: Event, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._begun = False
        self._unread = _announces_body(scope)
        self._waited_seconds = 0.0
        self._received_bytes = 0

    async def receive(self) -> Event:
        """Return an empty first event at once, then the server's events."""
        if not self._begun:
            self._begun = True
            return {"type": "http.request", "body": b"", "more_body": self._unread}
        event = await (self._next_piece() if self._unread else self._receive())
        if event["type"] == "http.disconnect" or not event.get("more_body"):
            self._unread = False
        return event

    async def _next_piece(self) -> Event:
        allowed = BODY_GRACE_SECONDS + self._received_bytes / MIN_BODY_BYTES_PER_SECOND
        begin = time.monotonic()
        try:
            async with asyncio.timeout(allowed - self._waited_seconds):
                event = await self._receive()
        except TimeoutError as ex:
            raise BodyTooSlow(
                f"Only {self._received_bytes} bytes of the body came in {allowed:.0f} s."
            ) from ex
        self._waited_seconds += time.monotonic() - begin
        self._received_bytes += len(event.get("body", b""))
        return event

    async def send(self, event: Event) -> None:
        """Send an event; if more of the body is to come, linger after the answer and close the connection."""
        if not self._unread:
            await self._send(event)
        elif event["type"] == "http.response.start":
            await self._send({**event, "headers": [*event.get("headers", ()), (b"connection", b"close")]})
        elif event.get("more_body"):
            await self._send(event)
        else:
            await self._send({**event, "more_body": True})
            await self._discard()
            await self._send({"type": "http.response.body", "body": b""})

    async def _discard(self) -> None:
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while self._unread:
                    await self.receive()
        except (TimeoutError, BodyTooSlow):
            return


async def body_chunks(receive: Receive, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the pieces of a request's body as they come.

    Raises:
        BodyIncomplete: The client disconnected before the end.
        TooLarge: There are more than `max_bytes`.
    """
    count, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise BodyIncomplete("The connection ended before the body did.")
        chunk: bytes = event.get("body", b"")
        count += len(chunk)
        if count > max_bytes:
            raise TooLarge(f"The body is larger than {max_bytes} bytes.", code=Code.PAYLOAD_TOO_LARGE)
        more = event.get("more_body", False)
        if chunk:
            yield chunk


async def until_disconnected(receive: Receive) -> None:
    """Return once the client has disconnected. Only call this after the body was read."""
    while (await receive())["type"] != "http.disconnect":
        pass


def is_gone(gone: "asyncio.Future[None]") -> bool:
    """Return whether `until_disconnected`, running as this future, has returned.

    Raises:
        ImageJobsError: It raised this. The answer that is being sent must not look complete then.
    """
    return gone.done() and gone.result() is None


def _announces_body(scope: Event) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
