"""The leases that a pool worker holds: renews them from the parent's loop, never from the child; hands them back; ends them.

A lease that is lost cancels its image: another worker has the task, and only that one's outcome counts.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from imagejobs_contract.errors import Unavailable
from imagejobs_contract.outcome import Outcome
from imagejobs_contract.ports import Lease, TaskQueue
from imagejobs_worker.retry import Backoff

RENEWALS = 3
"""Per lease time, so that two in a row may fail."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Seconds between tries while the queue is away."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    lease: Lease
    cancel: Callable[[], object]
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

    def hold(self, lease: Lease, cancel: Callable[[], object]) -> None:
        """Keep a lease alive from now on; `cancel` is called if it is lost."""
        self._held[lease.entry] = _Held(lease, cancel)

    def retaken(self, lease: Lease) -> bool:
        """Tell whether we hold the task already, as ours ran out while the queue was away and nobody else came; the work goes on under this lease."""
        held = self._held.get(lease.entry)
        if held is not None:
            held.lease = lease
        return held is not None

    async def renew_until_closed(self) -> None:
        """Renew all leases, `RENEWALS` times per lease time."""
        while not self._closed:
            await asyncio.sleep(self._seconds / RENEWALS)
            try:
                await asyncio.gather(*(self._renew(held) for held in list(self._held.values())))
            except Exception:
                log.exception("renewing failed unexpectedly")

    async def owned(self, entry: str) -> bool:
        """Renew one lease now and tell whether it is still ours; a silent queue counts as no."""
        held = self._held.get(entry)
        try:
            return held is not None and await self._queue.renew(self._consumer, held.lease)
        except Unavailable:
            return False

    async def finish(self, entry: str, outcome: Outcome) -> bool:
        """Record an outcome, however long the queue is away; False if the lease was lost."""
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        while (held := self._held.get(entry)) is not None:
            held.ending = True
            try:
                recorded = await self._queue.finish(self._consumer, held.lease, outcome)
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
            await self._queue.hand_back(self._consumer, held.lease)
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
            kept = await self._queue.renew(self._consumer, lease)
        except Unavailable as ex:
            log.warning("lease not renewed", extra=_about(lease) | {"reason": ex.message})
            return
        # While its outcome is on the way, a lease that is gone may just have ended well.
        if not kept and not held.ending and self._held.get(lease.entry) is held:
            log.warning("lease lost", extra=_about(lease))
            self.drop(lease.entry)
            held.cancel()


def _about(lease: Lease) -> dict[str, object]:
    return lease.task.about() | {"entry": lease.entry}
