"""The leases that a pool worker holds: renews them from the parent's loop, never from the child; hands them back; ends them.

A lease that is lost cancels its image: another worker has the task, and only that one's outcome counts. While
the queue is silent nobody can be told of that; so nothing is stored under a lease that was not seen to be
ours for a lease time. Who stopped a job need only wait for so long.
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

RENEWALS = 3
"""Per lease time, so that two in a row may fail."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Seconds between tries while the queue is away."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    """A lease.

    Attributes:
        known: When it was ours for certain, by the monotonic clock: before the call was sent that said so.
        ending: Its outcome is on the way.
    """

    lease: Lease
    cancel: Callable[[], object]
    known: float
    ending: bool = False


class Leases:
    """What this worker has taken and neither finished, handed back nor lost.

    Args:
        queue: Where leases come from.
        consumer: This worker's name there.
        seconds: Time after which an unrenewed lease is given to another.
    """

    def __init__(self, queue: TaskQueue, consumer: str, seconds: float) -> None:
        self._queue = queue
        self._consumer = consumer
        self._seconds = seconds
        self._held: dict[str, _Held] = {}
        self._closed = False

    def hold(self, lease: Lease, cancel: Callable[[], object], asked: float) -> None:
        """Keep a lease alive from now on.

        Args:
            lease: What was taken.
            cancel: Called if it is lost.
            asked: When it was asked for, by the monotonic clock.
        """
        self._held[lease.entry_id] = _Held(lease, cancel, asked)

    def retaken(self, lease: Lease, asked: float) -> bool:
        """Tell whether we hold the task already, as ours ran out while the queue was away and nobody else came; the work goes on under this lease."""
        held = self._held.get(lease.entry_id)
        if held is not None:
            held.lease, held.known = lease, asked
        return held is not None

    async def renew_until_closed(self) -> None:
        """Renew all leases, `RENEWALS` times per lease time."""
        while not self._closed:
            await asyncio.sleep(self._seconds / RENEWALS)
            try:
                await asyncio.gather(*(self._renew(held) for held in list(self._held.values())))
            except Exception:
                log.exception("renewing failed unexpectedly")

    def claim(self, entry: str) -> "LeaseClaim":
        """Return what tells of one lease whether it is still ours."""
        return LeaseClaim(self, entry)

    async def owned(self, entry: str) -> bool:
        """Renew one lease now and tell whether it is still ours; a silent queue counts as no."""
        held = self._held.get(entry)
        try:
            return held is not None and await self._renewed(held)
        except Unavailable:
            return False

    async def holds(self, entry: str) -> bool:
        """Tell whether a lease is ours, or was within the last lease time, when nobody else can have got it; asks only if that is not known.

        Waits however long the queue is away.
        """
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        while (held := self._held.get(entry)) is not None:
            if time.monotonic() < held.known + self._seconds:
                return True
            try:
                return await self._renewed(held)
            except Unavailable as ex:
                log.warning("not stored yet", extra=_about(held.lease) | {"reason": ex.message})
                await asyncio.sleep(backoff.next())
        return False

    async def finish(self, entry: str, outcome: Outcome) -> bool:
        """Record an outcome, however long the queue is away; False if the lease was lost."""
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        while (held := self._held.get(entry)) is not None:
            held.ending = True
            try:
                recorded = await self._queue.ack(self._consumer, held.lease, outcome)
            except Unavailable as ex:
                log.warning("outcome not recorded yet", extra=_about(held.lease) | {"reason": ex.message})
                await asyncio.sleep(backoff.next())
            else:
                self.drop(entry)
                return recorded
        return False

    async def hand_back(self, entry: str) -> None:
        """Give a task to the others at once; if the queue is away, they get it when the lease runs out."""
        held = self._held.pop(entry, None)
        if held is None:
            return
        try:
            await self._queue.release(self._consumer, held.lease)
        except Unavailable as ex:
            log.warning("not handed back", extra=_about(held.lease) | {"reason": ex.message})
        else:
            log.info("handed back", extra=_about(held.lease))

    async def close(self) -> None:
        """Hand everything back and renew no more."""
        self._closed = True
        await asyncio.gather(*map(self.hand_back, list(self._held)))

    def drop(self, entry: str) -> None:
        """Renew a lease no more."""
        self._held.pop(entry, None)

    async def _renew(self, held: _Held) -> None:
        lease = held.lease
        try:
            kept = await self._renewed(held)
        except Unavailable as ex:
            log.warning("lease not renewed", extra=_about(lease) | {"reason": ex.message})
            return
        # While its outcome is on the way, a lease that is gone may just have ended well.
        if not kept and not held.ending and self._held.get(lease.entry_id) is held:
            log.warning("lease lost", extra=_about(lease))
            self.drop(lease.entry_id)
            held.cancel()

    async def _renewed(self, held: _Held) -> bool:
        asked = time.monotonic()
        kept = await self._queue.extend(self._consumer, held.lease)
        if kept:
            held.known = max(held.known, asked)
        return kept


@dataclass(frozen=True, slots=True)
class LeaseClaim:
    """Implements `store.Claim` by a lease."""

    leases: Leases
    entry: str

    async def holds(self) -> bool:
        """See `Leases.holds`."""
        return await self.leases.holds(self.entry)

    async def owned(self) -> bool:
        """See `Leases.owned`."""
        return await self.leases.owned(self.entry)


def _about(lease: Lease) -> dict[str, object]:
    return lease.task.log_facts() | {"entry": lease.entry_id}
