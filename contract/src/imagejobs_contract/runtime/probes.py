"""A small door for Kubernetes' probes: each path answers 200, or 503 with what is wrong.

It speaks just enough HTTP for them.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

REQUEST_SECONDS = 5.0
MAX_REQUEST_BYTES = 8192
STUCK_SECONDS = 300.0
"""A program whose work has not moved for so long is not alive; longer than anything that it waits for by
itself.
"""

Check = Callable[[], str]
"""Returns what is wrong, or ""; it must be quick and never fail."""

log = logging.getLogger(__name__)


async def serve(host: str, port: int, checks: Mapping[str, Check]) -> None:
    """Answer probes until cancelled.

    Args:
        checks: Path -> what it tells.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(response(head, checks))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, host, port, limit=MAX_REQUEST_BYTES)
    log.info("answers probes", extra={"address": f"{host}:{port}"})
    async with server:
        await server.serve_forever()


def response(head: bytes, checks: Mapping[str, Check]) -> bytes:
    """Return the whole answer to a request."""
    check = checks.get(head.partition(b" ")[2].partition(b" ")[0].decode("ascii", "replace"))
    if check is None:
        return _http("404 Not Found", "not found")
    fault = check()
    return _http("503 Service Unavailable", fault) if fault else _http("200 OK", "ok")


def _http(status: str, text: str) -> bytes:
    body = json.dumps({"status": text}).encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )
