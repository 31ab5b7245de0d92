"""A client that does not read is cut off: our protocol under uvicorn, with one route that never ends."""

import asyncio
import socket
import threading
import time

import pytest
import uvicorn

from imagejobs_api.http.connection import App, Request, until_disconnected
from imagejobs_api.serving import protocol
from imagejobs_api.serving.protocol import GuardedProtocol
from imagejobs_api.serving.server import listen

WRITE_SECONDS = 2.0


class Endless:
    """Streams zeros until the client is gone."""

    def __init__(self):
        self.sent = 0
        self.ended = threading.Event()

    async def on_get(self, req, resp):
        resp.stream = self._zeros(req)

    async def _zeros(self, req):
        gone = asyncio.ensure_future(until_disconnected(req.receive))
        try:
            while not gone.done():
                self.sent += 65536
                yield bytes(65536)
        finally:
            gone.cancel()
            self.ended.set()


@pytest.fixture
def endless(monkeypatch):
    """The route, and the port of its server."""
    app, route, sock = App(request_type=Request), Endless(), listen("127.0.0.1", 0)
    monkeypatch.setattr(protocol, "WRITE_SECONDS", WRITE_SECONDS)
    app.add_route("/endless", route)
    server = uvicorn.Server(
        uvicorn.Config(app, http=GuardedProtocol, ws="none", log_config=None, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    yield route, sock.getsockname()[1]
    server.should_exit = True
    thread.join()
    sock.close()


def request(port: int) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(60)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
    return client


def read_to_the_end(client: socket.socket) -> None:
    while client.recv(2**20):
        pass


def test_a_client_that_does_not_read_is_cut_off_and_its_stream_ends(endless):
    route, port = endless
    with request(port) as client:
        assert route.ended.wait(60)
        assert route.sent < 2**20, "what is not read is held by the kernel, and by us not more than a piece"
        with pytest.raises(ConnectionError):
            read_to_the_end(client)


def test_a_client_that_reads_slowly_is_served(endless):
    route, port = endless
    with request(port) as client:
        until = time.monotonic() + 2 * WRITE_SECONDS
        while time.monotonic() < until:
            assert client.recv(65536)
            time.sleep(WRITE_SECONDS / 100)  # plays a slow client
        assert not route.ended.is_set()
