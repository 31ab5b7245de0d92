"""How to see that a program does its work. Each probe answers quickly and never raises."""

import asyncio
import http.client
import json
import socket
from collections.abc import Awaitable, Callable

from imagejobs.local.program import Log
from imagejobs_contract import logs

PROBE_SECONDS = 2.0

Probe = Callable[[Log], Awaitable[bool]]


def listens(port: int) -> Probe:
    """Return a probe for: a server takes connections on a loopback port."""

    async def probe(_: Log) -> bool:
        return takes_connections(port)

    return probe


def takes_connections(port: int) -> bool:
    """Tell whether a server listens on a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PROBE_SECONDS):
            return True
    except OSError:
        return False


def answers(host: str, port: int, path: str, statuses: frozenset[int]) -> Probe:
    """Return a probe for: GET of the path is answered with one of the statuses."""

    async def probe(_: Log) -> bool:
        return await asyncio.to_thread(_status, host, port, path) in statuses

    return probe


async def said_ready(log: Log) -> bool:
    """Tell whether the program has logged the event that all our programs log once they work."""
    return any(_event(line) == logs.READY for line in log.tail().splitlines() if b"ready" in line)


def _status(host: str, port: int, path: str) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _event(line: bytes) -> str:
    try:
        body = json.loads(line)
    except ValueError:
        return ""
    return str(body.get("event", "")) if isinstance(body, dict) else ""
