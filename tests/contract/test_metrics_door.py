"""The door through which Prometheus looks in."""

import asyncio
import contextlib

import pytest
from prometheus_client import Counter

from imagejobs_contract import metrics
from servers import free_ports


async def exchange(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    return answer


def shown(sent: bytes, refresh=None) -> bytes:
    async def play() -> bytes:
        registry = metrics.new_registry("contract")
        Counter("seen", "Seen.", registry=registry).inc()
        port = free_ports(["metrics"])["metrics"]
        serving = asyncio.create_task(metrics.serve("127.0.0.1", port, registry, refresh))
        await asyncio.sleep(0.1)
        try:
            return await asyncio.wait_for(exchange(port, sent), 10)
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving

    return asyncio.run(play())


def test_metrics_are_shown_under_their_path_with_process_and_version():
    answer = shown(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    for line in (b"seen_total 1.0", b'imagejobs_build_info{program="contract"', b"process_resident_memory_bytes"):
        assert line in answer


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1", b"POST /metrics HTTP/1.1", b"GET /metricsx HTTP/1.1", b"\xff\x00 /metrics"], ids=repr)
def test_all_else_is_not_there(sent):
    assert shown(sent + b"\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 404 ")


def test_what_is_no_request_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(metrics, "REQUEST_SECONDS", 0.3)
    assert shown(b"GET /metrics HTTP/1.1\r\n") == b""
    assert shown(b"x" * 20_000) == b""


def test_what_must_be_asked_for_is_asked_before_the_answer():
    asked = []

    async def refresh() -> None:
        asked.append(1)

    shown(b"GET /metrics HTTP/1.1\r\n\r\n", refresh)
    assert asked == [1]
