"""Delivers callbacks beside the work on jobs: begun at once, some at a time, few of them to one receiver.

What it does not know is why and when.

A receiver that hangs holds only its own few places, and those for seconds. Nothing is kept: what a restart
loses is begun again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.runtime.traces import NOOP_TRACER, Kind, Tracer
from imagejobs_contract.wire.origin import log_facts
from imagejobs_operator.callbacks.payload import DeliveryId, DeliveryResult, Response, ResponseKind

log = logging.getLogger(__name__)

MAX_PARALLEL, MAX_PARALLEL_PER_RECEIVER = 64, 8
MAX_STARTED = 10_000
"""Beyond that nothing is begun; the resync tries again."""

Post = Callable[[ImageJob, str], Awaitable[Response]]
"""Job and message id -> how it was received."""
Count = Callable[[ResponseKind], None]
Heard = Callable[[JobKey, DeliveryResult], None]


class CallbackDispatcher:
    """Delivers callbacks.

    Args:
        post: Sends one message once, within a time of its own.
        count: Told how each try ended.
    """

    def __init__(self, post: Post, traces: Tracer = NOOP_TRACER, count: Count = lambda end: None) -> None:
        self._post = post
        self._count = count
        self._traces = traces
        self._begun: dict[DeliveryId, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(MAX_PARALLEL)
        self._receivers: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._on_result: Heard = lambda key, answer: None

    def on_result(self, heard: Heard) -> None:
        """Call that with each answer."""
        self._on_result = heard

    async def dispatch(self, job: ImageJob, ticket: DeliveryId) -> None:
        """Begin a try and return; nothing happens if it has begun."""
        if ticket not in self._begun and len(self._begun) < MAX_STARTED:
            self._begun[ticket] = asyncio.create_task(self._deliver(job, ticket))

    async def close(self) -> None:
        """Stop what was begun."""
        begun = list(self._begun.values())
        for each in begun:
            each.cancel()
        await asyncio.gather(*begun, return_exceptions=True)

    async def _deliver(self, job: ImageJob, ticket: DeliveryId) -> None:
        try:
            async with self._receiver(job), self._places:
                with self._traces.span(
                    "callback", {"imagejobs.callback.tries": ticket.tries + 1}, kind=Kind.CLIENT
                ) as span:
                    reply = await self._post(job, ticket.message_id)
                    span.set({"imagejobs.callback.end": reply.kind.value})
        except Exception:
            log.exception("callback failed", extra=log_facts(job))
            reply = Response(ResponseKind.FAILED, "something failed inside imagejobs")
        finally:
            del self._begun[ticket]
        self._count(reply.kind)
        self._on_result(job.key, DeliveryResult(ticket, reply))
        log.info(
            "callback",
            extra=log_facts(job)
            | {"webhook_id": ticket.message_id, "end": reply.kind.value, "reason": reply.reason},
        )

    def _receiver(self, job: ImageJob) -> asyncio.Semaphore:
        host = urlsplit(job.spec.callback_url or "").netloc
        found = self._receivers.get(host)
        if found is None:
            found = self._receivers[host] = asyncio.Semaphore(MAX_PARALLEL_PER_RECEIVER)
        return found
