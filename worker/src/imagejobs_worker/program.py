"""Connects the parts of a worker and runs them: `pool` until it is asked to stop, `shard` until the shard is done.

The way to a shard's first image is short: Redis, metrics and the pool are imported only where they are used.
`wiring` opens and closes what the parts need; settings arrive read.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from imagejobs_contract.runtime import logs
from imagejobs_contract.runtime.traces import Facts, Kind, Tracer
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.wire.shards import Exit
from imagejobs_worker import sandbox, wiring
from imagejobs_worker.child import codecs
from imagejobs_worker.child.decoder import Door
from imagejobs_worker.child.spawn import Spawned
from imagejobs_worker.image.fetch import Fetch, through_guard
from imagejobs_worker.image.retry import Retry
from imagejobs_worker.image.shutdown import Stop
from imagejobs_worker.image.slots import Overlap
from imagejobs_worker.image.store import Store
from imagejobs_worker.image.work import Work
from imagejobs_worker.instruments import Meter
from imagejobs_worker.settings import Settings
from imagejobs_worker.shard.prefetch import HeadStart
from imagejobs_worker.shard.prefetched_objects import EarlyObjects
from imagejobs_worker.shard.progress import Board
from imagejobs_worker.shard.shard_key import ShardKey

REPORT_SECONDS = 1.0
"""Between two reports of a shard's progress: people watch it."""


def pool(settings: Settings, spawned: Spawned) -> int:
    """Work from the pool's queue until asked to stop, and return the exit code.

    Args:
        settings: As they were read.
        spawned: The first child's zygote.
    """
    from imagejobs_contract.runtime import event_loop

    return _run(event_loop.run, run_pool(settings, spawned), settings)


def shard(settings: Settings, key: ShardKey, begun: HeadStart, spawned: Spawned) -> int:
    """Work through a shard until it is done or a stop is asked for, and return the exit code.

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
    logs.configure(wiring.PROGRAM, settings.log_level)
    sandbox.close()
    try:
        return loop(work)
    except sandbox.Uncaged:
        return Exit.MISCONFIGURED


async def run_pool(settings: Settings, spawned: Spawned) -> int:
    """Work from the pool's queue until asked to stop."""
    from imagejobs_contract.redis.task_queue import RedisTaskQueue
    from imagejobs_worker.pool.heartbeat import Pulse
    from imagejobs_worker.pool.pool import Pool, PoolSettings

    stop = Stop()
    stop.listen()
    queue = RedisTaskQueue(settings.redis_url, settings.lease_seconds)
    pool_settings = PoolSettings(_consumer_name(settings), settings.lease_seconds, settings.grace_seconds)
    pulse = Pulse(settings.limits.image_seconds)
    async with (
        wiring.open_metrics(settings) as meter,
        wiring.open_traces(settings, meter) as traces,
        wiring.open_probes(settings, pulse),
        wiring.open_decoders(settings, meter, codecs.FORMATS) as decoders,
    ):
        await wiring.start_decoders(decoders, spawned, settings.cage)
        work = _work(settings, S3Objects(settings.s3), decoders, meter, traces)
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
        wiring.open_metrics(settings) as meter,
        wiring.open_traces(settings, meter) as traces,
        wiring.open_decoders(settings, meter) as decoders,
    ):
        work = _work(settings, objects, decoders, meter, traces)
        shard = Shard(objects, work, Overlap(settings.parallel), _board_maker(settings), key, pace)
        facts: Facts = {
            "imagejobs.job_id": key.job.name,
            "imagejobs.shard": key.shard,
            "imagejobs.attempt": key.attempt,
        }
        with traces.span("shard", facts, parent=key.origin.traceparent or None, kind=Kind.CONSUMER) as span:
            code = await shard.run(stop, wiring.start_decoders(decoders, spawned, settings.cage))
            span.set({"imagejobs.exit": code.name})
        return code


def _work(
    settings: Settings, objects: S3Objects, decoders: Sequence[Door], meter: Meter, traces: Tracer
) -> Work:
    limits = settings.limits
    download = through_guard(settings.reach, limits.min_source_bytes_per_second)
    fetch = Fetch(objects, download, limits.max_file_bytes, settings.handoff)
    return Work(fetch, Store(objects), decoders, Retry(), meter, traces)


def _board_maker(settings: Settings) -> Callable[[], Board]:
    def make() -> Board:
        from imagejobs_contract.redis import shard_reporter

        if shard_reporter.supports(settings.redis_url):
            return shard_reporter.ShardReporter(settings.redis_url)
        from imagejobs_contract.redis.board import RedisBoard

        return RedisBoard(settings.redis_url)

    return make


def _consumer_name(settings: Settings) -> str:
    """Return a name that is new in the queue: leases belong to a name.

    A container's pid is always the same, so random digits tell this worker from itself before a restart.
    """
    return f"{settings.name or socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
