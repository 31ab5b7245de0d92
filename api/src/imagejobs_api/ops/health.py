"""`GET /healthz`: the process is alive. `GET /readyz`: it can take jobs; otherwise, which part is missing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypedDict

from falcon.asgi import Response

from imagejobs_api.http.connection import Request
from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Fault, ImageJobsError, Misconfigured, Unavailable
from imagejobs_contract.ports import JobStore, TaskQueue
from imagejobs_contract.storage import ObjectStore

CHECK_TIMEOUT_SECONDS = 1.0
OK: Literal["ok"] = "ok"

log = logging.getLogger(__name__)


class HealthBody(TypedDict):
    """The process is alive."""

    status: Literal["ok"]


class ReadyBody(TypedDict):
    """The service is ready to take jobs.

    Attributes:
        parts: The state of each part: `ok`, or the reason why it is not.
    """

    status: Literal["ok"]
    parts: dict[str, str]


class Health:
    """Answers that the process is alive. Checks no other part: a restart would not bring Redis back."""

    is_public = True

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer 200."""
        body: HealthBody = {"status": OK}
        resp.media = body
        resp.set_header("Cache-Control", "no-store")

    on_head = on_get


class Ready:
    """Checks all parts at the same time, each within a second.

    Args:
        needed: The parts that must work for a 200; the others are only reported.
        kept: Those that must work from the first 200 on. A server that has begun answers each call by the
            parts that this call needs; with all of its servers out of the way no call is answered.
    """

    is_public = True

    def __init__(
        self,
        store: JobStore,
        objects: ObjectStore,
        queue: TaskQueue,
        namespace: str,
        needed: tuple[str, ...],
        kept: tuple[str, ...],
    ) -> None:
        self._queue = queue
        self._checks: dict[str, Callable[[], Awaitable[Any]]] = {
            "store": lambda: store.list(namespace, limit=1),
            "s3": objects.check,
            "redis": queue.check,
            "workers": self._workers,
        }
        self._needed = needed
        self._kept = kept

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer 200 with the state of each part, or 503 with the parts that do not work."""
        found = await asyncio.gather(*(_check(name, check) for name, check in self._checks.items()))
        parts = dict(zip(self._checks, found, strict=True))
        missing = [name for name, state in parts.items() if state != OK and name in self._needed]
        if missing:
            faults = [Fault(name, state) for name, state in parts.items() if state != OK]
            raise Problem(Code.UNAVAILABLE, f"Not ready: {', '.join(missing)}.", faults=faults)
        self._needed = self._kept
        body: ReadyBody = {"status": OK, "parts": parts}
        resp.media = body
        resp.set_header("Cache-Control", "no-store")

    on_head = on_get

    async def _workers(self) -> None:
        if not await self._queue.workers():
            raise Problem(Code.UNAVAILABLE, "no worker was seen lately")


async def _check(name: str, check: Callable[[], Awaitable[Any]]) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT_SECONDS:g} s"
    except Problem as ex:
        return ex.message
    except ImageJobsError as ex:
        log.warning("a part is not ready", extra={"part": name, "reason": ex.message})
        return _reason(ex)
    return OK


def _reason(ex: ImageJobsError) -> str:
    """Return the fault without names: health checks are public."""
    if isinstance(ex, Unavailable):
        return ex.public or "does not answer"
    public = ex.public if isinstance(ex, Misconfigured) else ""
    return public or "refuses what it is asked; the log says why"
