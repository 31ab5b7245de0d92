"""Sends ended spans to the collector with the SDK's batch processor, and counts what becomes of each span.

The SDK's processor alone does not suffice: when its queue is full it drops the oldest span without a count,
and it waits up to 30 s at the end of a program. So the bound is kept here, in front of it, and the end has a
limit.
"""

import logging
import threading
import time
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from imagejobs_contract.runtime.traces import DROPPED, FAILED, SENT, Count

MAX_WAITING_SPANS = 2048
MAX_BATCH_SPANS = 512
BATCH_SECONDS = 1.0
"""How long spans wait for others, unless a batch is full before."""
SHUTDOWN_SECONDS = 2.0
"""How long the end of a program waits for the collector."""
WARN_SECONDS = 60.0
"""Least time between two warnings."""

log = logging.getLogger(__name__)


class SpanSender(BatchSpanProcessor):
    """The SDK's queue of ended spans and its thread, with a bound that counts.

    Args:
        exporter: Sends a batch within a time of its own (OTEL_EXPORTER_OTLP_TIMEOUT, 10 s).
        count: Is called with the result of spans and their number.
    """

    def __init__(self, exporter: SpanExporter, count: Count) -> None:
        self._counting = CountingExporter(exporter, count)
        self._count = count
        super().__init__(
            self._counting,
            max_queue_size=MAX_WAITING_SPANS,
            schedule_delay_millis=BATCH_SECONDS * 1000,
            max_export_batch_size=MAX_BATCH_SPANS,
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span, or drop it."""
        if self._counting.reserve():
            super().on_end(span)
        else:
            self._count(DROPPED, 1)

    def shutdown(self) -> None:
        """Send the waiting spans, for at most `SHUTDOWN_SECONDS`."""
        ending = threading.Thread(target=super().shutdown, name="spans-end", daemon=True)
        ending.start()
        ending.join(SHUTDOWN_SECONDS)
        self._counting.shutdown()
        if left := self._counting.waiting:
            log.warning(
                "spans are lost",
                extra={"spans": left, "reason": "the program ended before the collector took them"},
            )


class CountingExporter(SpanExporter):
    """Counts the spans that wait and the results of batches, around the exporter that sends them.

    A place is free again when a batch has left the SDK's queue: so that queue never has more than
    `MAX_WAITING_SPANS`, and the SDK itself drops none.
    """

    def __init__(self, exporter: SpanExporter, count: Count) -> None:
        self._exporter = exporter
        self._count = count
        self._lock = threading.Lock()
        self._next_warning = 0.0
        self.waiting = 0

    def reserve(self) -> bool:
        """Return whether there is a place for one more span, and take it."""
        with self._lock:
            free = self.waiting < MAX_WAITING_SPANS
            self.waiting += free
        return free

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, and count its result."""
        with self._lock:
            self.waiting -= len(spans)
        try:
            result = self._exporter.export(spans)
        except Exception:
            log.exception("spans could not be sent")
            result = SpanExportResult.FAILURE
        self._count(SENT if result is SpanExportResult.SUCCESS else FAILED, len(spans))
        if result is not SpanExportResult.SUCCESS and time.monotonic() >= self._next_warning:
            self._next_warning = time.monotonic() + WARN_SECONDS
            log.warning(
                "spans are lost", extra={"spans": len(spans), "reason": "the collector does not take them"}
            )
        return result

    def shutdown(self) -> None:
        """Stop sending; a second call does nothing."""
        self._exporter.shutdown()
