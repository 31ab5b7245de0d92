"""Sweeps through a shard's images, with a checkpoint of the results and a report of progress every few seconds, until done, stopped or disowned."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from imagejobs_contract.errors import Misconfigured, Unavailable
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.runtime import logs
from imagejobs_contract.wire.tasks import Task
from imagejobs_worker.image.shutdown import Stop
from imagejobs_worker.image.slots import Overlap, Place
from imagejobs_worker.image.store import Disowned
from imagejobs_worker.image.work import Work
from imagejobs_worker.shard.progress import Progress
from imagejobs_worker.shard.results_file import Ledger

log = logging.getLogger(__name__)


class SweepSettings(NamedTuple):
    """How a sweep is paced; times in seconds.

    Attributes:
        checkpoint_seconds: The most work that a killed pod loses.
        report_seconds: Between two looks at whether there is progress to tell.
        grace_seconds: How long images in hand may take when asked to stop.
    """

    checkpoint_seconds: float
    report_seconds: float
    grace_seconds: float


class Sweep:
    """One sweep; the ledger has its outcomes, the last of which are not saved yet when it ends."""

    def __init__(
        self, work: Work, overlap: Overlap, ledger: Ledger, progress: Progress, settings: SweepSettings
    ) -> None:
        self._work = work
        self._overlap = overlap
        self._ledger = ledger
        self._progress = progress
        self._settings = settings
        self._active = 0
        self._over = asyncio.Event()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, tasks: Sequence[Task], stop: Stop) -> None:
        """Do the tasks; when asked to stop, finish those in hand within the grace.

        Raises:
            Disowned: Another pod has the shard.
            Misconfigured: S3 does not take our credentials.
        """
        working = asyncio.ensure_future(self._work_on(tasks, stop))
        others = [
            asyncio.ensure_future(part)
            for part in (
                self._save_until_over(),
                self._report_until_over(),
                stop.grace(self._settings.grace_seconds),
            )
        ]
        try:
            await asyncio.wait({self._failure, working, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._over.set()
            working.cancel()
            others[-1].cancel()
            ends = await asyncio.gather(working, *others, return_exceptions=True)
        if self._failure.done():
            self._failure.result()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _work_on(self, tasks: Sequence[Task], stop: Stop) -> None:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                place = await stop.unless(self._overlap.place())
                if place is None:
                    return
                group.create_task(self._do(task, place))

    async def _do(self, task: Task, place: Place) -> None:
        self._active += 1
        try:
            with place, logs.bound(image=task.index):
                self._ledger.add([await self._outcome(task, place)])
        except (Misconfigured, Disowned) as ex:
            if not self._failure.done():
                self._failure.set_exception(ex)
        finally:
            self._active -= 1

    async def _outcome(self, task: Task, place: Place) -> Outcome:
        with self._work.told(task):
            rendered = await self._work.render(task, place)
            place.rendered()
            return (
                rendered
                if isinstance(rendered, Outcome)
                else await self._work.store(task, rendered, self._ledger)
            )

    async def _save_until_over(self) -> None:
        while not await self._is_over_after(self._settings.checkpoint_seconds):
            try:
                await self._ledger.save()
            except Unavailable as ex:
                log.warning("checkpoint failed", extra={"reason": ex.message})

    async def _report_until_over(self) -> None:
        while not await self._is_over_after(self._settings.report_seconds):
            await self._progress.report(self._ledger.ended, self._active)

    async def _is_over_after(self, seconds: float) -> bool:
        """Wait; an event ends it, not a cancellation, which would cut a save off and which `wait_for` in clients may swallow (gh-86296)."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)
        return self._over.is_set()
