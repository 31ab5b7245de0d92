"""Spans through OpenTelemetry's SDK to a collector, by OTLP over HTTP.

Only this module and `span_exporter` know the SDK.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)
from opentelemetry.util.types import Attributes

from imagejobs_contract.runtime import logs
from imagejobs_contract.runtime.span_exporter import SpanSender
from imagejobs_contract.runtime.traces import CURRENT, NOOP_SPAN, Count, Facts, Kind, NoopSpan, Span, Tracer
from imagejobs_contract.wire.traceparent import SAMPLED, is_sampled, trace_id

LIMITS = SpanLimits(max_span_attributes=32, max_span_attribute_length=256, max_events=8, max_links=8)


class RecordedSpan:
    """Implements `traces.Span` by a span of the SDK."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def header(self) -> str:
        """The traceparent of the span."""
        about = self._span.get_span_context()
        return f"00-{about.trace_id:032x}-{about.span_id:016x}-{about.trace_flags & SAMPLED:02x}"

    def within(self) -> Context:
        """Return the context of its children."""
        return trace.set_span_in_context(self._span, Context())

    def rename(self, name: str) -> None:
        """Name the span."""
        self._span.update_name(name)

    def set(self, facts: Facts) -> None:
        """Add facts."""
        self._span.set_attributes(facts)

    def fail(self, code: str) -> None:
        """Mark the span as failed, by a code."""
        self._span.set_attribute("error.type", code)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """End the span and hand it to the exporter."""
        self._span.end()


class OtelTracer:
    """Implements `traces.Tracer`."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def span(
        self,
        name: str,
        facts: Facts = {},  # noqa: B006
        *,
        parent: str | None = None,
        kind: Kind = Kind.INTERNAL,
    ) -> Iterator[Span]:
        """Record the block as a span; see `traces.Tracer.span`."""
        around = CURRENT.get()
        if parent is None and not isinstance(around, RecordedSpan):
            yield NOOP_SPAN
            return
        within = (
            around.within()
            if parent is None and isinstance(around, RecordedSpan)
            else _remote_context(parent or "")
        )
        span = self._start(name, facts, within, kind)
        token = CURRENT.set(span)
        try:
            with logs.bound(trace_id=trace_id(span.header)):
                yield span
        except BaseException as ex:
            span.fail(type(ex).__name__)
            raise
        finally:
            CURRENT.reset(token)
            if isinstance(span, RecordedSpan):
                span.end()

    def _start(self, name: str, facts: Facts, within: Context, kind: Kind) -> RecordedSpan | NoopSpan:
        span = self._tracer.start_span(name, within, SpanKind[kind.value], dict(facts))
        return RecordedSpan(span) if span.is_recording() else NOOP_SPAN


class RateLimitedSampler(Sampler):
    """Bounds the number of traces that begin in a second, also of those that clients ask for by header.

    Spans of a trace that has begun here are recorded with it.
    """

    def __init__(self, inner: Sampler, per_second: float) -> None:
        self._inner = inner
        self._per_second = per_second
        self._left, self._seen = per_second, time.monotonic()

    def should_sample(
        self, parent_context: Context | None, trace_id: int, name: str, kind: SpanKind | None = None,
        attributes: Attributes = None, links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:  # fmt: skip
        """Decide about a span."""
        result = self._inner.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )
        parent = trace.get_current_span(parent_context).get_span_context()
        begins = parent.is_remote or not parent.is_valid
        too_many = result.decision is Decision.RECORD_AND_SAMPLE and begins and not self._take()
        return SamplingResult(Decision.DROP) if too_many else result

    def get_description(self) -> str:
        """Return the sampler's name and rate, for the SDK."""
        return f"Bounded({self._inner.get_description()},{self._per_second:g}/s)"

    def _take(self) -> bool:
        now = time.monotonic()
        self._left = min(self._per_second, self._left + (now - self._seen) * self._per_second)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def connect(program: str, count: Count, per_second: float | None) -> tuple[Tracer, Callable[[], None]]:
    """Return a tracer that sends to the collector, and the function that closes it.

    The SDK reads endpoint, headers, sampler and attributes from the environment.
    """
    logging.getLogger("opentelemetry").setLevel(
        logging.CRITICAL
    )  # it complains at each batch; the outbox does it once a minute
    own = Resource(
        {"service.name": f"imagejobs-{program}", "service.version": version(f"imagejobs-{program}")}
    )
    provider = TracerProvider(
        resource=own.merge(OTELResourceDetector().detect()), span_limits=LIMITS, shutdown_on_exit=False
    )
    if per_second is not None:
        provider.sampler = RateLimitedSampler(provider.sampler, per_second)
    outbox = SpanSender(OTLPSpanExporter(), count)
    provider.add_span_processor(outbox)
    return OtelTracer(provider.get_tracer("imagejobs")), outbox.shutdown


def _remote_context(header: str) -> Context:
    if not header:
        return Context()
    flags = TraceFlags(SAMPLED if is_sampled(header) else 0)
    about = SpanContext(int(trace_id(header), 16), int(header[36:52], 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(about), Context())
