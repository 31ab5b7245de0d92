"""Answers Kubernetes' probes: each path gives 200, or 503 with the fault."""

import json
import logging
from collections.abc import Callable, Mapping

from imagejobs_contract.runtime import listener

STUCK_SECONDS = 300.0
"""A program whose work has not moved for this time is not alive; it is longer than any wait of a program
itself.
"""

Check = Callable[[], str]
"""Returns the fault, or "" if there is none; it must be quick and never fail."""

log = logging.getLogger(__name__)


async def serve(host: str, port: int, checks: Mapping[str, Check]) -> None:
    """Answer probes until cancelled.

    Args:
        checks: Path -> check.
    """

    async def answer(head: bytes) -> bytes:
        return response(head, checks)

    server = await listener.listen(host, port, answer)
    log.info("answers probes", extra={"address": f"{host}:{port}"})
    async with server:
        await server.serve_forever()


def response(head: bytes, checks: Mapping[str, Check]) -> bytes:
    """Return the whole response to a request."""
    check = checks.get(listener.path_of(head))
    if check is None:
        return _json("404 Not Found", "not found")
    fault = check()
    return _json("503 Service Unavailable", fault) if fault else _json("200 OK", "ok")


def _json(status: str, text: str) -> bytes:
    return listener.response(status, "application/json", json.dumps({"status": text}).encode())
