"""Probes."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from imagejobs_operator import health


def ask(age: float, talk: Callable[[int], Awaitable[bytes]]) -> bytes:
    """Return what is answered to a request while the oldest key has that age."""

    async def run() -> bytes:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        serving = asyncio.create_task(health.serve("127.0.0.1", port, lambda: age))
        await asyncio.sleep(0.05)
        try:
            return await asyncio.wait_for(talk(port), 5)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    return asyncio.run(run())


def request(data: bytes) -> Callable[[int], Awaitable[bytes]]:
    async def talk(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        return answer

    return talk


@pytest.mark.parametrize(
    ("path", "age", "status"), [("/healthz", 0.0, 200), ("/healthz", 299.0, 200), ("/healthz", 300.0, 503), ("/metrics", 0.0, 404)]
)
def test_a_probe_is_told_whether_work_moves(path: str, age: float, status: int) -> None:
    answer = ask(age, request(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def test_what_is_no_request_gets_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "REQUEST_SECONDS", 0.1)
    assert ask(0.0, request(b"x" * 20_000)) == b""
    assert ask(0.0, request(b"GET /healthz")) == b""
    assert ask(0.0, request(b"garbage\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
