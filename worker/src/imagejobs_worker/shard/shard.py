"""Runs one shard of a Job: reads its inputs, leaves what earlier pods did, sweeps through the rest, and ends by an exit code.

S3 is the truth here. Redis only hears how far it went: losing it stops nothing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from imagejobs_contract.errors import Misconfigured, Unavailable
from imagejobs_contract.runtime import logs
from imagejobs_contract.runtime.backoff import Backoff
from imagejobs_contract.storage import ObjectStore
from imagejobs_contract.wire.shards import Exit
from imagejobs_contract.wire.tasks import Task
from imagejobs_worker.image.shutdown import Stop
from imagejobs_worker.image.slots import Overlap
from imagejobs_worker.image.store import Disowned
from imagejobs_worker.image.work import Work
from imagejobs_worker.shard.inputs import Inputs, Unreadable, read_inputs
from imagejobs_worker.shard.progress import Board, Progress
from imagejobs_worker.shard.results_file import Ledger
from imagejobs_worker.shard.shard_key import ShardKey
from imagejobs_worker.shard.shard_run import Sweep, SweepSettings

STORAGE_SECONDS = 60.0
"""How long S3 may be away at the start and at the end; a pod that gives up is tried again by its Job."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds between tries while S3 is away."""
T = TypeVar("T")
log = logging.getLogger(__name__)


class Shard:
    """Runs one shard.

    Args:
        objects: Where inputs and results lie.
        work: Does the images.
        overlap: Bounds them.
        make_board: Makes the progress board, once there is progress.
        key: Which shard.
        settings: How it is paced.
    """

    def __init__(
        self,
        objects: ObjectStore,
        work: Work,
        overlap: Overlap,
        make_board: Callable[[], Board],
        key: ShardKey,
        settings: SweepSettings,
    ) -> None:
        self._objects = objects
        self._work = work
        self._overlap = overlap
        self._make_board = make_board
        self._key = key
        self._settings = settings

    async def run(self, stop: Stop, starting: Awaitable[object]) -> Exit:
        """Work until all is done or we are asked to stop.

        Args:
            stop: Asked by SIGTERM.
            starting: What must be ready before the first image; awaited beside the reading of the inputs.
        """
        logs.bind(**self._about())
        try:
            return await self._run(stop, starting)
        except Unreadable as ex:
            return self._exit(Exit.POISON, "the shard's input cannot be read", ex)
        except Misconfigured as ex:
            return self._exit(Exit.MISCONFIGURED, "the storage does not take our settings", ex)
        except Disowned as ex:
            return self._exit(Exit.LOST, "another pod works on this shard", ex)
        except Unavailable as ex:
            return self._exit(Exit.LOST, "the storage is away", ex)

    async def _run(self, stop: Stop, starting: Awaitable[object]) -> Exit:
        _, (inputs, ledger) = await asyncio.gather(starting, patiently(self._open, stop))
        left = undone(inputs, ledger)
        logs.say_ready(images=inputs.count, left=len(left))
        progress = Progress(self._make_board, self._key, inputs.total)
        try:
            await Sweep(self._work, self._overlap, ledger, progress, self._settings).run(left, stop)
        finally:
            await progress.end(ledger.ended)
        await patiently(ledger.save, stop)
        return self._exit(Exit.DONE if len(ledger.ended) >= inputs.count else Exit.LOST, "ended")

    async def _open(self) -> tuple[Inputs, Ledger]:
        key = self._key
        inputs, ledger = await asyncio.gather(
            read_inputs(self._objects, key), Ledger.open(self._objects, key.uid, key.shard, key.attempt)
        )
        ended = {outcome.index for outcome in ledger.ended}
        ledger.add(outcome for outcome in inputs.bad if outcome.index not in ended)
        return inputs, ledger

    def _exit(self, code: Exit, event: str, ex: Exception | None = None) -> Exit:
        log.log(
            logging.ERROR if ex else logging.INFO, event, extra={"exit": code.name, "reason": str(ex or "")}
        )
        return code

    def _about(self) -> dict[str, object]:
        key = self._key
        return {
            "job_id": key.job.name,
            "shard": key.shard,
            "attempt": key.attempt,
            "caller": key.caller,
            "request_id": key.origin.request_id,
        }


def undone(inputs: Inputs, ledger: Ledger) -> list[Task]:
    """Return the tasks without an outcome that stands."""
    ended = {outcome.index for outcome in ledger.ended}
    return [task for task in inputs.tasks if task.index not in ended]


async def patiently(act: Callable[[], Awaitable[T]], stop: Stop) -> T:
    """Do something with S3 until it answers, for at most `STORAGE_SECONDS`, or once when asked to stop.

    Raises:
        Unavailable: It did not.
    """
    backoff, give_up = Backoff(FIRST_WAIT, LONGEST_WAIT), time.monotonic() + STORAGE_SECONDS
    while True:
        wait = backoff.next()
        try:
            return await act()
        except Unavailable:
            if stop.asked or time.monotonic() + wait > give_up:
                raise
        await stop.unless(asyncio.sleep(wait))
