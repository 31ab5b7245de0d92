"""Two thousand slow clients on one API process: what one costs, that all are hung up on in time, and that others are answered meanwhile."""

import asyncio
import resource
import statistics
import time

from support.api import forms
from support.api.process import eventually

SOCKETS = 2000
MOST_KIB = 24.0
"""A socket; measured 5.9 (uvloop, Python 3.11)."""
HUNG_UP_SECONDS = 10 + 10
"""The deadlines are 10 s; the rest is for a busy machine."""
HEAD = b"GET /api/jobs HTTP/1.1\r\nHost: localhost\r\n"
BODY = forms.request_head("/api/resize", forms.headers(1_000_000)) + b"--x"
SENT = (b"", HEAD[:7], HEAD, BODY)
"""Nothing, a part of a line, half a head, the first bytes of a body: a quarter of the clients each."""


async def opened(port: int, n: int):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    writer.write(SENT[n % len(SENT)])
    return reader, writer


async def ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
    """Return when the server hung up."""
    try:
        while await reader.read(4096):
            pass
    except ConnectionError:
        pass
    writer.close()
    return time.monotonic()


async def asked(service, count: int) -> list[float]:
    """Return how long other requests take, in seconds."""
    found = []
    for _ in range(count):
        begin = time.monotonic()
        assert (await asyncio.to_thread(service.http.get, "/api/jobs?limit=1")).status_code == 200
        found.append(time.monotonic() - begin)
    return found


async def besiege(service) -> tuple[float, float, float]:
    """Return KiB a socket, the middle of what others wait, and seconds until the last slow client was hung up on."""
    await asked(service, 10)
    before, begin = service.api.memory(), time.monotonic()
    clients = []
    for start in range(0, SOCKETS, 100):
        clients += await asyncio.gather(*(opened(service.api.port, n) for n in range(start, start + 100)))
    cost = (service.api.memory() - before) / SOCKETS / 1024
    waits = await asked(service, 20)
    last = max(await asyncio.gather(*(ended(*client) for client in clients)))
    return cost, statistics.median(waits), last - begin


def test_two_thousand_slow_clients_cost_little_and_not_for_long(service):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, SOCKETS + 500)), hard))
    cost, wait, last = asyncio.run(besiege(service))
    assert cost < MOST_KIB, f"{cost:.1f} KiB a socket"
    assert wait < 1, f"others wait {wait:.3f} s"
    assert last < HUNG_UP_SECONDS, f"the last was hung up on after {last:.1f} s"
    eventually(lambda: not service.keys("uploads/"))
