"""Runs the application under uvicorn: opens the outside systems, listens, says so, drains, closes.

No logic of requests.
"""

import asyncio
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
"""How long requests that were cut may take to remove what they stored."""
BACKLOG = 2048
LISTEN_SOCKETS = 16
"""Connections that are taken in one turn of the loop. uvloop takes one from each listening socket in a turn,
and a turn serves all who came before:
with one socket a look at `/healthz` that came as the last of 64 clients with large photos waited for 64 such
turns, up to 0.5 s; with 16, 0.1 s.
"""


class Server(uvicorn.Server):
    """Says when it listens, lets held answers and streams go before it drains, and ends a signalled stop with exit code 0."""

    def __init__(self, config: uvicorn.Config, announcements: Announcements) -> None:
        super().__init__(config)
        self._announcements = announcements

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and log it: `imagejobs local` waits for this line."""
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()[:2]
        logs.say_ready(url=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen and let running requests end; those that last too long are cut, and tidy up."""
        self._announcements.release()
        await super().shutdown(sockets)
        if cut := set(self.server_state.tasks):
            await asyncio.wait(cut, timeout=CLEANUP_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order; a second Ctrl-C stops at once. Uvicorn's own would end by dying of the signal."""
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
    """Return as many sockets as connections are to be taken at once, all of the same queue."""
    return [sock, *(sock.dup() for _ in range(LISTEN_SOCKETS - 1))]


async def serve(settings: Settings, sock: socket.socket) -> None:
    """Serve until a signal comes, then drain and close."""
    GuardedProtocol.max_connections = max_connections(settings.limits.max_connections)
    async with open_app(settings) as (app, announcements):
        config = uvicorn.Config(
            app, http=GuardedProtocol, ws="none", lifespan="on", log_config=None, access_log=False, server_header=False,
            proxy_headers=bool(settings.trusted_proxies), forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=settings.drain_seconds, backlog=BACKLOG,
        )  # fmt: skip
        await Server(config, announcements).serve(duplicate_sockets(sock))
