"""`GET /healthz`: 200 while the oldest key of the queue is young, else 503. For probes; speaks just enough HTTP for them."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress

log = logging.getLogger(__name__)

STUCK_SECONDS = 300.0
"""Longer than the longest look (`reconcile.LOOK_SECONDS`): beyond it nothing moves."""
REQUEST_SECONDS = 5.0
MAX_REQUEST_BYTES = 8192


async def serve(host: str, port: int, oldest_seconds: Callable[[], float]) -> None:
    """Answer probes until cancelled."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.partition(b" ")[2].partition(b" ")[0]
                writer.write(response(path, oldest_seconds()))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, host, port, limit=MAX_REQUEST_BYTES)
    log.info("answers probes", extra={"address": f"{host}:{port}"})
    async with server:
        await server.serve_forever()


def response(path: bytes, oldest_seconds: float) -> bytes:
    """Return the whole answer to a request for a path."""
    if path != b"/healthz":
        return _http("404 Not Found", {})
    status = "200 OK" if oldest_seconds < STUCK_SECONDS else "503 Service Unavailable"
    return _http(status, {"oldest_key_seconds": round(oldest_seconds, 1)})


def _http(status: str, body: dict[str, float]) -> bytes:
    text = json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode() + text
