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
from imagejobs_operator.callbacks.payload import Answer, End, Reply, Ticket

log = logging.getLogger(__name__)

AT_ONCE, TO_ONE_RECEIVER = 64, 8
MOST_BEGUN = 10_000
"""Beyond that nothing is begun; the resync tries again."""

Post = Callable[[ImageJob, str], Awaitable[Reply]]
"""Job and message id -> how it was received."""
Count = Callable[[End], None]
Heard = Callable[[JobKey, Answer], None]


class Courier:
    """Delivers callbacks.

    Args:
        post: Sends one message once, within a time of its own.
        count: Told how each try ended.
    """

    def __init__(self, post: Post, traces: Tracer = NOOP_TRACER, count: Count = lambda end: None) -> None:
        self._post = post
        self._count = count
        self._traces = traces
        self._begun: dict[Ticket, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._receivers: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._heard: Heard = lambda key, answer: None

    def tell(self, heard: Heard) -> None:
        """Call that with each answer."""
        self._heard = heard

    async def begin(self, job: ImageJob, ticket: Ticket) -> None:
        """Begin a try and return; nothing happens if it has begun."""
        if ticket not in self._begun and len(self._begun) < MOST_BEGUN:
            self._begun[ticket] = asyncio.create_task(self._deliver(job, ticket))

    async def close(self) -> None:
        """Stop what was begun."""
        begun = list(self._begun.values())
        for each in begun:
            each.cancel()
        await asyncio.gather(*begun, return_exceptions=True)

    async def _deliver(self, job: ImageJob, ticket: Ticket) -> None:
        try:
            async with self._receiver(job), self._places:
                with self._traces.span(
                    "callback", {"imagejobs.callback.tries": ticket.tries + 1}, kind=Kind.CLIENT
                ) as span:
                    reply = await self._post(job, ticket.message)
                    span.set({"imagejobs.callback.end": reply.end.value})
        except Exception:
            log.exception("callback failed", extra=log_facts(job))
            reply = Reply(End.FAILED, "something failed inside imagejobs")
        finally:
            del self._begun[ticket]
        self._count(reply.end)
        self._heard(job.key, Answer(ticket, reply))
        log.info(
            "callback",
            extra=log_facts(job)
            | {"webhook_id": ticket.message, "end": reply.end.value, "reason": reply.why},
        )

    def _receiver(self, job: ImageJob) -> asyncio.Semaphore:
        host = urlsplit(job.spec.callback_url or "").netloc
        found = self._receivers.get(host)
        if found is None:
            found = self._receivers[host] = asyncio.Semaphore(TO_ONE_RECEIVER)
        return found
