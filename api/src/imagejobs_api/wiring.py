"""Opens the systems outside of this process, hands them to the application, and closes them.

It chooses the adapter of each port. No logic of requests.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from imagejobs_api.admission.rate_limits import RateLimits
from imagejobs_api.app import Ports, Services, create_app, namespaces
from imagejobs_api.callers.callers_file import CallersFile
from imagejobs_api.http.connection import App
from imagejobs_api.listing.class_store import ClassStore
from imagejobs_api.listing.index import Index
from imagejobs_api.listing.indexed_store import IndexedStore
from imagejobs_api.ops.instrument import instrument
from imagejobs_api.ops.metrics import Metrics
from imagejobs_api.presets import presets_file
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.progress.announcements import Announcements
from imagejobs_api.settings import KUBERNETES, SQLITE, Settings
from imagejobs_api.submit.handoff_writer import HandoffWriter
from imagejobs_contract.ports import JobStore
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.client import connect
from imagejobs_contract.redis.library import Redis
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from imagejobs_contract.runtime.metrics import serve as serve_metrics
from imagejobs_contract.runtime.traces import Tracer
from imagejobs_contract.runtime.tracing import open_tracer
from imagejobs_contract.runtime.webhook_secrets import check_folder
from imagejobs_contract.s3 import signer
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.s3.part_uploads import BotoPartUploads

MAX_LIST_DELAY_SECONDS = 0.1
"""How late the list of jobs may show a write of the operator, or of another API process on this machine."""


@asynccontextmanager
async def open_app(settings: Settings) -> AsyncIterator[tuple[App, Announcements]]:
    """Open all systems; yield the application, and the announcements by which held answers are released.

    Raises:
        Invalid: A file of callers, of presets or of secrets is wrong.
        ImageJobsError: A system cannot be opened.
    """
    check_folder(settings.callers_secrets)
    callers = CallersFile(Path(settings.callers_file), settings.namespace) if settings.callers_file else None
    presets = presets_file.read_file(Path(settings.presets_file)) if settings.presets_file else Presets()
    metrics = Metrics()
    max_traces = settings.limits.max_traces_per_second
    with open_tracer("api", settings.traces, metrics.count_spans, per_second=max_traces) as tracer:
        redis, index = connect(settings.redis_url), Index(settings.limits.max_listed_jobs)
        ports = await _open_ports(settings, redis, index, callers, metrics, tracer)
        services = Services(
            callers=callers,
            index=index,
            announcements=Announcements(ports.board),
            metrics=metrics,
            rates=_make_rates(settings, redis),
            tracer=tracer,
            handoff=HandoffWriter(settings.handoff, settings.handoff_bytes),
            presets=presets,
        )
        try:
            async with _serving_metrics(settings, metrics, ports):
                yield create_app(settings, ports, services), services.announcements
        finally:
            await ports.store.close()
            await redis.aclose()


async def _open_ports(
    settings: Settings,
    redis: Redis,
    index: Index,
    callers: CallersFile | None,
    metrics: Metrics,
    tracer: Tracer,
) -> Ports:
    store = instrument(await _open_store(settings, callers), "store", metrics, tracer)
    queue = RedisTaskQueue(redis, settings.lease_seconds)
    return Ports(
        store=IndexedStore(ClassStore(store, settings.class_name), index),
        board=instrument(RedisBoard(redis), "redis", metrics, tracer),
        queue=instrument(queue, "redis", metrics, tracer),
        objects=instrument(S3Objects.from_settings(settings.s3), "s3", metrics, tracer),
        signer=signer.open_signer(settings.s3),
        parts=instrument(BotoPartUploads(settings.s3), "s3", metrics, tracer),
    )


async def _open_store(settings: Settings, callers: CallersFile | None) -> JobStore:
    if settings.job_store == KUBERNETES:
        # The import takes 0.3 s, which a machine without a cluster saves.
        from imagejobs_contract.stores import kubernetes, kubernetes_calls

        calls = await kubernetes_calls.connect(settings.kubeconfig or None)
        return kubernetes.KubernetesStore(calls, sorted(namespaces(settings, callers)))
    from imagejobs_contract.stores.sqlite import SqliteStore

    # The store's own changes need no event: the index put them in when they were made.
    path = Path(settings.job_store.removeprefix(SQLITE))
    return SqliteStore(path, echoes=False, late_seconds=MAX_LIST_DELAY_SECONDS)


def _make_rates(settings: Settings, redis: Redis) -> RateLimits:
    # On one machine there is one API process. It counts its requests itself, which saves two round trips to
    # Redis a request.
    return RateLimits(settings.limits, redis if settings.job_store == KUBERNETES else None)


@asynccontextmanager
async def _serving_metrics(settings: Settings, metrics: Metrics, ports: Ports) -> AsyncIterator[None]:
    if settings.metrics is None:
        yield
        return
    serving = asyncio.create_task(
        serve_metrics(*settings.metrics, metrics.registry, lambda: metrics.read_queue(ports.queue))
    )
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
