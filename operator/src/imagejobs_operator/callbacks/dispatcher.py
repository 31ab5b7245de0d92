"""Delivers callbacks beside the reconciles: many at once, few to one receiver.

When and whether to send is decided in `decide.plan_callback`.

A receiver that hangs holds only its own few slots, and each of them for seconds. Nothing is stored: tries
that a restart loses are started again by the next plan.
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
from imagejobs_operator.decide.deliveries import DeliveryId, DeliveryResult, Response, ResponseKind

log = logging.getLogger(__name__)

MAX_PARALLEL, MAX_PARALLEL_PER_RECEIVER = 64, 8
MAX_STARTED = 10_000
"""Maximum tries that are started and not ended. Further ones are not started; the resync asks for them again.
"""

Send = Callable[[ImageJob, str], Awaitable[Response]]
"""Sends a job's message with this id, within a time limit of its own."""
Count = Callable[[ResponseKind], None]
OnResult = Callable[[JobKey, DeliveryResult], None]


class CallbackDispatcher:
    """Implements `ports.Callbacks`: runs each try as a task and reports its result.

    The reconciler calls `dispatch`; `on_result` leads the result to the memory and requeues the job. One
    dispatcher lives as long as the program; `close` ends its tasks.

    Args:
        send: Sends one message once.
        count: Called with the end of each try.
    """

    def __init__(self, send: Send, traces: Tracer = NOOP_TRACER, count: Count = lambda kind: None) -> None:
        self._send = send
        self._count = count
        self._traces = traces
        self._started: dict[DeliveryId, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(MAX_PARALLEL)
        self._receivers: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._on_result: OnResult = lambda key, result: None

    def on_result(self, listener: OnResult) -> None:
        """Set the listener that is called with each result."""
        self._on_result = listener

    async def dispatch(self, job: ImageJob, delivery: DeliveryId) -> None:
        """Start a try and return at once; nothing happens if this try has started."""
        if delivery not in self._started and len(self._started) < MAX_STARTED:
            self._started[delivery] = asyncio.create_task(self._deliver(job, delivery))

    async def close(self) -> None:
        """Cancel all tries."""
        started = list(self._started.values())
        for each in started:
            each.cancel()
        await asyncio.gather(*started, return_exceptions=True)

    async def _deliver(self, job: ImageJob, delivery: DeliveryId) -> None:
        try:
            async with self._slots_of_receiver(job), self._slots:
                response = await self._traced_send(job, delivery)
        except Exception:
            log.exception("callback failed", extra=log_facts(job))
            response = Response(ResponseKind.FAILED, "imagejobs failed to send the callback")
        finally:
            del self._started[delivery]
        self._count(response.kind)
        self._on_result(job.key, DeliveryResult(delivery, response))
        facts = {"webhook_id": delivery.message_id, "end": response.kind.value, "reason": response.reason}
        log.info("callback", extra=log_facts(job) | facts)

    async def _traced_send(self, job: ImageJob, delivery: DeliveryId) -> Response:
        facts = {"imagejobs.callback.tries": delivery.tries + 1}
        with self._traces.span("callback", facts, kind=Kind.CLIENT) as span:
            response = await self._send(job, delivery.message_id)
            span.set({"imagejobs.callback.end": response.kind.value})
            return response

    def _slots_of_receiver(self, job: ImageJob) -> asyncio.Semaphore:
        host = urlsplit(job.spec.callback_url or "").netloc
        found = self._receivers.get(host)
        if found is None:
            found = self._receivers[host] = asyncio.Semaphore(MAX_PARALLEL_PER_RECEIVER)
        return found
