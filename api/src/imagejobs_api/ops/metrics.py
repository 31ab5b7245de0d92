"""The API's metrics: rate, errors and duration of each route, uploads, streams, and calls to outside systems.

The values of labels are bounded: route templates instead of paths, classes of statuses, known methods, codes.
A caller, a job or an address is never a label.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from falcon.asgi import Response
from prometheus_client import Counter, Gauge, Histogram

from imagejobs_api.http.connection import Request
from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.ports import TaskQueue
from imagejobs_contract.runtime import metrics

SCRAPE_TIMEOUT_SECONDS = 1.0
"""How long a scrape waits for Redis."""
OTHER = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """All metrics of the API, in a registry of their own; lives as long as the process."""

    def __init__(self) -> None:
        self.registry = registry = metrics.new_registry("api")
        self.requests = Counter(
            "imagejobs_http_requests",
            "Requests that were answered.",
            ["route", "method", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "imagejobs_http_request_seconds",
            "Time from a request's headers to its answer's; of a stream only until it begins.",
            ["route", "method"],
            buckets=metrics.DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.problems = Counter(
            "imagejobs_http_problems",
            "Errors that were answered, by their code.",
            ["code"],
            registry=registry,
        )
        self.bytes_in_flight = Gauge(
            "imagejobs_upload_bytes_in_flight",
            "Bytes of bodies that are being received, as announced.",
            registry=registry,
        )
        self.queue_images = Gauge(
            "imagejobs_queue_images",
            "Images on the pool's queue, taken or not; -1 if Redis does not answer.",
            registry=registry,
        )
        self.workers = Gauge(
            "imagejobs_pool_workers",
            "Pool workers that were seen lately; -1 if Redis does not answer.",
            registry=registry,
        )
        self.part_seconds = Histogram(
            "imagejobs_part_seconds",
            "Time of a call to an outside system: store, s3, redis.",
            ["part", "call"],
            buckets=metrics.DURATION_BUCKETS_SECONDS,
            registry=registry,
        )
        self.part_errors = Counter(
            "imagejobs_part_errors",
            "Calls to an outside system that it did not answer or refused.",
            ["part", "call"],
            registry=registry,
        )
        self.listed_jobs = Gauge(
            "imagejobs_listed_jobs", "Jobs that this process keeps for the list.", registry=registry
        )
        self.list_age = Gauge(
            "imagejobs_list_age_seconds",
            "Time since the list of jobs was last known to be whole; above 150 s it is not relied on.",
            registry=registry,
        )
        self.open_streams = Gauge(
            "imagejobs_open_streams",
            "Answers being sent that have no end soon: events, archives.",
            ["kind"],
            registry=registry,
        )
        self.callers_current = Gauge(
            "imagejobs_callers_file_current",
            "1 while the file of callers is in force as it stands, 0 while it is broken or missing.",
            registry=registry,
        )
        self.callers_current.set(1)
        self.spans = metrics.span_counter(registry)

    def count_spans(self, end: str, number: int) -> None:
        """Count spans by their end, one of `traces.ENDS`."""
        self.spans.labels(end).inc(number)

    def set_source(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Make a gauge call `value` at each scrape."""
        gauge.set_function(value)

    async def read_queue(self, queue: TaskQueue) -> None:
        """Set the gauges of the queue, which only Redis knows; -1 if it does not answer."""
        try:
            async with asyncio.timeout(SCRAPE_TIMEOUT_SECONDS):
                depth, workers = await asyncio.gather(queue.depth(), queue.workers())
        except (TimeoutError, ImageJobsError):
            depth = workers = -1
        self.queue_images.set(depth)
        self.workers.set(workers)


class RequestMetrics:
    """Falcon middleware: counts requests and their time."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def process_request(self, req: Request, resp: Response) -> None:
        """Note the time at which the request began."""
        req.context.begun = time.perf_counter()

    async def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        """Count the request."""
        route = req.uri_template or OTHER
        method = req.method if req.method in METHODS else OTHER
        self._metrics.requests.labels(route, method, f"{resp.status_code // 100}xx").inc()
        self._metrics.seconds.labels(route, method).observe(time.perf_counter() - req.context.begun)
        code: Any = getattr(resp.context, "code", None)
        if code:
            self._metrics.problems.labels(code).inc()
