"""An OpenTelemetry collector on loopback: takes OTLP over HTTP and decodes it with the official protobufs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.clock.waiting import eventually
from support.servers.loopback_http import Post, serve_posts

WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class ReceivedSpan:
    """One span as it came."""

    program: str
    name: str
    trace: str
    id: str
    parent: str
    failed: bool
    facts: dict[str, str | int | float | bool]


@dataclass
class Collector:
    """Keeps what it is sent.

    Attributes:
        bodies: Each request as it came.
        status: What it answers.
        gate: While it is cleared, answers are held back.
        requests: How many came, answered or not.
    """

    port: int = 0
    spans: list[ReceivedSpan] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    status: int = 200
    gate: threading.Event = field(default_factory=threading.Event)
    requests: int = 0

    def environ(self, **more: str) -> dict[str, str]:
        """Return the variables that lead to it."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}", **more}

    def spans_of(self, trace: str) -> list[ReceivedSpan]:
        """Return the spans of a trace."""
        return [each for each in list(self.spans) if each.trace == trace]

    def wait_for(self, trace: str, *names: str) -> list[ReceivedSpan]:
        """Return the spans of a trace once there are those of these names."""

        def found() -> list[str]:
            return sorted(each.name for each in self.spans_of(trace))

        eventually(lambda: set(names) <= set(found()), WAIT_SECONDS, what=", ".join(names), seen=found)
        return self.spans_of(trace)

    def take(self, body: bytes) -> None:
        """Keep a request."""
        self.bodies.append(body)
        message = ExportTraceServiceRequest.FromString(body)
        for group in message.resource_spans:
            program = next(
                each.value.string_value for each in group.resource.attributes if each.key == "service.name"
            )
            self.spans += [_read_span(program, span) for scope in group.scope_spans for span in scope.spans]


@contextmanager
def collector() -> Iterator[Collector]:
    """A running collector."""
    it = Collector()
    it.gate.set()

    def take(post: Post) -> tuple[int, dict[str, str]]:
        assert post.path == "/v1/traces"
        it.requests += 1
        it.gate.wait(WAIT_SECONDS)
        if it.status == 200:
            it.take(post.body)
        return it.status, {}

    with serve_posts(take) as it.port:
        try:
            yield it
        finally:
            it.gate.set()


def _read_span(program: str, span) -> ReceivedSpan:
    facts = {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}
    failed = span.status.code == span.status.STATUS_CODE_ERROR
    return ReceivedSpan(
        program, span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), failed, facts
    )
