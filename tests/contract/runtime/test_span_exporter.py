"""The way of spans to a collector that takes them, refuses them, hangs or is not there."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from imagejobs_contract.runtime import span_exporter, traces
from imagejobs_contract.runtime.span_exporter import MAX_BATCH_SPANS, MAX_WAITING_SPANS, SpanSender
from imagejobs_contract.runtime.traces import BEGIN, CURRENT, DROPPED, FAILED, NOOP_SPAN, NOOP_TRACER, SENT
from imagejobs_contract.runtime.tracing import open_tracer
from support.clock.waiting import eventually
from support.servers import data_servers
from support.servers.otlp_collector import collector


class Ends(Counter[str]):
    def count(self, end: str, number: int) -> None:
        self[end] += number


@pytest.fixture
def ends(monkeypatch) -> Ends:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    return Ends()


def tell(told: traces.Tracer, number: int) -> None:
    for _ in range(number):
        with told.span("work", parent=BEGIN):
            pass


def test_what_was_told_is_sent_before_the_program_ends(ends, monkeypatch):
    monkeypatch.setattr(span_exporter, "SHUTDOWN_SECONDS", 60.0)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "30")
    with collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.environ()["OTEL_EXPORTER_OTLP_ENDPOINT"])
        with open_tracer("worker", True, ends.count) as told:
            tell(told, 1200)
    assert (len(running.spans), ends) == (1200, {SENT: 1200})


def test_a_collector_that_hangs_does_not_hold_up_the_work_or_the_end(ends, monkeypatch):
    with collector() as running:
        running.gate.clear()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "30")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.environ()["OTEL_EXPORTER_OTLP_ENDPOINT"])
        with open_tracer("worker", True, ends.count) as told:
            tell(told, 1)
            eventually(lambda: running.requests, what="the thread is held by the first")
            tell(told, 2 * MAX_WAITING_SPANS)
            assert MAX_WAITING_SPANS - 1 <= ends[DROPPED] <= MAX_WAITING_SPANS + 1


def test_spans_that_nobody_takes_are_counted(ends, monkeypatch):
    monkeypatch.setenv(
        "OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{data_servers.free_ports(['gone'])['gone']}"
    )
    with open_tracer("worker", True, ends.count) as told:
        tell(told, 3)
    assert ends == {FAILED: 3}


class Taking(SpanExporter):
    """Takes every batch at once."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


def test_many_spans_within_a_second_are_sent_where_the_collector_is_quick(ends, monkeypatch):
    monkeypatch.setattr(span_exporter, "BATCH_SECONDS", 3600.0)  # no batch waits for others
    sender = SpanSender(Taking(), ends.count)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(sender)
    for told in range(MAX_WAITING_SPANS // 4, 10 * (MAX_WAITING_SPANS // 4) + 1, MAX_WAITING_SPANS // 4):
        for _ in range(MAX_WAITING_SPANS // 4):
            provider.get_tracer("test").start_span("work").end()
        eventually(lambda told=told: ends[SENT] > told - MAX_BATCH_SPANS)
    sender.shutdown()
    assert ends == {SENT: 10 * (MAX_WAITING_SPANS // 4)}


def test_a_span_without_one_around_it_is_not_told():
    with NOOP_TRACER.span("image", parent=BEGIN) as span:
        span.set({"a": 1})
        span.fail("code")
        assert (span.header, CURRENT.get()) == ("", NOOP_SPAN)


@pytest.mark.parametrize("program", ["api.__main__", "operator.__main__", "worker.program"])
def test_nothing_is_imported_where_there_is_no_collector(program):
    main = (
        f"import sys; import imagejobs_{program}, imagejobs_contract.redis.board;"
        "print(*(name for name, it in sys.modules.items() if it))"
    )
    there = subprocess.run(
        [sys.executable, "-c", main], check=True, capture_output=True, text=True
    ).stdout.split()
    assert {each for each in there if "opentelemetry" in each} <= {
        "opentelemetry",
        "opentelemetry.sdk",
    }  # empty ones, of redis-py's looking
