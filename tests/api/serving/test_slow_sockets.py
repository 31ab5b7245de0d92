"""Two thousand slow clients on one API process: their memory, their end, and other requests meanwhile."""

import asyncio
import resource

from support.api import forms
from support.clock.waiting import eventually

SOCKETS = 2000
MOST_KIB = 24.0
"""A socket; measured 5.9 (uvloop, Python 3.11)."""
HEAD = b"GET /api/jobs HTTP/1.1\r\nHost: localhost\r\n"
BODY = forms.request_head("/api/resize", forms.headers(1_000_000)) + b"--x"
SENT = (b"", HEAD[:7], HEAD, BODY)
"""Nothing, a part of a line, half a head, the first bytes of a body: a quarter of the clients each."""


async def opened(port: int, n: int):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    writer.write(SENT[n % len(SENT)])
    return reader, writer


async def ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read until the server hangs up."""
    try:
        while await reader.read(4096):
            pass
    except ConnectionError:
        pass
    writer.close()


async def asked(service, count: int) -> None:
    """Have other requests answered."""
    for _ in range(count):
        assert (await asyncio.to_thread(service.http.get, "/api/jobs?limit=1")).status_code == 200


async def besiege(service) -> float:
    """Have others answered while all slow clients are there, and return KiB a socket.

    It ends when the last slow client is hung up on.
    """
    await asked(service, 10)
    before = service.api.memory()
    clients = []
    for start in range(0, SOCKETS, 100):
        clients += await asyncio.gather(*(opened(service.api.port, n) for n in range(start, start + 100)))
    cost = (service.api.memory() - before) / SOCKETS / 1024
    await asked(service, 20)
    await asyncio.gather(*(ended(*client) for client in clients))
    return cost


def test_two_thousand_slow_clients_cost_little_and_not_for_long(service):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, SOCKETS + 500)), hard))
    cost = asyncio.run(besiege(service))
    assert cost < MOST_KIB, f"{cost:.1f} KiB a socket"
    eventually(lambda: not service.keys("uploads/"))
