"""A thousand event streams on one API process: their memory, their ends, and other requests meanwhile."""

import asyncio

from support.api.forms import JPEG

STREAMS, JOBS = 1000, 20
MOST_KIB = 24.0
"""A stream; measured 18.3 (uvloop, Python 3.11)."""


async def opened(port: int, identifier: str):
    """Open a stream, and read its first event."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    writer.write(f"GET /api/progress/{identifier}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"data: ")
    return reader, writer


async def end(reader) -> None:
    """Read until the end is told."""
    while b"Succeeded" not in await reader.readuntil(b"\n"):
        pass


async def follow(service, identifiers: list[str]) -> float:
    """Have a request answered while all streams are open, end these, and return the KiB that each took."""
    before = service.api.memory()
    streams = []
    for start in range(0, STREAMS, 50):
        names = [identifiers[n % JOBS] for n in range(start, start + 50)]
        streams += await asyncio.gather(*(opened(service.api.port, name) for name in names))
    cost = (service.api.memory() - before) / STREAMS / 1024
    assert (await asyncio.to_thread(service.http.get, f"/api/progress/{identifiers[0]}")).status_code == 200
    service.worker.resume()
    await asyncio.gather(*(end(reader) for reader, _ in streams))
    for _, writer in streams:
        writer.close()
    return cost


def test_a_thousand_streams_fit_in_little_memory_and_all_hear_of_the_end(service):
    service.worker.pause()
    identifiers = [
        service.http.post("/api/batch", files=[("images", ("a.jpg", JPEG))]).json()["batch_job_id"]
        for _ in range(JOBS)
    ]
    cost = asyncio.run(follow(service, identifiers))
    assert cost < MOST_KIB, f"{cost:.1f} KiB a stream"
