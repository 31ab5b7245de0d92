"""Runs the application under uvicorn: opens the outside systems, listens, says so, drains, closes.

No logic of requests.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType

import uvicorn

from imagejobs_api.admission.rate_limits import RateLimits
from imagejobs_api.app import create_app
from imagejobs_api.callers.callers_file import CallersFile
from imagejobs_api.http.connection import App
from imagejobs_api.listing.index import Index
from imagejobs_api.listing.indexed_store import NotingStore
from imagejobs_api.ops.instrument import measured
from imagejobs_api.ops.metrics import Metrics
from imagejobs_api.progress.announcements import Announcements
from imagejobs_api.serving.file_limit import most_connections
from imagejobs_api.serving.protocol import GuardedProtocol
from imagejobs_api.settings import KUBERNETES, SQLITE, Settings
from imagejobs_api.submit.handoff_writer import Shelf
from imagejobs_contract.ports import JobStore
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.client import connect
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from imagejobs_contract.runtime import logs
from imagejobs_contract.runtime.metrics import serve as show
from imagejobs_contract.runtime.traces import Tracer
from imagejobs_contract.runtime.tracing import open_tracer
from imagejobs_contract.runtime.webhook_secrets import check_folder
from imagejobs_contract.s3 import signer as links
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.s3.part_uploads import BotoPartUploads

KEEP_ALIVE_SECONDS = 5
TIDY_SECONDS = 3.0
"""How long requests that were cut may take to remove what they stored."""
BACKLOG = 2048
LISTENERS = 16
"""Connections that are taken in one turn of the loop. uvloop takes one from each listening socket in a turn,
and a turn serves all who came before:
with one socket a look at `/healthz` that came as the last of 64 clients with large photos waited for 64 such
turns, up to 0.5 s; with 16, 0.1 s.
"""
LIST_LATE_SECONDS = 0.1
"""How late the list of jobs may show what the operator, or another API process on this machine, wrote."""


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
            await asyncio.wait(cut, timeout=TIDY_SECONDS)

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


def listeners(sock: socket.socket) -> list[socket.socket]:
    """Return as many sockets as connections are to be taken at once, all of the same queue."""
    return [sock, *(sock.dup() for _ in range(LISTENERS - 1))]


async def serve(settings: Settings, sock: socket.socket) -> None:
    """Serve until a signal comes, then drain and close."""
    GuardedProtocol.max_connections = most_connections(settings.limits.max_connections)
    async with _opened(settings) as (app, announcements):
        config = uvicorn.Config(
            app, http=GuardedProtocol, ws="none", lifespan="on", log_config=None, access_log=False, server_header=False,
            proxy_headers=bool(settings.trusted_proxies), forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=settings.drain_seconds, backlog=BACKLOG,
        )  # fmt: skip
        await Server(config, announcements).serve(listeners(sock))


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[App, Announcements]]:
    check_folder(settings.callers_secrets)
    callers = CallersFile(Path(settings.callers_file), settings.namespace) if settings.callers_file else None
    metrics = Metrics()
    with open_tracer(
        "api", settings.traces, metrics.count_spans, per_second=settings.limits.max_traces_per_second
    ) as traces:
        async with _wired(settings, callers, metrics, traces) as wired:
            yield wired


@asynccontextmanager
async def _wired(
    settings: Settings, callers: CallersFile | None, metrics: Metrics, traces: Tracer
) -> AsyncIterator[tuple[App, Announcements]]:
    redis = connect(settings.redis_url)
    board = measured(RedisBoard(redis), "redis", metrics, traces)
    queue = measured(RedisTaskQueue(redis, settings.lease_seconds), "redis", metrics, traces)
    objects = measured(S3Objects.from_settings(settings.s3), "s3", metrics, traces)
    namespaces = {settings.namespace, *(callers.namespaces if callers else ())}
    index = Index(settings.limits.max_listed_jobs)
    store = NotingStore(measured(await _store(settings, namespaces), "store", metrics, traces), index)
    announcements = Announcements(board)
    showing = (
        asyncio.create_task(show(*settings.metrics, metrics.registry, lambda: metrics.ask(queue)))
        if settings.metrics
        else None
    )
    try:
        # On one machine there is one API process, which counts its requests itself: two round trips a request
        # less.
        rates = RateLimits(settings.limits, redis if settings.job_store == KUBERNETES else None)
        signer, parts = (
            links.open_signer(settings.s3),
            measured(BotoPartUploads(settings.s3), "s3", metrics, traces),
        )
        shelf = Shelf(settings.handoff, settings.handoff_bytes)
        app = create_app(
            settings,
            store,
            board,
            queue,
            objects,
            signer,
            parts,
            callers,
            announcements,
            metrics,
            rates,
            index,
            traces,
            shelf,
        )
        yield app, announcements
    finally:
        if showing:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
        await store.close()
        await redis.aclose()


async def _store(settings: Settings, namespaces: set[str]) -> JobStore:
    if settings.job_store == KUBERNETES:
        from imagejobs_contract.stores import (  # takes 0.3 s, which a machine without a cluster saves
            kubernetes,
            kubernetes_calls,
        )

        return kubernetes.KubernetesStore(
            await kubernetes_calls.connect(settings.kubeconfig or None), sorted(namespaces)
        )
    from imagejobs_contract.stores.sqlite import SqliteStore

    # `NotingStore` has noted what passed through it; of the rest only the list wants to know.
    return SqliteStore(
        Path(settings.job_store.removeprefix(SQLITE)), echoes=False, late_seconds=LIST_LATE_SECONDS
    )
