"""A small HTTP server for Kubernetes' probes and Prometheus: one request and one answer per connection.

It reads the head of a request and no body. It must not serve anything else.

It is ours because prometheus_client's server starts a thread for each connection, without a time limit or a
bound, and because the probes need a server too (ADR 16).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

REQUEST_SECONDS = 5.0
"""Longest time from the connection to the end of the answer, with the wait for other requests."""
MAX_REQUEST_BYTES = 8192

Answer = Callable[[bytes], Awaitable[bytes]]
"""The head of a request, up to its blank line -> the whole response."""


async def listen(host: str, port: int, answer: Answer) -> asyncio.Server:
    """Listen, and answer requests until the server is closed.

    A request that is malformed, too long or too slow gets no answer.

    Raises:
        OSError: The address cannot be bound.
    """

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_SECONDS):
                writer.write(await answer(await reader.readuntil(b"\r\n\r\n")))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(handle, host, port, limit=MAX_REQUEST_BYTES)


def path_of(head: bytes) -> str:
    """Return the path of a request, with its query."""
    return head.partition(b" ")[2].partition(b" ")[0].decode("ascii", "replace")


def response(status: str, content_type: str = "", body: bytes = b"") -> bytes:
    """Return a whole HTTP response that closes the connection.

    Args:
        status: Code and phrase, as `200 OK`.
    """
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    head = f"HTTP/1.1 {status}\r\n{kind}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
