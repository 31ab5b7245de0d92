"""Makes one HTTP/1.1 request over a connection of the address guard, and reads the response within bounds.

h11 frames the request and parses the response. This module adds the bounds, and two refusals that h11 leaves
to its caller. It knows nothing of redirects, status codes, content codings or the pace of a body.

Programs import it when they have a URL to call: h11 costs a start 10 to 30 ms.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import h11

from imagejobs_contract.errors import TooLarge
from imagejobs_contract.outbound.guard import AddressGuard, Connection
from imagejobs_contract.outbound.url import Url

MAX_HEAD_BYTES = 64 * 1024
"""Of a response's status line and headers."""
HEAD_READ_BYTES = 4 * 1024
"""Of one read until the headers have come; a head may be longer than `MAX_HEAD_BYTES` by so much."""
BODY_READ_BYTES = 64 * 1024
"""Of one read after that, and so the most that lies in h11's buffer; asyncio's own holds twice as much."""
MAX_FRAMING_BYTES = 256 * 1024
"""Of all that a response has beside its body, when it has no body yet: headers, interim responses, sizes and
extensions of chunks. A body may bring as much again as it has bytes, which honest chunks of 6 bytes do.
"""
_VERSIONS = frozenset({b"1.0", b"1.1"})


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers, by their names in lower case."""

    status: int
    headers: Mapping[str, str]


class Exchange:
    """One request and its response; `open_exchange` makes it and ends its connection."""

    def __init__(self, connection: Connection) -> None:
        self._reader, self._writer = connection
        self._wire_bytes = self._body_bytes = 0
        self._framing = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)

    def send(self, method: str, url: Url, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send the request; a body needs its Content-Length among the headers."""
        own = {"Host": url.authority, **headers, "Connection": "close"}
        head = h11.Request(method=method, target=url.path, headers=list(own.items()))
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self._writer.write(self._framing.send(event) or b"")

    async def read_head(self) -> Head:
        """Read up to the end of the headers; interim responses are passed over.

        Raises:
            ValueError: They are cut, malformed, contradictory or longer than `MAX_HEAD_BYTES`, or too much
                came before them.
        """
        while isinstance(event := await self._next_event(HEAD_READ_BYTES), h11.InformationalResponse):
            pass
        if not isinstance(event, h11.Response) or event.http_version not in _VERSIONS:
            raise ValueError("not an HTTP/1 response")
        headers: dict[str, str] = {}
        for name, value in event.headers:
            key, text = name.decode("ascii"), value.decode("latin-1")
            if key == "location" and headers.get(key, text) != text:
                raise ValueError("two locations")
            headers[key] = text
        if "transfer-encoding" in headers and "content-length" in headers:
            raise ValueError(
                "two framings"
            )  # h11 takes the first: RFC 9112, section 6.3, lets a client choose
        return Head(event.status_code, headers)

    async def read_body(self, head: Head, max_bytes: int) -> AsyncIterator[bytes]:
        """Yield the body, of at least a byte at a time, as its headers frame it.

        Raises:
            ValueError: It is cut, or its framing is malformed or longer than it.
            TooLarge: It has more bytes, or its headers announce more.
        """
        if int(head.headers.get("content-length", 0)) > max_bytes:
            raise TooLarge
        while isinstance(event := await self._next_event(BODY_READ_BYTES), h11.Data):
            self._body_bytes += len(event.data)
            if self._body_bytes > max_bytes:
                raise TooLarge
            yield event.data

    async def _next_event(self, read_bytes: int) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        try:
            while (event := self._framing.next_event()) is h11.NEED_DATA:
                self._framing.receive_data(await self._read(read_bytes))
        except h11.RemoteProtocolError as ex:
            raise ValueError("a response that is cut or malformed") from ex
        return event

    async def _read(self, max_bytes: int) -> bytes:
        data = await self._reader.read(max_bytes)
        self._wire_bytes += len(data)
        if self._wire_bytes > MAX_FRAMING_BYTES + 2 * self._body_bytes:
            raise ValueError("a response of more framing than body")
        return data


@asynccontextmanager
async def open_exchange(
    guard: AddressGuard, url: Url, connect_seconds: float
) -> AsyncGenerator[Exchange, None]:
    """Connect to the URL's host for one exchange, and end the connection after it.

    Raises:
        Refused, OSError: As `AddressGuard.connect`.
    """
    reader, writer = await guard.connect(url, connect_seconds)
    try:
        yield Exchange((reader, writer))
    finally:
        writer.transport.abort()
