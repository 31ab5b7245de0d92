"""Works from the pool's queue: takes leases, works, reports; for ever, whatever fails.

Redis may vanish and come back empty: what was taken is then sent again by the operator, and finds its
results. It never ends the program.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Misconfigured, Unavailable
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.ports import Lease, TaskQueue
from imagejobs_contract.runtime import logs
from imagejobs_contract.runtime.backoff import Backoff
from imagejobs_worker.image.shutdown import Stop
from imagejobs_worker.image.slots import Overlap, Place
from imagejobs_worker.image.store import Disowned
from imagejobs_worker.image.work import Work, failed
from imagejobs_worker.pool.heartbeat import Pulse
from imagejobs_worker.pool.leases import Leases

BLOCK_SECONDS = 1.0
"""How long one look for work waits, and so how long a stop may wait: a look that is cut off could lose what
it found for a lease time.
"""
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Seconds between looks while the queue is away or the storage does not take our credentials."""
CANCEL_SECONDS = 3.0
"""How long the cancelled may take: killing a child takes milliseconds."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How a pool worker behaves; times in seconds.

    Attributes:
        consumer: Its name in the group, nobody else's.
        lease_seconds: After so long without a renewal its work is given to another.
        grace_seconds: How long it may finish what it has when asked to stop.
    """

    consumer: str
    lease_seconds: float
    grace_seconds: float


class Pool:
    """Takes tasks from the queue until asked to stop."""

    def __init__(
        self, queue: TaskQueue, work: Work, overlap: Overlap, settings: PoolSettings, pulse: Pulse
    ) -> None:
        self._queue = queue
        self._work = work
        self._overlap = overlap
        self._settings = settings
        self._pulse = pulse
        self._leases = Leases(queue, settings.consumer, settings.lease_seconds)
        self._doing: set[asyncio.Task[None]] = set()
        self._backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        self._trouble = Backoff(FIRST_WAIT, LONGEST_WAIT)

    async def run(self, stop: Stop) -> None:
        """Work until asked to stop, then finish within the grace, or hand back."""
        renewing = asyncio.create_task(self._leases.renew_until_closed())
        try:
            await self._wait_for_queue(stop)
            while not stop.asked:
                await self._look(stop)
            await self._finish_within_grace(stop)
        finally:
            await self._leases.close()
            renewing.cancel()

    async def _wait_for_queue(self, stop: Stop) -> None:
        while not stop.asked:
            try:
                await self._queue.depth()
            except Unavailable as ex:
                await self._back_off(stop, ex)
            else:
                self._pulse.beat(connected=True)
                logs.say_ready(consumer=self._settings.consumer)
                return

    async def _look(self, stop: Stop) -> None:
        place = await stop.unless(self._overlap.place())
        if place is None:
            return
        asked = time.monotonic()
        try:
            lease = await self._queue.lease(self._settings.consumer, BLOCK_SECONDS)
        except Exception as ex:  # noqa: BLE001 - logged by _back_off; the loop goes on after any error
            place.leave()
            await self._back_off(stop, ex)
            return
        self._backoff.reset()
        self._pulse.beat(connected=True)
        self._begin(lease, asked, place, stop)

    def _begin(self, lease: Lease | None, asked: float, place: Place, stop: Stop) -> None:
        if lease is None or self._leases.retaken(lease, asked):
            place.leave()
            return
        doing = asyncio.create_task(self._do(lease, place, stop))
        self._leases.hold(lease, doing.cancel, asked)
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)

    async def _do(self, lease: Lease, place: Place, stop: Stop) -> None:
        with place, logs.bound(**_about(lease)), self._work.told(lease.task):
            try:
                outcome = verdict(lease, time.time()) or await self._images_outcome(lease, place)
                await self._report(lease, outcome)
            except Misconfigured as ex:
                log.error("storage does not take our settings", extra={"reason": ex.message})
                await self._leases.hand_back(lease.entry_id)
                await stop.unless(asyncio.sleep(self._trouble.next()))
            except Disowned:
                log.warning("work taken over")
                self._leases.drop(lease.entry_id)
            except Exception:
                log.exception("task failed unexpectedly")
                self._leases.drop(lease.entry_id)

    async def _images_outcome(self, lease: Lease, place: Place) -> Outcome:
        rendered = await self._work.render(lease.task, place)
        place.rendered()
        if isinstance(rendered, Outcome):
            return rendered
        outcome = await self._work.store(lease.task, rendered, self._leases.claim(lease.entry_id))
        self._trouble.reset()
        return outcome

    async def _report(self, lease: Lease, outcome: Outcome) -> None:
        recorded = await self._leases.finish(lease.entry_id, outcome)
        facts = {"state": outcome.state.value, "code": outcome.code, "deliveries": lease.deliveries}
        log.info("image ended" if recorded else "lease lost, outcome thrown away", extra=facts)

    async def _finish_within_grace(self, stop: Stop) -> None:
        grace = asyncio.create_task(stop.grace(self._settings.grace_seconds))
        while self._doing and not grace.done():
            await asyncio.wait({grace, *self._doing}, return_when=asyncio.FIRST_COMPLETED)
        grace.cancel()
        for doing in self._doing:
            doing.cancel()
        if self._doing:
            # Not for ever: before Python 3.12 `wait_for`, in clients of Redis, may swallow a cancellation
            # (gh-86296).
            await asyncio.wait(self._doing, timeout=CANCEL_SECONDS)

    async def _back_off(self, stop: Stop, ex: Exception) -> None:
        self._pulse.beat(connected=False)
        log.warning(
            "queue unavailable",
            extra={"reason": str(ex)},
            exc_info=None if isinstance(ex, Unavailable) else ex,
        )
        await stop.unless(asyncio.sleep(self._backoff.next()))


def verdict(lease: Lease, now: float) -> Outcome | None:
    """Return the outcome of a task that is not worth working on, else None.

    Args:
        lease: A task that killed its worker as often as it may be tried is a poison; one whose job's time is
            over is late.
        now: Seconds since the epoch.
    """
    task = lease.task
    if lease.deliveries > task.attempts:
        return failed(
            task, Code.INTERNAL_ERROR, f"the worker died {lease.deliveries - 1} times with this image"
        )
    if 0 < task.expires < now:
        return failed(task, Code.PROCESSING_TIMEOUT, "the job's time was over before this image's turn came")
    return None


def _about(lease: Lease) -> dict[str, object]:
    return lease.task.log_facts() | {"entry": lease.entry_id}
