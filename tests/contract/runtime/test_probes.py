"""The HTTP server that answers Kubernetes' probes."""

import pytest

from imagejobs_contract.runtime import listener, probes
from support.api import raw_exchange

FAULTS = {"/healthz": "", "/readyz": "no queue"}


def ask(sent: bytes) -> bytes:
    checks = {path: lambda fault=fault: fault for path, fault in FAULTS.items()}
    return raw_exchange.ask(lambda port: probes.serve("127.0.0.1", port, checks), sent)


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [("/healthz", 200, b'"ok"'), ("/readyz", 503, b'"no queue"'), ("/metrics", 404, b"not found")],
)
def test_each_path_tells_what_its_check_finds(path, status, told):
    answer = ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert told in answer


def test_what_is_no_request_gets_no_answer(monkeypatch):
    monkeypatch.setattr(listener, "REQUEST_SECONDS", 0.1)
    assert ask(b"x" * 20_000) == b""
    assert ask(b"GET /healthz") == b""
    assert ask(b"\xff\x00\r\n\r\n").startswith(b"HTTP/1.1 404 ")
