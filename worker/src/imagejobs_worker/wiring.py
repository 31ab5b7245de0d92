"""Opens and closes the parts with a lifetime: the metrics endpoint, traces, probes, decoders.

Each is a context manager that yields a part for `program` to connect. A setting that is off opens nothing,
and its library is not imported.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from imagejobs_contract.runtime.traces import Tracer
from imagejobs_contract.runtime.tracing import open_tracer
from imagejobs_worker import sandbox
from imagejobs_worker.child.config import SandboxMode
from imagejobs_worker.child.decoder import Decoder
from imagejobs_worker.child.spawn import Spawned
from imagejobs_worker.instruments import NO_INSTRUMENTS, Instruments
from imagejobs_worker.settings import Settings

if TYPE_CHECKING:
    from imagejobs_worker.pool.heartbeat import Liveness

PROGRAM = "worker"


@asynccontextmanager
async def open_metrics(settings: Settings) -> AsyncIterator[Instruments]:
    """Serve metrics for the length of the block if `settings.metrics` is set."""
    if settings.metrics is None:
        yield NO_INSTRUMENTS
        return
    from imagejobs_contract.runtime.metrics import serve
    from imagejobs_worker.metrics import Metrics

    metrics = Metrics()
    async with _serving(serve(*settings.metrics, metrics.registry)):
        yield metrics


@asynccontextmanager
async def open_traces(settings: Settings, instruments: Instruments) -> AsyncIterator[Tracer]:
    """Export spans for the length of the block if `settings.traces` is set."""
    with open_tracer(PROGRAM, settings.traces, instruments.count_spans) as traces:
        yield traces


@asynccontextmanager
async def open_probes(settings: Settings, liveness: "Liveness") -> AsyncIterator[None]:
    """Answer `/healthz` and `/readyz` for the length of the block if `settings.health` is set."""
    if settings.health is None:
        yield
        return
    from imagejobs_contract.runtime.probes import serve

    async with _serving(
        serve(*settings.health, {"/healthz": liveness.check_alive, "/readyz": liveness.check_ready})
    ):
        yield


@asynccontextmanager
async def open_decoders(
    settings: Settings, instruments: Instruments, preload: Collection[str] = ()
) -> AsyncIterator[list[Decoder]]:
    """Yield one decoder per parallel image, not started yet; close them after the block.

    Args:
        settings: The limits, and the number of decoders.
        instruments: Counts the children that are replaced.
        taught: Codecs that every zygote loads at once. A pool worker meets all formats; a shard loads a codec
            with the first image that needs it.
    """
    decoders = [
        Decoder(
            settings.limits,
            memory_bytes=settings.memory_bytes,
            cage=settings.cage,
            heic=settings.read_heic,
            preload=preload,
            instruments=instruments,
        )
        for _ in range(settings.parallel)
    ]
    try:
        yield decoders
    finally:
        await asyncio.gather(*(decoder.close() for decoder in decoders))


async def start_decoders(decoders: Sequence[Decoder], spawned: Spawned, cage: SandboxMode) -> None:
    """Start all decoders, and check the sandbox of the first.

    Args:
        decoders: As `open_decoders` made them.
        spawned: The process that the first one's zygote runs in.
        cage: The sandbox that is required.

    Raises:
        SandboxUnavailable: The sandbox is required, and a layer of it does not hold.
    """
    await asyncio.gather(
        *(decoder.start(spawned if decoder is decoders[0] else None) for decoder in decoders)
    )
    sandbox.require_sandbox(cage, await decoders[0].sandbox_report())


@asynccontextmanager
async def _serving(server: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a server for the length of the block."""
    task = asyncio.create_task(server)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
