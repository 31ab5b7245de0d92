"""What the worker is made of: puts the parts together, works until done or told to stop.

The way to a shard's first image is kept short: Redis, metrics and the pool are imported where they are
wanted.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from imagejobs_contract.runtime import logs
from imagejobs_contract.runtime.traces import Facts, Kind, Tracer
from imagejobs_contract.runtime.tracing import open_tracer
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.wire.shards import Exit
from imagejobs_worker import sandbox
from imagejobs_worker.child import codecs
from imagejobs_worker.child.config import Mode
from imagejobs_worker.child.decoder import Door
from imagejobs_worker.child.spawn import Spawned
from imagejobs_worker.image.fetch import Fetch, through_guard
from imagejobs_worker.image.instruments import SILENT, Meter
from imagejobs_worker.image.retry import Retry
from imagejobs_worker.image.shutdown import Stop
from imagejobs_worker.image.slots import Overlap
from imagejobs_worker.image.store import Store
from imagejobs_worker.image.work import Work
from imagejobs_worker.settings import Settings
from imagejobs_worker.shard.prefetch import HeadStart
from imagejobs_worker.shard.prefetched_objects import EarlyObjects
from imagejobs_worker.shard.progress import Board
from imagejobs_worker.shard.shard_key import ShardKey

if TYPE_CHECKING:
    from imagejobs_worker.pool.heartbeat import Pulse

PROGRAM = "worker"
REPORT_SECONDS = 1.0
"""Between two reports of a shard's progress; what people see move."""


def pool(settings: Settings, spawned: Spawned) -> int:
    """Work from the pool's queue until told to stop, and return the exit code.

    Args:
        settings: As they were read.
        spawned: The first child's zygote.
    """
    from imagejobs_contract.runtime import event_loop

    return _run(event_loop.run, run_pool(settings, spawned), settings)


def shard(settings: Settings, key: ShardKey, begun: HeadStart, spawned: Spawned) -> int:
    """Work through a shard until done or told to stop, and return the exit code.

    Args:
        settings: As they were read.
        key: Which shard.
        begun: Its first reads.
        spawned: The first child's zygote.
    """
    return _run(asyncio.run, run_shard(settings, key, begun, spawned), settings)


def _run(
    loop: Callable[[Coroutine[Any, Any, int]], int], work: Coroutine[Any, Any, int], settings: Settings
) -> int:
    logs.configure(PROGRAM, settings.log_level)
    sandbox.close()
    try:
        return loop(work)
    except sandbox.Uncaged:
        return Exit.MISCONFIGURED


async def run_pool(settings: Settings, spawned: Spawned) -> int:
    """Work from the pool's queue until told to stop."""
    from imagejobs_contract.redis.task_queue import RedisTaskQueue
    from imagejobs_worker.pool.heartbeat import Pulse
    from imagejobs_worker.pool.pool import Pool, PoolSettings

    stop = Stop()
    stop.listen()
    queue = RedisTaskQueue(settings.redis_url, settings.lease_seconds)
    pool_settings = PoolSettings(_consumer(settings), settings.lease_seconds, settings.grace_seconds)
    pulse = Pulse(settings.limits.image_seconds)
    async with (
        _metered(settings) as meter, _told(settings, meter) as traces, _probed(settings, pulse), _doors(settings, meter, codecs.FORMATS) as doors,
    ):  # fmt: skip
        await _start(doors, spawned, settings.cage)
        work = _work(settings, S3Objects(settings.s3), doors, meter, traces)
        await Pool(queue, work, Overlap(settings.parallel), pool_settings, pulse).run(stop)
    await queue.close()
    return 0


