"""Sends ended spans to the collector in a thread, so that a slow or absent collector delays no work.

At most `MAX_WAITING_SPANS` wait; further ones are dropped and counted. The SDK's own processor drops without
a count, and waits 30 s at the end.
"""

import logging
import queue
import threading
import time
from contextlib import suppress

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from imagejobs_contract.runtime.traces import DROPPED, FAILED, SENT, Count

MAX_WAITING_SPANS = 2048
MAX_BATCH_SPANS = 512
BATCH_SECONDS = 1.0
"""How long the first span of a batch waits for others."""
SHUTDOWN_SECONDS = 2.0
"""How long the end of a program waits for the collector."""
WARN_SECONDS = 60.0
"""Least time between two warnings."""

log = logging.getLogger(__name__)


class SpanSender(SpanProcessor):
    """A bounded queue of ended spans, and the thread that sends them.

    Args:
        exporter: Sends a batch within a time of its own (OTEL_EXPORTER_OTLP_TIMEOUT, 10 s).
        count: Is called with the result of spans and their number.
    """

    def __init__(self, exporter: SpanExporter, count: Count) -> None:
        self._exporter = exporter
        self._count = count
        self._waiting: queue.Queue[ReadableSpan | None] = queue.Queue(MAX_WAITING_SPANS)
        self._closing = threading.Event()
        self._complained = -WARN_SECONDS
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span, or drop it."""
        try:
            self._waiting.put_nowait(span)
        except queue.Full:
            self._count(DROPPED, 1)

    def shutdown(self) -> None:
        """Send the waiting spans, for at most `SHUTDOWN_SECONDS`."""
        self._closing.set()
        with suppress(queue.Full):  # then the thread does not wait for more
            self._waiting.put_nowait(None)
        self._thread.join(SHUTDOWN_SECONDS)
        self._exporter.shutdown()
        if left := self._waiting.qsize():
            log.warning(
                "spans are lost",
                extra={"spans": left, "reason": "the program ended before the collector took them"},
            )

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            if self._waiting.qsize() < MAX_BATCH_SPANS:
                self._closing.wait(BATCH_SECONDS)
            self._send([first, *self._take_waiting()])

    def _take_waiting(self) -> list[ReadableSpan]:
        others: list[ReadableSpan] = []
        try:
            while len(others) < MAX_BATCH_SPANS - 1:
                span = self._waiting.get_nowait()
                if span is None:
                    self._waiting.put_nowait(None)  # for the next look
                    break
                others.append(span)
        except (queue.Empty, queue.Full):
            pass
        return others

    def _send(self, batch: list[ReadableSpan]) -> None:
        try:
            taken = self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception:
            log.exception("spans could not be sent")
            taken = False
        self._count(SENT if taken else FAILED, len(batch))
        if not taken and time.monotonic() - self._complained > WARN_SECONDS:
            self._complained = time.monotonic()
            log.warning(
                "spans are lost", extra={"spans": len(batch), "reason": "the collector does not take them"}
            )
