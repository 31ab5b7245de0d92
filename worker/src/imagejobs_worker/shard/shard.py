"""Runs one shard of a Job: reads its inputs, skips finished images, does the rest, ends with an exit code.

S3 is the truth here. Redis only receives progress: losing it stops nothing.
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
from imagejobs_worker.image.shutdown import Shutdown
from imagejobs_worker.image.slots import Slots
from imagejobs_worker.image.store import OwnershipLost
from imagejobs_worker.image.work import ImageWork
from imagejobs_worker.shard.inputs import Inputs, InputUnreadable, read_inputs
from imagejobs_worker.shard.progress import Progress, ShardBoard
from imagejobs_worker.shard.results_file import ResultsFile
from imagejobs_worker.shard.shard_key import ShardKey
from imagejobs_worker.shard.shard_run import ShardRun, ShardRunSettings

MAX_OUTAGE_SECONDS = 60.0
"""How long S3 may be away at the start and at the end; the Job retries a pod that gives up."""
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 0.2, 5.0
"""Between tries while S3 is away: the first wait and the longest."""
T = TypeVar("T")
log = logging.getLogger(__name__)


class Shard:
    """One shard of a Job, from its inputs to an exit code; `program` makes one per process and awaits `run`.

    It reads `Inputs` and the `ResultsFile`, hands the pending tasks to a `ShardRun`, and saves the last
    outcomes.

    Args:
        objects: Holds inputs and results.
        work: Processes the images.
        slots: Bounds the images in hand.
        make_board: Makes the progress board, once there is progress.
        key: Which shard.
        settings: How it is paced.
    """

    def __init__(
        self,
        objects: ObjectStore,
        work: ImageWork,
        slots: Slots,
        make_board: Callable[[], ShardBoard],
        key: ShardKey,
        settings: ShardRunSettings,
    ) -> None:
        self._objects = objects
        self._work = work
        self._slots = slots
        self._make_board = make_board
        self._key = key
        self._settings = settings

    async def run(self, shutdown: Shutdown, starting: Awaitable[object]) -> Exit:
        """Work until all images are done or a stop is requested.

        Args:
            shutdown: Requested by SIGTERM.
            starting: Starts the decoders; awaited while the inputs are read.
        """
        logs.bind(**self._log_facts())
        try:
            return await self._run(shutdown, starting)
        except InputUnreadable as ex:
            return self._exit(Exit.POISON, "the shard's input cannot be read", ex)
        except Misconfigured as ex:
            return self._exit(Exit.MISCONFIGURED, "the storage does not take our settings", ex)
        except OwnershipLost as ex:
            return self._exit(Exit.LOST, "another pod works on this shard", ex)
        except Unavailable as ex:
            return self._exit(Exit.LOST, "the storage is away", ex)

    async def _run(self, shutdown: Shutdown, starting: Awaitable[object]) -> Exit:
        _, (inputs, results) = await asyncio.gather(starting, retry_while_unavailable(self._open, shutdown))
        pending = pending_tasks(inputs, results)
        logs.say_ready(images=inputs.count, left=len(pending))
        progress = Progress(self._make_board, self._key, inputs.total)
        try:
            await ShardRun(self._work, self._slots, results, progress, self._settings).run(pending, shutdown)
        finally:
            await progress.finish(results.ended)
        await retry_while_unavailable(results.save, shutdown)
        return self._exit(Exit.DONE if len(results.ended) >= inputs.count else Exit.LOST, "ended")

    async def _open(self) -> tuple[Inputs, ResultsFile]:
        key = self._key
        inputs, results = await asyncio.gather(
            read_inputs(self._objects, key),
            ResultsFile.open(self._objects, key.uid, key.shard, key.attempt, key.retry_codes),
        )
        ended = {outcome.index for outcome in results.ended}
        results.add(outcome for outcome in inputs.bad if outcome.index not in ended)
        return inputs, results

    def _exit(self, code: Exit, event: str, ex: Exception | None = None) -> Exit:
        log.log(
            logging.ERROR if ex else logging.INFO, event, extra={"exit": code.name, "reason": str(ex or "")}
        )
        return code

    def _log_facts(self) -> dict[str, object]:
        key = self._key
        return {
            "job_id": key.job.name,
            "namespace": key.job.namespace,
            "shard": key.shard,
            "attempt": key.attempt,
            "caller": key.caller,
            "request_id": key.origin.request_id,
        }


def pending_tasks(inputs: Inputs, results: ResultsFile) -> list[Task]:
    """Return the tasks that have no current outcome."""
    ended = {outcome.index for outcome in results.ended}
    return [task for task in inputs.tasks if task.index not in ended]


async def retry_while_unavailable(act: Callable[[], Awaitable[T]], shutdown: Shutdown) -> T:
    """Call `act` until S3 answers, for at most `MAX_OUTAGE_SECONDS`, or once if a stop was requested.

    Raises:
        Unavailable: S3 did not answer.
    """
    backoff, give_up = Backoff(FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS), time.monotonic() + MAX_OUTAGE_SECONDS
    while True:
        wait = backoff.next()
        try:
            return await act()
        except Unavailable:
            if shutdown.requested or time.monotonic() + wait > give_up:
                raise
        await shutdown.race(asyncio.sleep(wait))
