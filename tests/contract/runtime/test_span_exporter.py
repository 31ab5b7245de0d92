"""The way of spans to a collector that takes them, refuses them, hangs or is not there."""

import subprocess
import sys
import time
from collections import Counter

import pytest

from imagejobs_contract.runtime import span_exporter, traces
from imagejobs_contract.runtime.span_exporter import MOST_WAITING
from imagejobs_contract.runtime.traces import BEGIN, CURRENT, DROPPED, FAILED, NOOP_SPAN, NOOP_TRACER, SENT
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
    monkeypatch.setattr(span_exporter, "END_SECONDS", 60.0)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "30")
    with collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.environ()["OTEL_EXPORTER_OTLP_ENDPOINT"])
        with traces.open_tracer("worker", True, ends.count) as told:
            tell(told, 1200)
    assert (len(running.spans), ends) == (1200, {SENT: 1200})


def test_a_collector_that_hangs_does_not_hold_up_the_work_or_the_end(ends, monkeypatch):
    with collector() as running:
        running.gate.clear()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "30")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.environ()["OTEL_EXPORTER_OTLP_ENDPOINT"])
        with traces.open_tracer("worker", True, ends.count) as told:
            tell(told, 1)
            time.sleep(1.5)  # the thread is held by the first
            tell(told, 2 * MOST_WAITING)
            assert MOST_WAITING - 1 <= ends[DROPPED] <= MOST_WAITING + 1


def test_spans_that_nobody_takes_are_counted(ends, monkeypatch):
    monkeypatch.setenv(
        "OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{data_servers.free_ports(['gone'])['gone']}"
    )
    with traces.open_tracer("worker", True, ends.count) as told:
        tell(told, 3)
    assert ends == {FAILED: 3}


def test_a_span_without_one_around_it_is_not_told():
    with NOOP_TRACER.span("image", parent=BEGIN) as span:
        span.set({"a": 1})
        span.fail("code")
        assert (span.header, CURRENT.get()) == ("", NOOP_SPAN)


@pytest.mark.parametrize("program", ["api.__main__", "operator.__main__", "worker.program"])
def test_nothing_is_imported_where_there_is_no_collector(program):
    main = f"import sys; import imagejobs_{program}, imagejobs_contract.redis.board; print(*(name for name, it in sys.modules.items() if it))"
    there = subprocess.run(
        [sys.executable, "-c", main], check=True, capture_output=True, text=True
    ).stdout.split()
    assert {each for each in there if "opentelemetry" in each} <= {
        "opentelemetry",
        "opentelemetry.sdk",
    }  # empty ones, of redis-py's looking
