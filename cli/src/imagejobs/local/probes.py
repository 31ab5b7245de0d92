"""How to see that a program does its work. Each probe answers quickly and never raises."""

import asyncio
import http.client
import json
from collections.abc import Awaitable, Callable

from imagejobs.local.program import Log
from imagejobs_contract.runtime import logs

PROBE_SECONDS = 2.0

Probe = Callable[[Log], Awaitable[bool]]


def said(words: bytes) -> Probe:
    """Return a probe for: the program itself has logged these words.

    Who answers on its port may be another's server, which was there first.
    """

    async def probe(log: Log) -> bool:
        return words in log.tail()

    return probe


def both(first: Probe, second: Probe) -> Probe:
    """Return a probe for two things, the second of which is asked only when the first holds."""

    async def probe(log: Log) -> bool:
        return await first(log) and await second(log)

    return probe


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
