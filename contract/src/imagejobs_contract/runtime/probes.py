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


async def serve(
    host: str, port: int, checks: Mapping[str, Check], notes: Mapping[str, Callable[[], str]] | None = None
) -> None:
    """Answer probes until cancelled.

    Args:
        checks: Path -> check.
        notes: Path -> what people may want to know beside its answer.
    """

    async def answer(head: bytes) -> bytes:
        return response(head, checks, notes)

    server = await listener.listen(host, port, answer)
    log.info("answers probes", extra={"address": f"{host}:{port}"})
    async with server:
        await server.serve_forever()


def response(
    head: bytes, checks: Mapping[str, Check], notes: Mapping[str, Callable[[], str]] | None = None
) -> bytes:
    """Return the whole response to a request."""
    path = listener.path_of(head)
    check, note = checks.get(path), (notes or {}).get(path)
    if check is None:
        return _json("404 Not Found", "not found")
    fault, more = check(), {"note": note()} if note else {}
    return _json("503 Service Unavailable", fault, more) if fault else _json("200 OK", "ok", more)


def _json(status: str, text: str, more: Mapping[str, str] | None = None) -> bytes:
    body = {"status": text, **(more or {})}
    return listener.response(status, "application/json", json.dumps(body).encode())