async def run_shard(settings: Settings, key: ShardKey, begun: HeadStart, spawned: Spawned) -> int:
    """Work through a shard; return one of `shards.Exit`."""
    from imagejobs_worker.shard.shard import Shard
    from imagejobs_worker.shard.shard_run import SweepSettings

    stop = Stop()
    stop.listen()
    objects = EarlyObjects(settings.s3, begun)
    pace = SweepSettings(settings.checkpoint_seconds, REPORT_SECONDS, settings.grace_seconds)
    async with (
        _metered(settings) as meter,
        _told(settings, meter) as traces,
        _doors(settings, meter) as doors,
    ):
        work = _work(settings, objects, doors, meter, traces)
        shard = Shard(objects, work, Overlap(settings.parallel), _board_maker(settings), key, pace)
        facts: Facts = {
            "imagejobs.job_id": key.job.name,
            "imagejobs.shard": key.shard,
            "imagejobs.attempt": key.attempt,
        }
        with traces.span("shard", facts, parent=key.origin.traceparent or None, kind=Kind.CONSUMER) as span:
            end = await shard.run(stop, _start(doors, spawned, settings.cage))
            span.set({"imagejobs.exit": end.name})
        return end


def _work(
    settings: Settings, objects: S3Objects, doors: Sequence[Door], meter: Meter, traces: Tracer
) -> Work:
    limits = settings.limits
    download = through_guard(settings.reach, limits.min_source_bytes_per_second)
    fetch = Fetch(objects, download, limits.max_file_bytes, settings.handoff)
    return Work(fetch, Store(objects), doors, Retry(), meter, traces)


def _board_maker(settings: Settings) -> Callable[[], Board]:
    def make() -> Board:
        from imagejobs_contract.redis import shard_reporter

        if shard_reporter.supports(settings.redis_url):
            return shard_reporter.ShardReporter(settings.redis_url)
        from imagejobs_contract.redis.board import RedisBoard

        return RedisBoard(settings.redis_url)

    return make


def _consumer(settings: Settings) -> str:
    """Return a name that no other worker has, nor this one after a restart: leases are held by it, and a container's pid is always the same."""
    return f"{settings.name or socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"


@asynccontextmanager
async def _metered(settings: Settings) -> AsyncIterator[Meter]:
    """Show metrics for the length of the block, if that is wanted."""
    if settings.metrics is None:
        yield SILENT
        return
    from imagejobs_contract.runtime.metrics import serve
    from imagejobs_worker.metrics import Metrics

    metrics = Metrics()
    serving = asyncio.create_task(serve(*settings.metrics, metrics.registry))
    try:
        yield metrics
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@asynccontextmanager
async def _told(settings: Settings, meter: Meter) -> AsyncIterator[Tracer]:
    with open_tracer(PROGRAM, settings.traces, meter.count_spans) as traces:
        yield traces


@asynccontextmanager
async def _probed(settings: Settings, pulse: "Pulse") -> AsyncIterator[None]:
    """Answer probes for the length of the block, if that is wanted."""
    if settings.health is None:
        yield
        return
    from imagejobs_contract.runtime.probes import serve

    serving = asyncio.create_task(serve(*settings.health, {"/healthz": pulse.alive, "/readyz": pulse.ready}))
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@asynccontextmanager
async def _doors(settings: Settings, meter: Meter, taught: Collection[str] = ()) -> AsyncIterator[list[Door]]:
    """Run a door per image at a time.

    A pool worker meets everything and learns it at once, a shard with the first image that needs it.
    """
    doors = [
        Door(
            settings.limits,
            memory_bytes=settings.memory_bytes,
            cage=settings.cage,
            heic=settings.read_heic,
            taught=taught,
            meter=meter,
        )
        for _ in range(settings.parallel)
    ]
    try:
        yield doors
    finally:
        await asyncio.gather(*(door.close() for door in doors))


async def _start(doors: Sequence[Door], spawned: Spawned, cage: Mode) -> None:
    """Start all doors, and see what one of their cages holds.

    Raises:
        Uncaged: Less than is required.
    """
    await asyncio.gather(*(door.start(spawned if door is doors[0] else None) for door in doors))
    sandbox.demand(cage, await doors[0].held())
