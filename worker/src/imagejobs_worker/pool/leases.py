"""The leases that a pool worker holds: extends them, acknowledges outcomes, releases tasks.

A lease that is lost cancels its image: another worker has the task, and only that one's outcome counts. While
the queue is silent no worker can learn that it lost a lease. So no result is stored under a lease that was
not confirmed within the last lease time. An operator that stops a job waits for that time and for one call to
S3 (`late_writes` in the operator). Leases are extended by this process, never by the child.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.ports import Lease, TaskQueue
from imagejobs_contract.runtime.backoff import Backoff

EXTENSIONS_PER_LEASE = 3
"""Extensions per lease time, so that two in a row may fail."""
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 0.1, 5.0
"""Between tries while the queue is away: the first wait and the longest."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _HeldLease:
    """A lease that this worker holds.

    Attributes:
        confirmed_at: When it was certainly ours, by the monotonic clock: before the call was sent that
            confirmed it.
        acking: Its outcome is being sent.
    """

    lease: Lease
    cancel: Callable[[], object]
    confirmed_at: float
    acking: bool = False


class Leases:
    """The leases of this worker that are neither acknowledged, released nor lost, by queue entry.

    `Pool` owns it for its whole run: it adds each lease that it takes, and keeps `extend_until_closed`
    running beside the images. `LeaseOwnership` hands a single lease to `store` as its `Ownership`.

    Args:
        queue: Where leases come from.
        consumer: This worker's name there.
        seconds: Time after which a lease that is not extended goes to another worker.
    """

    def __init__(self, queue: TaskQueue, consumer: str, seconds: float) -> None:
        self._queue = queue
        self._consumer = consumer
        self._seconds = seconds
        self._held: dict[str, _HeldLease] = {}
        self._closed = False

    def add(self, lease: Lease, cancel: Callable[[], object], requested_at: float) -> None:
        """Extend a lease from now on.

        Args:
            lease: The lease.
            cancel: Called if it is lost.
            requested_at: When it was requested, by the monotonic clock.
        """
        self._held[lease.entry_id] = _HeldLease(lease, cancel, requested_at)

    def readopt(self, lease: Lease, requested_at: float) -> bool:
        """Return whether the task is in hand already, and if so continue it under this lease.

        That happens when our lease ran out while the queue was away and no other worker took the task.

        Args:
            lease: The new lease.
            requested_at: When it was requested, by the monotonic clock.
        """
        held = self._held.get(lease.entry_id)
        if held is not None:
            held.lease, held.confirmed_at = lease, requested_at
        return held is not None

    async def extend_until_closed(self) -> None:
        """Extend all leases, `EXTENSIONS_PER_LEASE` times per lease time."""
        while not self._closed:
            await asyncio.sleep(self._seconds / EXTENSIONS_PER_LEASE)
            try:
                await asyncio.gather(*(self._extend_or_cancel(held) for held in list(self._held.values())))
            except Exception:
                log.exception("renewing failed unexpectedly")

    def ownership_of(self, entry_id: str) -> "LeaseOwnership":
        """Return the `Ownership` of one task, for `store`."""
        return LeaseOwnership(self, entry_id)

    async def verify_ownership(self, entry_id: str) -> bool:
        """Extend one lease now, and return whether it is still ours; a silent queue counts as no.

        Always asks the queue: called before an object is replaced, where a wrong yes would destroy another
        worker's result.
        """
        held = self._held.get(entry_id)
        try:
            return held is not None and await self._extend(held)
        except Unavailable:
            return False

    async def may_create(self, entry_id: str) -> bool:
        """Return whether a result may still be created under this lease.

        Answers from memory if the lease was confirmed within the last lease time, because no other worker can
        have got it since; else asks the queue, and waits without limit while it is away.
        """
        backoff = Backoff(FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS)
        while (held := self._held.get(entry_id)) is not None:
            if time.monotonic() < held.confirmed_at + self._seconds:
                return True
            try:
                return await self._extend(held)
            except Unavailable as ex:
                log.warning("not stored yet", extra=_log_facts(held.lease) | {"reason": ex.message})
                await asyncio.sleep(backoff.next())
        return False

    async def ack(self, entry_id: str, outcome: Outcome) -> bool:
        """Record an outcome, without limit while the queue is away; return False if the lease was lost."""
        backoff = Backoff(FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS)
        while (held := self._held.get(entry_id)) is not None:
            held.acking = True
            try:
                recorded = await self._queue.ack(self._consumer, held.lease, outcome)
            except Unavailable as ex:
                log.warning("outcome not recorded yet", extra=_log_facts(held.lease) | {"reason": ex.message})
                await asyncio.sleep(backoff.next())
            else:
                self.drop(entry_id)
                return recorded
        return False

    async def release(self, entry_id: str) -> None:
        """Give a task back to the queue; if the queue is away, others get it when the lease runs out."""
        held = self._held.pop(entry_id, None)
        if held is None:
            return
        try:
            await self._queue.release(self._consumer, held.lease)
        except Unavailable as ex:
            log.warning("not handed back", extra=_log_facts(held.lease) | {"reason": ex.message})
        else:
            log.info("handed back", extra=_log_facts(held.lease))

    async def close(self) -> None:
        """Release all tasks and extend no more."""
        self._closed = True
        await asyncio.gather(*map(self.release, list(self._held)))

    def drop(self, entry_id: str) -> None:
        """Stop extending a lease."""
        self._held.pop(entry_id, None)

    async def _extend_or_cancel(self, held: _HeldLease) -> None:
        lease = held.lease
        try:
            kept = await self._extend(held)
        except Unavailable as ex:
            log.warning("lease not renewed", extra=_log_facts(lease) | {"reason": ex.message})
            return
        # While its outcome is being sent, a lease that is gone may have been acknowledged.
        if not kept and not held.acking and self._held.get(lease.entry_id) is held:
            log.warning("lease lost", extra=_log_facts(lease))
            self.drop(lease.entry_id)
            held.cancel()

    async def _extend(self, held: _HeldLease) -> bool:
        requested_at = time.monotonic()
        kept = await self._queue.extend(self._consumer, held.lease)
        if kept:
            held.confirmed_at = max(held.confirmed_at, requested_at)
        return kept


@dataclass(frozen=True, slots=True)
class LeaseOwnership:
    """Implements `store.Ownership` by a lease."""

    leases: Leases
    entry_id: str

    async def may_create(self) -> bool:
        """Do `Leases.may_create` for this lease."""
        return await self.leases.may_create(self.entry_id)

    async def verify_ownership(self) -> bool:
        """Do `Leases.verify_ownership` for this lease."""
        return await self.leases.verify_ownership(self.entry_id)


def _log_facts(lease: Lease) -> dict[str, object]:
    return lease.task.log_facts() | {"entry": lease.entry_id}
