"""Works from the pool's queue: leases tasks, renders and stores, acknowledges; survives every failure.

Redis may vanish and come back empty: the operator then sends the unfinished tasks again, and they find the
results that are stored. No error of one task ends the program.
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
from imagejobs_worker.image.shutdown import Shutdown
from imagejobs_worker.image.slots import Slot, Slots
from imagejobs_worker.image.store import OwnershipLost
from imagejobs_worker.image.work import ImageWork, failure_outcome
from imagejobs_worker.pool.heartbeat import Liveness
from imagejobs_worker.pool.leases import Leases

POLL_SECONDS = 1.0
"""How long one poll waits for a task, and so how long a stop may wait: a poll that is cut off could lose a
task for a lease time.
"""
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 0.1, 5.0
"""Between polls while the queue is away, or between tasks while the storage refuses our credentials: the
first wait and the longest.
"""
MAX_CANCEL_SECONDS = 3.0
"""How long cancelled tasks may take: killing a child takes milliseconds."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How a pool worker behaves; times in seconds.

    Attributes:
        consumer: Its name in the group, used by no other worker.
        lease_seconds: A task whose lease is not extended for this time goes to another worker.
        grace_seconds: How long it may finish the tasks in hand when asked to stop.
    """

    consumer: str
    lease_seconds: float
    grace_seconds: float


class Pool:
    """Leases tasks from the queue and runs them until asked to stop.

    `program` makes one and awaits `run`. For each free slot of `Slots` it leases one task, runs it by
    `ImageWork` in an asyncio task of its own, and acknowledges the outcome through `Leases`. It lives as long
    as the program.
    """

    def __init__(
        self, queue: TaskQueue, work: ImageWork, slots: Slots, settings: PoolSettings, liveness: Liveness
    ) -> None:
        self._queue = queue
        self._work = work
        self._slots = slots
        self._settings = settings
        self._liveness = liveness
        self._leases = Leases(queue, settings.consumer, settings.lease_seconds)
        self._running: set[asyncio.Task[None]] = set()
        self._queue_backoff = Backoff(FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS)
        self._settings_backoff = Backoff(FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS)

    async def run(self, shutdown: Shutdown) -> None:
        """Work until asked to stop, then finish within the grace, and release the rest."""
        extending = asyncio.create_task(self._leases.extend_until_closed())
        try:
            await self._wait_for_queue(shutdown)
            while not shutdown.requested:
                await self._poll(shutdown)
            await self._finish_within_grace(shutdown)
        finally:
            await self._leases.close()
            extending.cancel()

    async def _wait_for_queue(self, shutdown: Shutdown) -> None:
        while not shutdown.requested:
            try:
                await self._queue.depth()
            except Unavailable as ex:
                await self._back_off(shutdown, ex)
            else:
                self._liveness.record_poll(connected=True)
                logs.say_ready(consumer=self._settings.consumer)
                return

    async def _poll(self, shutdown: Shutdown) -> None:
        slot = await shutdown.race(self._slots.acquire())
        if slot is None:
            return
        requested_at = time.monotonic()
        try:
            lease = await self._queue.lease(self._settings.consumer, POLL_SECONDS)
        except Exception as ex:  # noqa: BLE001 - logged by _back_off; the loop goes on after any error
            slot.close()
            await self._back_off(shutdown, ex)
            return
        self._queue_backoff.reset()
        self._liveness.record_poll(connected=True)
        self._start(lease, requested_at, slot, shutdown)

    def _start(self, lease: Lease | None, requested_at: float, slot: Slot, shutdown: Shutdown) -> None:
        if lease is None or self._leases.readopt(lease, requested_at):
            slot.close()
            return
        task = asyncio.create_task(self._run_task(lease, slot, shutdown))
        self._leases.add(lease, task.cancel, requested_at)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run_task(self, lease: Lease, slot: Slot, shutdown: Shutdown) -> None:
        with slot, logs.bound(**_log_facts(lease)), self._work.span_for(lease.task):
            try:
                outcome = reject_task(lease) or await self._process(lease, slot)
                await self._report(lease, outcome)
            except Misconfigured as ex:
                log.error("storage does not take our settings", extra={"reason": ex.message})
                await self._leases.release(lease.entry_id)
                await shutdown.race(asyncio.sleep(self._settings_backoff.next()))
            except OwnershipLost:
                log.warning("work taken over")
                self._leases.drop(lease.entry_id)
            except Exception:
                log.exception("task failed unexpectedly")
                self._leases.drop(lease.entry_id)

    async def _process(self, lease: Lease, slot: Slot) -> Outcome:
        rendered = await self._work.render(lease.task, slot)
        slot.mark_rendered()
        if isinstance(rendered, Outcome):
            return rendered
        outcome = await self._work.store(lease.task, rendered, self._leases.ownership_of(lease.entry_id))
        self._settings_backoff.reset()
        return outcome

    async def _report(self, lease: Lease, outcome: Outcome) -> None:
        recorded = await self._leases.ack(lease.entry_id, outcome)
        facts = {"state": outcome.state.value, "code": outcome.code, "deliveries": lease.deliveries}
        log.info("image ended" if recorded else "lease lost, outcome thrown away", extra=facts)

    async def _finish_within_grace(self, shutdown: Shutdown) -> None:
        grace = asyncio.create_task(shutdown.wait_for_grace_end(self._settings.grace_seconds))
        while self._running and not grace.done():
            await asyncio.wait({grace, *self._running}, return_when=asyncio.FIRST_COMPLETED)
        grace.cancel()
        for task in self._running:
            task.cancel()
        if self._running:
            # With a limit: before Python 3.12 `wait_for`, in clients of Redis, may swallow a cancellation
            # (gh-86296).
            await asyncio.wait(self._running, timeout=MAX_CANCEL_SECONDS)

    async def _back_off(self, shutdown: Shutdown, ex: Exception) -> None:
        self._liveness.record_poll(connected=False)
        log.warning(
            "queue unavailable",
            extra={"reason": str(ex)},
            exc_info=None if isinstance(ex, Unavailable) else ex,
        )
        await shutdown.race(asyncio.sleep(self._queue_backoff.next()))


def reject_task(lease: Lease) -> Outcome | None:
    """Return the failure of a task that is not worth working on, else None.

    A task is rejected that killed its workers as often as it may be tried, or whose job's time is over.

    Args:
        lease: The task, with the number of its deliveries and its age.
    """
    task = lease.task
    if lease.deliveries > task.attempts:
        return failure_outcome(
            task, Code.INTERNAL_ERROR, f"the worker died {lease.deliveries - 1} times with this image"
        )
    if 0 < task.lifetime_seconds < lease.age_seconds:
        return failure_outcome(
            task, Code.QUEUE_TIMEOUT, "the job's time was over before this image's turn came; try it again"
        )
    return None


def _log_facts(lease: Lease) -> dict[str, object]:
    return lease.task.log_facts() | {"entry": lease.entry_id}
