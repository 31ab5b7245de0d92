"""How to see that a program works. A probe answers within `PROBE_SECONDS` and never raises."""

import asyncio
import http.client
import json
from collections.abc import Awaitable, Callable

from imagejobs.local.program import Log
from imagejobs_contract.runtime import logs

PROBE_SECONDS = 2.0

Probe = Callable[[Log], Awaitable[bool]]


def log_contains(words: bytes) -> Probe:
    """Return a probe that looks for the words in the program's own log.

    An answer on its port would prove less: the server there may be another program's, which was there first.
    """

    async def probe(log: Log) -> bool:
        return words in log.tail()

    return probe


def both(first: Probe, second: Probe) -> Probe:
    """Return a probe for two things; the second is asked only when the first holds."""

    async def probe(log: Log) -> bool:
        return await first(log) and await second(log)

    return probe


def http_answers(host: str, port: int, path: str, statuses: frozenset[int]) -> Probe:
    """Return a probe that sends GET for the path and expects one of the statuses."""

    async def probe(_: Log) -> bool:
        return await asyncio.to_thread(_get_status, host, port, path) in statuses

    return probe


async def log_has_ready_event(log: Log) -> bool:
    """Return whether the program has logged the event that all our programs log once they work."""
    return any(_parse_event(line) == logs.READY for line in log.tail().splitlines() if b"ready" in line)


def _get_status(host: str, port: int, path: str) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _parse_event(line: bytes) -> str:
    try:
        body = json.loads(line)
    except ValueError:
        return ""
    return str(body.get("event", "")) if isinstance(body, dict) else ""
