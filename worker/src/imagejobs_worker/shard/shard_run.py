"""Works through a shard's images until done, stopped or disowned; saves and reports every few seconds."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from imagejobs_contract.errors import Misconfigured, Unavailable
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.runtime import logs
from imagejobs_contract.wire.tasks import Task
from imagejobs_worker.image.shutdown import Shutdown
from imagejobs_worker.image.slots import Slot, Slots
from imagejobs_worker.image.store import OwnershipLost
from imagejobs_worker.image.work import ImageWork
from imagejobs_worker.shard.progress import Progress
from imagejobs_worker.shard.results_file import ResultsFile

log = logging.getLogger(__name__)


class ShardRunSettings(NamedTuple):
    """How a shard is paced; times in seconds.

    Attributes:
        checkpoint_seconds: Between two checkpoints: the most work that a killed pod loses.
        report_seconds: Between two reports of progress, if there is progress.
        grace_seconds: How long images in hand may take after a request to stop.
    """

    checkpoint_seconds: float
    report_seconds: float
    grace_seconds: float


class ShardRun:
    """One pass over the tasks of a shard; made and awaited by `Shard`.

    It runs each task by `ImageWork` in a slot of `Slots`, adds the outcomes to the `ResultsFile`, and beside
    that saves the file and reports `Progress`. The outcomes since the last checkpoint are not saved when it
    ends.
    """

    def __init__(
        self,
        work: ImageWork,
        slots: Slots,
        results: ResultsFile,
        progress: Progress,
        settings: ShardRunSettings,
    ) -> None:
        self._work = work
        self._slots = slots
        self._results = results
        self._progress = progress
        self._settings = settings
        self._active = 0
        self._finished = asyncio.Event()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, tasks: Sequence[Task], shutdown: Shutdown) -> None:
        """Do the tasks; on a request to stop, finish those in hand within the grace.

        Raises:
            OwnershipLost: Another pod has the shard.
            Misconfigured: S3 does not take our credentials.
        """
        working = asyncio.ensure_future(self._work_on(tasks, shutdown))
        saving = asyncio.ensure_future(self._save_until_finished())
        reporting = asyncio.ensure_future(self._report_until_finished())
        grace = asyncio.ensure_future(shutdown.wait_for_grace_end(self._settings.grace_seconds))
        parts = (working, saving, reporting, grace)
        try:
            await asyncio.wait({self._failure, *parts}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._finished.set()
            working.cancel()
            grace.cancel()
            ends = await asyncio.gather(*parts, return_exceptions=True)
        if self._failure.done():
            self._failure.result()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _work_on(self, tasks: Sequence[Task], shutdown: Shutdown) -> None:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                slot = await shutdown.race(self._slots.acquire())
                if slot is None:
                    return
                group.create_task(self._run_task(task, slot))

    async def _run_task(self, task: Task, slot: Slot) -> None:
        self._active += 1
        try:
            with slot, logs.bound(image=task.index):
                self._results.add([await self._process(task, slot)])
        except (Misconfigured, OwnershipLost) as ex:
            if not self._failure.done():
                self._failure.set_exception(ex)
        finally:
            self._active -= 1

    async def _process(self, task: Task, slot: Slot) -> Outcome:
        with self._work.span_for(task):
            rendered = await self._work.render(task, slot)
            slot.mark_rendered()
            if isinstance(rendered, Outcome):
                return rendered
            return await self._work.store(task, rendered, self._results)

    async def _save_until_finished(self) -> None:
        while not await self._wait_until_finished(self._settings.checkpoint_seconds):
            try:
                await self._results.save()
            except Unavailable as ex:
                log.warning("checkpoint failed", extra={"reason": ex.message})

    async def _report_until_finished(self) -> None:
        while not await self._wait_until_finished(self._settings.report_seconds):
            await self._progress.report(self._results.ended, self._active)

    async def _wait_until_finished(self, seconds: float) -> bool:
        """Wait for `seconds`, and return whether the run is finished.

        An event ends the wait. A cancellation would cut a save off, and `wait_for` in clients may swallow it
        (gh-86296).
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._finished.wait(), seconds)
        return self._finished.is_set()
