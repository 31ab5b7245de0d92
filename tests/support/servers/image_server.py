"""A web server on loopback that can hold back images, to stop a worker at an exact step."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.clock.waiting import eventually

WAIT_SECONDS = 60.0
Answer = bytes | int
"""A body, or a status without one."""


class ImageSite:
    """Serves `bodies` by path, counts requests, keeps their headers, and holds back answers to held paths.

    `dispositions` are the `Content-Disposition` of paths that have one.
    """

    def __init__(self) -> None:
        self.bodies: dict[str, Answer | list[Answer]] = {}
        self.requests: Counter[str] = Counter()
        self.headers: dict[str, Mapping[str, str]] = {}
        self.dispositions: dict[str, str] = {}
        self.port = 0
        self._gates: dict[str, threading.Event] = {}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def hold(self, path: str) -> None:
        """Hold back answers from now on."""
        self._gates[path] = threading.Event()

    def release(self, path: str) -> None:
        """Let the held answers go, and all later ones."""
        self._gates.pop(path).set()

    def wait_for_requests(self, path: str, count: int = 1) -> None:
        """Wait until the path was asked for so often."""
        eventually(
            lambda: self.requests[path] >= count,
            WAIT_SECONDS,
            what=f"{path} was asked for {count} times",
            seen=lambda: self.requests[path],
        )

    def answer(self, path: str) -> Answer:
        """Return what to answer: the n-th request gets the n-th of several answers."""
        nth = self.requests[path]
        self.requests[path] += 1
        gate, body = self._gates.get(path), self.bodies.get(path, 404)
        if gate:
            gate.wait(WAIT_SECONDS)
        return body[min(nth, len(body) - 1)] if isinstance(body, list) else body


@contextmanager
def image_site() -> Iterator[ImageSite]:
    """A running site."""
    site = ImageSite()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.headers[self.path] = dict(self.headers)
            answer = site.answer(self.path)
            status, body = (200, answer) if isinstance(answer, bytes) else (answer, b"")
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if self.path in site.dispositions:
                    self.send_header("Content-Disposition", site.dispositions[self.path])
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                pass

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
