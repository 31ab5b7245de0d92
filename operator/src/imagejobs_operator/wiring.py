"""Opens everything outside the operator from the settings, and closes it again. It starts no work.

An adapter is imported only where it is used: kopf and the Kubernetes client take seconds to import, and are
not installed everywhere.
"""

import socket
import sys
import uuid
from asyncio import Event
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.times import Clock, utc_now
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.client import connect
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from imagejobs_contract.runtime.gate import Gate
from imagejobs_contract.runtime.traces import Tracer
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_operator.act.gated import gated
from imagejobs_operator.act.ports import Ports
from imagejobs_operator.act.work_queue import WorkQueue
from imagejobs_operator.callbacks.dispatcher import CallbackDispatcher
from imagejobs_operator.decide.deliveries import ResponseKind
from imagejobs_operator.feeds.cached_store import CachedStore
from imagejobs_operator.feeds.informer import Informer
from imagejobs_operator.jobs.processes import ProcessJobs
from imagejobs_operator.leader.fence import fenced
from imagejobs_operator.leader.leadership import Leadership
from imagejobs_operator.settings import Settings

if TYPE_CHECKING:
    from imagejobs_contract.stores.kubernetes_client import KubernetesClient

OWN_VARIABLES = ("METRICS_LISTEN", "HEALTH_LISTEN")
"""Variables of the operator that the processes of shards must not have: they would take its addresses."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The open ports, and the two adapters among them that report results.

    Attributes:
        cache: The store of the ports.
        gates: Of Redis, S3 and the Kubernetes API, before the ports.
        calendar: Shows the time by which the store stamps the creation of jobs.
        dispatcher: None where no callbacks are sent.
        processes: None where Jobs are no processes of this machine.
        claims_guarded: Returns whether the cluster guards what only the API may say; None where all is
            believed.
        leadership: Lets the ports work while this operator holds the Lease; None where none is needed.
    """

    ports: Ports
    cache: CachedStore
    gates: Sequence[Gate]
    calendar: Clock
    dispatcher: CallbackDispatcher | None
    processes: ProcessJobs | None
    claims_guarded: Callable[[], Awaitable[bool]] | None
    leadership: Leadership | None = None


@asynccontextmanager
async def open_outside(
    settings: Settings, environ: Mapping[str, str], traces: Tracer, count: Callable[[ResponseKind], None]
) -> AsyncIterator[Outside]:
    """Open the ports until the end of the block.

    Args:
        settings: Say which adapters are used.
        environ: The variables of the program; processes of shards inherit them.
        traces: Traces the callbacks.
        count: Called with the end of each try to deliver a callback.

    Raises:
        Misconfigured: Neither a service account nor a kubeconfig leads to an API server.
    """
    redis = connect(settings.redis_url)
    redis_gate, s3_gate = Gate("Redis"), Gate("S3")
    objects = gated(S3Objects(settings.s3), s3_gate)
    board = gated(RedisBoard(redis), redis_gate)
    tasks = gated(RedisTaskQueue(redis, settings.lease_seconds), redis_gate)
    calendar: Clock = utc_now
    claims_guarded: Callable[[], Awaitable[bool]] | None = None
    leadership: Leadership | None = None
    dispatcher, processes = _make_dispatcher(settings, traces, count), _make_processes(settings, environ)
    if settings.sqlite:
        from imagejobs_contract.stores.sqlite import SqliteStore
        from imagejobs_operator.events.log import LogEvents

        cache = CachedStore(SqliteStore(settings.sqlite, echoes=False))
        ports = Ports(cache, board, tasks, objects, processes, LogEvents(), dispatcher)
        gates: tuple[Gate, ...] = (redis_gate, s3_gate)
    else:
        from imagejobs_contract.stores.kubernetes import KubernetesStore
        from imagejobs_contract.stores.kubernetes import connect as connect_to_cluster
        from imagejobs_operator.cluster import make_ports
        from imagejobs_operator.feeds.claims import are_guarded

        client = await connect_to_cluster(settings.kubeconfig)
        calendar = client.calendar
        api_gate = Gate("the Kubernetes API")
        cache = CachedStore(gated(KubernetesStore(client, settings.namespaces), api_gate))
        ports = make_ports(client, cache, settings, board, tasks, objects, api_gate, dispatcher)
        if settings.leader_lease:
            leadership = _make_leadership(client, settings.leader_lease, settings.leader_lease_seconds)
            ports = fenced(ports, leadership.check)
        gates = (redis_gate, s3_gate, api_gate)
        claims_guarded = None if settings.trust_claims else partial(are_guarded, client)
    try:
        yield Outside(ports, cache, gates, calendar, dispatcher, processes, claims_guarded, leadership)
    finally:
        if processes:
            await processes.close()
        if dispatcher:
            await dispatcher.close()
        await ports.store.close()
        await redis.aclose()


def follow_changes(
    settings: Settings,
    outside: Outside,
    queue: WorkQueue,
    is_settled: Callable[[ImageJob], bool],
    started: Callable[[], None],
    stop: Event,
) -> Coroutine[Any, Any, None]:
    """Return the feed of changed jobs.

    Args:
        settings: Say which store is watched.
        outside: Holds that store.
        queue: Takes the keys.
        is_settled: Returns whether there is nothing to do for a job.
        started: Called once after kopf has taken the signals of the process.
        stop: Ends kopf.
    """
    if settings.sqlite:
        from imagejobs_operator.feeds import sqlite

        return sqlite.follow(outside.ports.store, queue)
    from imagejobs_operator.feeds import kubernetes

    informer = Informer(outside.cache, queue.add, is_settled)
    return kubernetes.follow(informer, settings.namespaces, started, stop)


def follow_guard(
    settings: Settings, outside: Outside, believe: Callable[[bool], None]
) -> list[Coroutine[Any, Any, None]]:
    """Return what tells whether the cluster guards what only the API may say; [] where all is believed."""
    if outside.claims_guarded is None:
        return []
    from imagejobs_operator.feeds import claims

    return [claims.follow_guard(outside.claims_guarded, believe, settings.resync_seconds)]


def _make_leadership(client: "KubernetesClient", lease: tuple[str, str], seconds: float) -> Leadership:
    """Return what waits for the Lease. Who waits has all modules, so that it works at once when it leads."""
    from imagejobs_operator.feeds import kubernetes as _feed  # noqa: F401
    from imagejobs_operator.leader.kubernetes import KubernetesLease

    identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    return Leadership(KubernetesLease(client, *lease), identity, seconds)


def _make_dispatcher(
    settings: Settings, traces: Tracer, count: Callable[[ResponseKind], None]
) -> CallbackDispatcher | None:
    if not settings.webhooks:
        return None
    # The guard imports TLS and a resolver.
    from imagejobs_contract.outbound.guard import AddressGuard
    from imagejobs_operator.callbacks.sender import WebhookSender

    guard = AddressGuard(settings.callbacks)
    sender = WebhookSender(guard, settings.webhooks, settings.public_url, utc_now)
    return CallbackDispatcher(sender.send, traces, count)


def _make_processes(settings: Settings, environ: Mapping[str, str]) -> ProcessJobs | None:
    if not (settings.sqlite and settings.jobs):
        return None
    inherited = {name: value for name, value in environ.items() if name not in OWN_VARIABLES}
    command = (sys.executable, "-m", "imagejobs_worker", "shard")
    return ProcessJobs(command, inherited | {"MAX_PARALLEL": "1"}, settings.shard_processes, utc_now)
