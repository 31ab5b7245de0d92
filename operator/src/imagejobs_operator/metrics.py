"""The operator's metrics: duration of reconciles, length of the work queue, jobs by state, callbacks."""

import time
from collections.abc import Awaitable, Callable
from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.status import State
from imagejobs_contract.model.times import Clock
from imagejobs_contract.runtime import metrics
from imagejobs_operator.act.memory import Memory
from imagejobs_operator.act.work_queue import Result, WorkQueue
from imagejobs_operator.decide.deliveries import ResponseKind

DONE, FAILED = "done", "failed"


class Metrics:
    """All metrics of the operator, in a registry of their own.

    `program` makes one, passes its counters to the parts, and serves the registry.
    """

    def __init__(self) -> None:
        self.registry = registry = metrics.new_registry("operator")
        self.reconcile_seconds = Histogram(
            "imagejobs_reconcile_seconds",
            "Time of one look at one job, by how it ended: done or failed.",
            ["result"],
            buckets=metrics.DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.queue_keys = Gauge(
            "imagejobs_workqueue_keys",
            "Jobs that wait to be looked at, or are being looked at.",
            registry=registry,
        )
        self.queue_oldest_seconds = Gauge(
            "imagejobs_workqueue_oldest_seconds", "How long the oldest of them has waited.", registry=registry
        )
        self.jobs = Gauge(
            "imagejobs_jobs",
            "Jobs that there are, by state as it was last seen.",
            ["state"],
            registry=registry,
        )
        self.callbacks = Counter(
            "imagejobs_callbacks",
            "Tries to deliver a callback: delivered, failed (tried again for a day), "
            "refused (no public address), gone (410).",
            ["result"],
            registry=registry,
        )
        self.callbacks_pending = Gauge(
            "imagejobs_callbacks_pending", "Callbacks that are due and not delivered.", registry=registry
        )
        self.callbacks_oldest_seconds = Gauge(
            "imagejobs_callbacks_oldest_seconds",
            "How long the oldest of them has been due; at 86,400 it is given up.",
            registry=registry,
        )
        for kind in ResponseKind:
            self.callbacks.labels(kind.value.lower())
        self.spans = metrics.span_counter(registry)

    def count_callback(self, kind: ResponseKind) -> None:
        """Count a try to deliver a callback."""
        self.callbacks.labels(kind.value.lower()).inc()

    def count_spans(self, end: str, number: int) -> None:
        """Count exported or dropped spans."""
        self.spans.labels(end).inc(number)

    def expose(self, queue: WorkQueue, memory: Memory, clock: Clock) -> None:
        """Let the gauges read from the queue and the memory at each scrape."""
        self.queue_keys.set_function(lambda: len(queue))
        self.queue_oldest_seconds.set_function(queue.oldest_seconds)
        self.callbacks_pending.set_function(lambda: memory.pending_callbacks)
        self.callbacks_oldest_seconds.set_function(lambda: memory.oldest_callback_seconds(clock()))
        for state in State:
            self.jobs.labels(state.value).set_function(partial(memory.states.__getitem__, state))

    def time_reconciles(
        self, work: Callable[[JobKey], Awaitable[Result]]
    ) -> Callable[[JobKey], Awaitable[Result]]:
        """Return the work with a measurement around each call."""

        async def timed(key: JobKey) -> Result:
            begin, result = time.perf_counter(), FAILED
            try:
                when = await work(key)
                result = DONE
                return when
            finally:
                self.reconcile_seconds.labels(result).observe(time.perf_counter() - begin)

        return timed
