"""Opens the tracer of a program: OpenTelemetry's, or one that records nothing.

The SDK is imported only for the first.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from imagejobs_contract.runtime.traces import NOOP_TRACER, Count, Tracer


@contextmanager
def open_tracer(program: str, on: bool, count: Count, *, per_second: float | None = None) -> Iterator[Tracer]:
    """Record spans for the length of the block; those that are still unsent at its end have two seconds.

    Args:
        on: Whether there is a collector; without one nothing is recorded.
        count: Is called with the result of spans, one of `traces.ENDS`, and their number.
        per_second: How many traces may begin in a second; None bounds only those that other programs begin.
    """
    if not on:
        yield NOOP_TRACER
        return
    from imagejobs_contract.runtime.otel import connect  # takes 0.3 s

    tracer, close = connect(program, count, per_second)
    try:
        yield tracer
    finally:
        close()
