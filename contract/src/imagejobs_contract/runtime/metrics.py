"""What all programs share of their metrics: a registry of their own, and a small door of its own through which Prometheus looks in.

The door is not the API's: what a service does inside is not for its callers. It speaks just enough HTTP for a
scraper.
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
"""Upper bounds of durations: from a look into memory to the longest that an answer is held."""
MAX_PARALLEL_SCRAPES = 8
"""At once; further ones are answered when those are done."""

log = logging.getLogger(__name__)


def span_counter(registry: CollectorRegistry) -> Counter:
    """Return the counter of spans by their end, one of `traces.ENDS`; it stays at zero where nothing is traced."""
    counter = Counter(
        "imagejobs_spans", "Spans by what became of them: sent, failed (the collector did not take them), dropped (too many waited for it).",
        ["result"], registry=registry,
    )  # fmt: skip
    for end in SPAN_RESULTS:
        counter.labels(end)
    return counter


def new_registry(program: str) -> CollectorRegistry:
    """Return a registry that tells of the process (CPU, memory, descriptors) and of the program's version."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a third of all lines, and nobody asks when a counter began
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
        refresh: Brings what has to be asked for up to date; it must not fail and has an end.
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
    """Return the whole answer to a request."""
    if not _asks_for_metrics(head):
        return listener.response("404 Not Found")
    return listener.response("200 OK", CONTENT_TYPE_LATEST, generate_latest(registry))


def _asks_for_metrics(head: bytes) -> bool:
    return head.startswith(b"GET ") and listener.path_of(head).partition("?")[0] == "/metrics"
