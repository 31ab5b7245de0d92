"""Runs the application under uvicorn: listens, logs that it does, drains and stops. No logic of requests."""

import asyncio
import gc
import signal
import socket
from types import FrameType

import uvicorn

from imagejobs_api.progress.announcements import Announcements
from imagejobs_api.serving.file_limit import max_connections
from imagejobs_api.serving.protocol import GuardedProtocol
from imagejobs_api.settings import Settings
from imagejobs_api.wiring import open_app
from imagejobs_contract.runtime import logs

KEEP_ALIVE_SECONDS = 5
CLEANUP_SECONDS = 3.0
"""How long cancelled requests may take to delete the files that they stored."""
BACKLOG = 2048
LISTEN_SOCKETS = 16
"""Connections that are accepted in one turn of the event loop.

uvloop accepts one from each listening socket in a turn, and a turn serves all earlier clients. With one
socket, a request to `/healthz` that came last after 64 clients with large photos waited for 64 turns, up to
0.5 s; with 16 sockets, 0.1 s.
"""


class Server(uvicorn.Server):
    """Uvicorn's server, with a log line when it is ready, and with exit code 0 after a signal.

    It releases held answers and event streams before it drains. `serve` makes one per process.
    """

    def __init__(self, config: uvicorn.Config, announcements: Announcements) -> None:
        super().__init__(config)
        self._announcements = announcements

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and log `ready`: `imagejobs local` waits for this line."""
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()[:2]
        logs.say_ready(url=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and let running requests end; uvicorn cancels those that last too long."""
        self._announcements.shut_down()
        await super().shutdown(sockets)
        if cancelled := set(self.server_state.tasks):
            await asyncio.wait(cancelled, timeout=CLEANUP_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order; a second Ctrl-C stops at once.

        Uvicorn's own handler would end by the signal itself.
        """
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        SystemExit: Code 1, with the reason.
    """
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
        )
    except OSError as ex:
        reason = str(ex.strerror or ex).partition(" (while")[0]
        raise SystemExit(f"cannot listen on {host}:{port}: {reason}") from ex


def duplicate_sockets(sock: socket.socket) -> list[socket.socket]:
    """Return `LISTEN_SOCKETS` sockets of the same accept queue."""
    return [sock, *(sock.dup() for _ in range(LISTEN_SOCKETS - 1))]


def freeze_modules() -> None:
    """Keep collections of garbage from looking at the modules.

    They are 300,000 objects, and a large body makes the collector look at all there is: 80 to 200 ms in which
    nobody is served.
    """
    gc.collect()
    gc.freeze()


async def serve(settings: Settings, sock: socket.socket) -> None:
    """Serve until a signal comes, then drain and close."""
    GuardedProtocol.max_connections = max_connections(settings.limits.max_connections)
    async with open_app(settings) as (app, announcements):
        freeze_modules()
        config = uvicorn.Config(
            app,
            http=GuardedProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.drain_seconds,
            backlog=BACKLOG,
        )
        await Server(config, announcements).serve(duplicate_sockets(sock))
