"""A server on loopback that takes POSTs, for tests that receive what our programs send.

It ends with the block, whatever the test does.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Post(NamedTuple):
    """What came; names of headers in small letters."""

    path: str
    headers: Mapping[str, str]
    body: bytes


Take = Callable[[Post], tuple[int, Mapping[str, str]]]
"""What came -> status and headers to answer with."""


@contextmanager
def serve_posts(take: Take) -> Iterator[int]:
    """Serve, a thread per request; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers = take(
                Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except ConnectionError:
                pass

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
