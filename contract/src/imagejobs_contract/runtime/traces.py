"""The tracing port: spans of the programs' work.

Without a collector nothing is recorded, and nothing is imported for it. A span holds numbers, codes and ids:
no URL, no name of a file, no key, no text of an exception.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from importlib.util import find_spec
from typing import Protocol

from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime.settings import HOST_PORT_URL

Facts = Mapping[str, str | int | float | bool]
Count = Callable[[str, int], None]
"""Is called with the result of spans, one of `SPAN_RESULTS`, and their number."""
BEGIN = ""
"""The parent of a span that begins a trace."""
SENT, FAILED, DROPPED = SPAN_RESULTS = ("sent", "failed", "dropped")
PROTOCOL = "http/protobuf"
SAMPLERS = (
    "always_on|always_off|traceidratio|parentbased_always_on|parentbased_always_off|parentbased_traceidratio"
)


class Kind(StrEnum):
    """A span's place between programs, as OpenTelemetry has it."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    CONSUMER = "CONSUMER"


class Span(Protocol):
    """A piece of work that is recorded."""

    @property
    def header(self) -> str:
        """Return the traceparent under which other programs continue the trace, "" if nothing is recorded."""
        ...

    def rename(self, name: str) -> None:
        """Name the span once its kind is known; the number of different names must be small."""
        ...

    def set(self, facts: Facts) -> None:
        """Add facts."""
        ...

    def fail(self, code: str) -> None:
        """Mark it as failed, by a code."""
        ...


class Tracer(Protocol):
    """Records spans."""

    def span(
        self, name: str, facts: Facts = ..., *, parent: str | None = None, kind: Kind = Kind.INTERNAL
    ) -> AbstractContextManager[Span]:
        """Record the block as a span; the number of different names must be small.

        Args:
            parent: A traceparent that was checked; None is the span around the block, and without one
                nothing is recorded; `BEGIN` begins a trace.
        """
        ...


class NoopSpan:
    """A span that records nothing."""

    header = ""

    def rename(self, name: str) -> None:
        """Do nothing."""

    def set(self, facts: Facts) -> None:
        """Do nothing."""

    def fail(self, code: str) -> None:
        """Do nothing."""


NOOP_SPAN = NoopSpan()
CURRENT: ContextVar[Span] = ContextVar("span", default=NOOP_SPAN)
_NOWHERE: AbstractContextManager[Span] = nullcontext(NOOP_SPAN)


class NoopTracer:
    """A tracer that records nothing."""

    def span(
        self,
        name: str,
        facts: Facts = {},  # noqa: B006
        *,
        parent: str | None = None,
        kind: Kind = Kind.INTERNAL,
    ) -> AbstractContextManager[Span]:
        """Return a span that records nothing."""
        return _NOWHERE


NOOP_TRACER = NoopTracer()


def current_span() -> Span:
    """Return the span around the call."""
    return CURRENT.get()


def is_enabled(reader: Reader, program: str) -> bool:
    """Return whether the settings name a collector, by OpenTelemetry's own variables.

    The SDK reads the others itself; here they are only checked.
    """
    endpoint = reader.text(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        500,
        default="",
        pattern=HOST_PORT_URL,
        shape="an http(s) URL",
        secret=True,
    )
    own = reader.text(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        500,
        default="",
        pattern=HOST_PORT_URL,
        shape="an http(s) URL",
        secret=True,
    )
    reader.text(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        50,
        default=PROTOCOL,
        pattern=PROTOCOL,
        shape=f"{PROTOCOL}, the only one there is here",
    )
    reader.text("OTEL_EXPORTER_OTLP_HEADERS", 4000, default="", secret=True)
    reader.text(
        "OTEL_TRACES_SAMPLER",
        50,
        default="parentbased_always_on",
        pattern=SAMPLERS,
        shape=f"one of {SAMPLERS.replace('|', ' ')}",
    )
    reader.number("OTEL_TRACES_SAMPLER_ARG", 0.0, 1.0, 1.0)
    if reader.boolean("OTEL_SDK_DISABLED") or not (endpoint or own):
        return False
    if find_spec("opentelemetry") is None:
        reader.fault(
            "OTEL_EXPORTER_OTLP_ENDPOINT", f"needs OpenTelemetry, which comes with imagejobs-{program}[otel]"
        )
    return True
