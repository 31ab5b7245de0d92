"""`python -m imagejobs_operator`: reads the settings, puts the parts together, works until told to stop.

Exit code 0 after SIGTERM or SIGINT, 1 when a part ended by itself: whoever started the program starts it
again.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from imagejobs_contract.errors import Invalid
from imagejobs_contract.model import limits
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.times import utc_now
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.client import connect
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from imagejobs_contract.runtime import event_loop, logs, probes
from imagejobs_contract.runtime.metrics import serve
from imagejobs_contract.runtime.settings import read
from imagejobs_contract.runtime.traces import Tracer
from imagejobs_contract.runtime.tracing import open_tracer
from imagejobs_contract.runtime.webhook_secrets import check_folder
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_operator.act.memory import Memory
from imagejobs_operator.act.ports import Parts
from imagejobs_operator.act.reconcile import Reconciler
from imagejobs_operator.act.work_queue import WorkQueue
from imagejobs_operator.callbacks.dispatcher import Courier
from imagejobs_operator.callbacks.payload import Answer
from imagejobs_operator.decide.observed import Rules
from imagejobs_operator.feeds import resync as feeds
from imagejobs_operator.health import Health
from imagejobs_operator.jobs.processes import ProcessJobs
from imagejobs_operator.metrics import Metrics
from imagejobs_operator.settings import Settings

PROGRAM = "operator"
log = logging.getLogger(__name__)

Feed = Coroutine[Any, Any, None]


def main() -> int:
    """Run the program and return its exit code."""
    settings = read(os.environ, Settings.read)
    logs.configure(PROGRAM, settings.log_level)
    try:
        check_folder(settings.webhooks.folder)
    except Invalid as ex:
        raise SystemExit(f"cannot start: {ex.message}") from ex
    # On a cluster the loop stays asyncio's own, for which kopf is made.
    return event_loop.run(run(settings)) if settings.sqlite else asyncio.run(run(settings))


async def run(settings: Settings) -> int:
    """Work until told to stop."""
    stop = asyncio.Event()
    _listen(stop)
    metrics = Metrics()
    with open_tracer(PROGRAM, settings.traces, metrics.count_spans) as traces:
        return await _work(settings, stop, metrics, traces)


async def _work(settings: Settings, stop: asyncio.Event, metrics: Metrics, traces: Tracer) -> int:
    courier, processes, memory = _courier(settings, traces, metrics), _processes(settings), Memory()
    async with _parts(settings, courier, processes) as parts:
        looking = Reconciler(parts, _rules(settings), utc_now, memory, traces, echoes=settings.sqlite is None)
        queue = WorkQueue(metrics.timed(looking), settings.concurrency)
        metrics.watch(queue, memory)
        if courier:
            courier.tell(lambda key, answer: _heard(memory, queue, key, answer))
        if processes:
            processes.tell(queue.add)
        doing = [asyncio.create_task(each) for each in _doing(settings, parts, queue, memory, metrics, stop)]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *doing], return_when=asyncio.FIRST_COMPLETED)
        asked = stop.is_set()
        stop.set()
        _complain(doing)
        for each in doing:
            each.cancel()
        await asyncio.gather(*doing, return_exceptions=True)
    return 0 if asked else 1


def _listen(stop: asyncio.Event) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)


def _rules(settings: Settings) -> Rules:
    return Rules(
        since=utc_now(), pool=settings.pool, jobs=settings.jobs, window=settings.window, lease_seconds=settings.lease_seconds,
        queue_seconds=settings.limits.queue_seconds,
        soon_seconds=settings.resync_seconds, callbacks=bool(settings.webhooks),
        # On one machine the pool is there as long as we are, and has no start to pay.
        jobs_from=limits.MAX_ITEMS + 1 if settings.sqlite else None,
    )  # fmt: skip


def _doing(
    settings: Settings, parts: Parts, queue: WorkQueue, memory: Memory, metrics: Metrics, stop: asyncio.Event
) -> list[Feed]:
    """Return all that runs side by side until the end."""
    health = Health(queue.oldest_seconds)
    resync = feeds.resync(
        parts.store, queue, settings.resync_seconds, health, lambda key: memory.is_due(key, utc_now())
    )
    doing = [queue.run(), feeds.wake_ups(parts.board, queue, memory), resync]
    if settings.health:
        doing.append(probes.serve(*settings.health, {"/healthz": health.alive, "/readyz": health.ready}))
    if settings.metrics:
        doing.append(serve(*settings.metrics, metrics.registry))
    return [*doing, _changes(settings, parts, queue, stop)]


def _changes(settings: Settings, parts: Parts, queue: WorkQueue, stop: asyncio.Event) -> Feed:
    # Each binding is imported only where it is used: kopf and the Kubernetes client take seconds, and are not
    # installed everywhere.
    if settings.sqlite:
        from imagejobs_operator.feeds import sqlite

        return sqlite.follow(parts.store, queue)
    from imagejobs_operator.feeds import kubernetes

    return kubernetes.follow(queue, settings.namespaces, lambda: _listen(stop), stop)


@asynccontextmanager
async def _parts(
    settings: Settings, courier: Courier | None, processes: ProcessJobs | None
) -> AsyncIterator[Parts]:
    redis = connect(settings.redis_url)
    objects = S3Objects(settings.s3)
    board, tasks = RedisBoard(redis), RedisTaskQueue(redis, settings.lease_seconds)
    if settings.sqlite:
        from imagejobs_contract.stores.sqlite import SqliteStore
        from imagejobs_operator.events.log import LogEvents
        from imagejobs_operator.feeds.cached_store import RememberedStore

        parts = Parts(
            RememberedStore(SqliteStore(settings.sqlite, echoes=False)),
            board,
            tasks,
            objects,
            processes,
            LogEvents(),
            courier,
        )
    else:
        from imagejobs_operator.cluster import parts_of

        parts = await parts_of(settings, board, tasks, objects, courier)
    try:
        yield parts
    finally:
        if processes:
            await processes.close()
        if courier:
            await courier.close()
        await parts.store.close()
        await redis.aclose()


def _courier(settings: Settings, traces: Tracer, metrics: Metrics) -> Courier | None:
    if not settings.webhooks:
        return None
    # Imported where there is something to send: the guard brings TLS and resolver along.
    from imagejobs_contract.outbound.guard import AddressGuard
    from imagejobs_operator.callbacks.sender import Poster

    return Courier(
        Poster(AddressGuard(settings.callbacks), settings.webhooks, settings.public_url, utc_now),
        traces,
        metrics.count_callback,
    )


def _processes(settings: Settings) -> ProcessJobs | None:
    if not (settings.sqlite and settings.jobs):
        return None
    mine = ("METRICS_LISTEN", "HEALTH_LISTEN")
    environ = {name: value for name, value in os.environ.items() if name not in mine} | {"MAX_PARALLEL": "1"}
    return ProcessJobs(
        (sys.executable, "-m", "imagejobs_worker", "shard"), environ, settings.shard_processes, utc_now
    )


def _heard(memory: Memory, queue: WorkQueue, key: JobKey, answer: Answer) -> None:
    memory.answered(key, answer)
    queue.add(key)


def _complain(doing: list[asyncio.Task[None]]) -> None:
    for each in doing:
        if each.done() and not each.cancelled() and (error := each.exception()):
            log.error("a part ended", exc_info=error)


if __name__ == "__main__":
    sys.exit(main())
