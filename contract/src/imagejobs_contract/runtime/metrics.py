"""A registry of metrics, and the HTTP server on which Prometheus reads it; the same for all programs.

It has a port of its own, not the API's: the inner state of a service is not for its callers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Info, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector

from imagejobs_contract.runtime import listener
from imagejobs_contract.runtime.traces import SPAN_RESULTS

DURATION_BUCKETS_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of durations: from a look-up in memory to the longest time for which an answer is held back.
"""
MAX_PARALLEL_SCRAPES = 8
"""Further ones are answered when those are done."""

log = logging.getLogger(__name__)


def span_counter(registry: CollectorRegistry) -> Counter:
    """Return the counter of spans by result, one of `traces.SPAN_RESULTS`.

    It stays at zero where nothing is traced.
    """
    counter = Counter(
        "imagejobs_spans",
        "Spans by what became of them: sent, failed (the collector did not take them), "
        "dropped (too many waited for it).",
        ["result"],
        registry=registry,
    )
    for result in SPAN_RESULTS:
        counter.labels(result)
    return counter


def new_registry(program: str) -> CollectorRegistry:
    """Return a registry with the metrics of the process (CPU, memory, descriptors) and the version."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a third of all lines, and no dashboard uses the time at which a counter began
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    build = Info("imagejobs_build", "Which program this is, and of which version.", registry=registry)
    build.info({"program": program, "version": version(f"imagejobs-{program}")})
    return registry


async def serve(
    host: str, port: int, registry: CollectorRegistry, refresh: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Answer `GET /metrics` until cancelled.

    Args:
        refresh: Updates the metrics that have to be read from elsewhere; it must not fail, and must end by
            itself.
    """
    turns = asyncio.Semaphore(MAX_PARALLEL_SCRAPES)

    async def answer(head: bytes) -> bytes:
        async with turns:
            if _asks_for_metrics(head) and refresh:
                await refresh()
            return response(head, registry)

    try:
        server = await listener.listen(host, port, answer)
    except OSError as ex:
        log.error("metrics cannot be shown", extra={"address": f"{host}:{port}", "reason": ex.strerror})
        await asyncio.Event().wait()  # work goes on without
        return
    log.info("shows metrics", extra={"address": "{}:{}".format(*server.sockets[0].getsockname()[:2])})
    async with server:
        await server.serve_forever()


def response(head: bytes, registry: CollectorRegistry) -> bytes:
    """Return the whole response to a request."""
    if not _asks_for_metrics(head):
        return listener.response("404 Not Found")
    return listener.response("200 OK", CONTENT_TYPE_LATEST, generate_latest(registry))


def _asks_for_metrics(head: bytes) -> bool:
    return head.startswith(b"GET ") and listener.path_of(head).partition("?")[0] == "/metrics"
