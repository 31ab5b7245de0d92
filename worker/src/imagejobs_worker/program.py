"""Connects the parts of a worker and runs them: `pool` until asked to stop, `shard` until it is done.

The way to a shard's first image is short: Redis, metrics and the pool are imported only where they are used.
`wiring` opens and closes what the parts need; `__main__` reads the settings.
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
from imagejobs_worker.child import needed_codecs
from imagejobs_worker.child.decoder import Decoder
from imagejobs_worker.child.spawn import Spawned
from imagejobs_worker.image.fetch import Fetcher, guarded_download
from imagejobs_worker.image.retry import RetryPolicy
from imagejobs_worker.image.shutdown import Shutdown
from imagejobs_worker.image.slots import Slots
from imagejobs_worker.image.store import OutputStore
from imagejobs_worker.image.work import ImageWork
from imagejobs_worker.instruments import Instruments
from imagejobs_worker.settings import Settings
from imagejobs_worker.shard.prefetch import Prefetch
from imagejobs_worker.shard.prefetched_objects import PrefetchedObjects
from imagejobs_worker.shard.progress import ShardBoard
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


def shard(settings: Settings, key: ShardKey, prefetch: Prefetch, spawned: Spawned) -> int:
    """Work through a shard until it is done or a stop is asked for, and return the exit code.

    Args:
        settings: As they were read.
        key: Which shard.
        prefetch: Its first reads.
        spawned: The first child's zygote.
    """
    return _run(asyncio.run, run_shard(settings, key, prefetch, spawned), settings)


def _run(
    loop: Callable[[Coroutine[Any, Any, int]], int], work: Coroutine[Any, Any, int], settings: Settings
) -> int:
    logs.configure(wiring.PROGRAM, settings.log_level)
    sandbox.close_to_children()
    try:
        return loop(work)
    except sandbox.SandboxUnavailable:
        return Exit.MISCONFIGURED


async def run_pool(settings: Settings, spawned: Spawned) -> int:
    """Work from the pool's queue until asked to shutdown."""
    from imagejobs_contract.redis.task_queue import RedisTaskQueue, Sharing
    from imagejobs_worker.pool.heartbeat import Liveness
    from imagejobs_worker.pool.pool import Pool, PoolSettings

    shutdown = Shutdown()
    shutdown.listen_to_signals()
    limits = settings.limits
    sharing = Sharing(
        settings.parallel, limits.max_owner_share, limits.owner_long_seconds, limits.owner_present_seconds
    )
    queue = RedisTaskQueue(settings.redis_url, settings.lease_seconds, sharing)
    pool_settings = PoolSettings(_consumer_name(settings), settings.lease_seconds, settings.grace_seconds)
    liveness = Liveness(limits.image_seconds)
    async with (
        wiring.open_metrics(settings) as instruments,
        wiring.open_traces(settings, instruments) as traces,
        wiring.open_probes(settings, liveness),
        wiring.open_decoders(settings, instruments, needed_codecs.FORMATS) as decoders,
    ):
        await wiring.start_decoders(decoders, spawned, settings.cage)
        work = _connect_work(settings, S3Objects(settings.s3), decoders, instruments, traces)
        await Pool(queue, work, Slots(settings.parallel), pool_settings, liveness).run(shutdown)
    await queue.close()
    return 0


async def run_shard(settings: Settings, key: ShardKey, prefetch: Prefetch, spawned: Spawned) -> int:
    """Work through a shard; return one of `shards.Exit`."""
    from imagejobs_worker.shard.shard import Shard
    from imagejobs_worker.shard.shard_run import ShardRunSettings

    shutdown = Shutdown()
    shutdown.listen_to_signals()
    objects = PrefetchedObjects(settings.s3, prefetch)
    run_settings = ShardRunSettings(settings.checkpoint_seconds, REPORT_SECONDS, settings.grace_seconds)
    async with (
        wiring.open_metrics(settings) as instruments,
        wiring.open_traces(settings, instruments) as traces,
        wiring.open_decoders(settings, instruments) as decoders,
    ):
        work = _connect_work(settings, objects, decoders, instruments, traces)
        shard = Shard(objects, work, Slots(settings.parallel), _board_maker(settings), key, run_settings)
        facts: Facts = {
            "imagejobs.job_id": key.job.name,
            "imagejobs.shard": key.shard,
            "imagejobs.attempt": key.attempt,
        }
        with traces.span("shard", facts, parent=key.origin.traceparent or None, kind=Kind.CONSUMER) as span:
            code = await shard.run(shutdown, wiring.start_decoders(decoders, spawned, settings.cage))
            span.set({"imagejobs.exit": code.name})
        return code


def _connect_work(
    settings: Settings,
    objects: S3Objects,
    decoders: Sequence[Decoder],
    instruments: Instruments,
    traces: Tracer,
) -> ImageWork:
    limits = settings.limits
    download = guarded_download(
        settings.egress_policy, limits.min_source_bytes_per_second, settings.source_user_agent
    )
    fetch = Fetcher(objects, download, limits.max_file_bytes, settings.handoff)
    return ImageWork(fetch, OutputStore(objects), decoders, RetryPolicy(), instruments, traces)


def _board_maker(settings: Settings) -> Callable[[], ShardBoard]:
    def make() -> ShardBoard:
        from imagejobs_contract.redis import shard_reporter

        if shard_reporter.supports(settings.redis_url):
            return shard_reporter.ShardReporter(settings.redis_url)
        from imagejobs_contract.redis.board import RedisBoard

        return RedisBoard(settings.redis_url)

    return make


def _consumer_name(settings: Settings) -> str:
    """Return a name that is new in the queue: leases belong to a name.

    A container's pid is always the same, so random digits make the name new after a restart.
    """
    return f"{settings.name or socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
