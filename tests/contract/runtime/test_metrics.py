"""The HTTP server on which Prometheus reads the metrics."""

import asyncio

import pytest
from prometheus_client import Counter, Gauge

from imagejobs_contract.runtime import listener, metrics
from support.api import raw_exchange


def shown(sent: bytes, refresh=None, registry=None) -> bytes:
    registry = registry or metrics.new_registry("contract")
    Counter("seen", "Seen.", registry=registry).inc()
    return raw_exchange.ask(lambda port: metrics.serve("127.0.0.1", port, registry, refresh), sent)


def test_metrics_are_shown_under_their_path_with_process_and_version():
    answer = shown(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    for line in (
        b"seen_total 1.0",
        b'imagejobs_build_info{program="contract"',
        b"process_resident_memory_bytes",
    ):
        assert line in answer


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1", b"POST /metrics HTTP/1.1", b"GET /metricsx HTTP/1.1", b"\xff\x00 /metrics"],
    ids=repr,
)
def test_all_else_is_not_there(sent):
    assert shown(sent + b"\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 404 ")


def test_what_is_no_request_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(listener, "REQUEST_SECONDS", 0.3)
    assert shown(b"GET /metrics HTTP/1.1\r\n") == b""
    assert shown(b"x" * 20_000) == b""


def test_metrics_are_brought_up_to_date_before_they_are_shown():
    registry = metrics.new_registry("contract")
    depth = Gauge("depth", "Depth.", registry=registry)

    async def refresh() -> None:
        await asyncio.sleep(0)  # a turn of the loop
        depth.inc(7)

    answer = shown(b"GET /metrics HTTP/1.1\r\n\r\n", refresh, registry)
    assert b"\ndepth 7.0\n" in answer


def test_no_other_path_brings_metrics_up_to_date():
    async def refresh() -> None:
        raise AssertionError

    assert shown(b"GET / HTTP/1.1\r\n\r\n", refresh).startswith(b"HTTP/1.1 404 ")
