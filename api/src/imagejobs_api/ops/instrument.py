"""Measures the calls of a port: their time, and the failures of the system behind it."""

import functools
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from imagejobs_api.ops.metrics import Metrics
from imagejobs_contract.errors import Misconfigured, Unavailable
from imagejobs_contract.runtime.traces import NOOP_TRACER, Kind, Tracer

T = TypeVar("T")


def instrument(port: T, part: str, metrics: Metrics, traces: Tracer = NOOP_TRACER) -> T:
    """Return the port with each coroutine function measured for `part` and traced as a span of the request.

    Iterators are not measured, because they have no end.
    """
    return cast(T, _InstrumentedPort(port, part, metrics, traces))


class _InstrumentedPort:
    def __init__(self, port: object, part: str, metrics: Metrics, traces: Tracer) -> None:
        self._port = port
        self._part = part
        self._metrics = metrics
        self._traces = traces

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if inspect.iscoroutinefunction(value):
            value = self._with_timing(value, name)
            setattr(self, name, value)  # so the next access does not come here
        return value

    def _with_timing(self, call: Callable[..., Awaitable[Any]], name: str) -> Callable[..., Awaitable[Any]]:
        seconds = self._metrics.part_seconds.labels(self._part, name)
        errors = self._metrics.part_errors.labels(self._part, name)
        traces, span = self._traces, f"{self._part} {name}"

        @functools.wraps(call)
        async def timed(*arguments: Any, **named: Any) -> Any:
            begin = time.perf_counter()
            try:
                with traces.span(span, kind=Kind.CLIENT):
                    return await call(*arguments, **named)
            except (Unavailable, Misconfigured):
                errors.inc()
                raise
            finally:
                seconds.observe(time.perf_counter() - begin)

        return timed
