"""A proxy before the API server that answers as the test wants: not at all, too many, gone, not found."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from support.cluster.client import ControlPlane

Answer = Callable[[web.Request], web.Response | None]
"""Returns the answer of the proxy to a request; None sends it on."""
KEPT_HEADERS = ("Authorization", "Content-Type", "Accept")


def status(code: int, **headers: str) -> web.Response:
    """Return an error as the API server writes one."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "message": f"played {code}",
    }
    return web.json_response(body, status=code, headers=headers)


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        url: Where it listens.
        sent_on: Method and path of the requests that it sent on.
        refused: When it answered by itself, in seconds that only grow.
    """

    plane: ControlPlane
    url: str = ""
    sent_on: list[tuple[str, str]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    _answer: Answer | None = None
    _streams: set[asyncio.Task[object]] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None

    def answer(self, answer: Answer | None) -> None:
        """Answer all requests from now on so, and cut the watches off that are open; None sends all on."""
        assert self._loop
        asyncio.run_coroutine_threadsafe(self._set(answer), self._loop).result()

    async def _set(self, answer: Answer | None) -> None:
        self._answer = answer
        if answer:
            self.refused.clear()
            for stream in self._streams:
                stream.cancel()

    async def handle(self, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if self._answer and (answer := self._answer(request)):
            self.refused.append(time.monotonic())
            return answer
        self.sent_on.append((request.method, request.path))
        headers = {name: request.headers[name] for name in KEPT_HEADERS if name in request.headers}
        url = self.plane.url + request.raw_path
        body = await request.read()  # without any, the library would name a type of it
        async with session.request(request.method, url, headers=headers, data=body or None) as upstream:
            kept = {name: upstream.headers[name] for name in ("Content-Type", "Date")}
            answer = web.StreamResponse(status=upstream.status, headers=kept)
            await answer.prepare(request)
            stream = asyncio.current_task()
            assert stream
            is_watch = "watch" in request.query
            if is_watch:
                self._streams.add(stream)
            try:
                async for part in upstream.content.iter_any():
                    await answer.write(part)
                await answer.write_eof()
            finally:
                self._streams.discard(stream)
        return answer

    def serve(self, started: threading.Event, stopped: threading.Event) -> None:
        """Serve on a loop of its own until stopped."""
        asyncio.run(self._serve(started, stopped))

    async def _serve(self, started: threading.Event, stopped: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        context = ssl.create_default_context(cafile=str(self.plane.certificate))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=0)) as session:
            server = web.Server(lambda request: self.handle(session, request))
            runner = web.ServerRunner(server, shutdown_timeout=0.1)  # watches are open
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            started.set()
            await asyncio.to_thread(stopped.wait)
            await runner.cleanup()


@contextmanager
def faulty_proxy(plane: ControlPlane) -> Iterator[Proxy]:
    """Run a proxy until the end of the block."""
    proxy, started, stopped = Proxy(plane), threading.Event(), threading.Event()
    thread = threading.Thread(target=proxy.serve, args=(started, stopped))
    thread.start()
    started.wait()
    try:
        yield proxy
    finally:
        stopped.set()
        thread.join()
