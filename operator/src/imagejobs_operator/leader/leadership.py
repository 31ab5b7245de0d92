"""Takes a Lease, keeps it, and knows for how long it is certainly held.

The times of a Lease are measured here, never read from it: calendars of two machines may differ. A holder
trusts its Lease for `TRUSTED` of its duration, counted from before the renewal was sent; another operator
takes it only after it has seen no renewal for the whole duration. What is between is room for a slow answer.

A machine whose monotonic clock stands still, as that of a virtual machine that is paused may, can still act
once after that; its status writes name a version and are refused (ADR 11).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from imagejobs_contract.errors import AlreadyExists, Conflict, ImageJobsError

log = logging.getLogger(__name__)

TRUSTED = 0.75
"""Part of the duration for which a holder trusts its last renewal."""
RENEWALS, LOOKS = 4, 8
"""Renewals, and looks of those who wait, in one duration."""


class LeaseLost(ImageJobsError):
    """Raised when this operator does not certainly hold the Lease any more: it may do nothing."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A Lease as it is stored.

    Attributes:
        holder: Who holds it; "" if nobody does.
        seconds: How long it is held after a renewal.
        version: Changes with every write.
    """

    holder: str
    seconds: float
    version: str


class LeaseStore(Protocol):
    """Where the Lease is stored."""

    async def read(self) -> LeaseRecord | None:
        """Return the Lease, or None if there is none.

        Raises:
            ImageJobsError: It cannot be read.
        """
        ...

    async def write(self, before: LeaseRecord | None, holder: str, seconds: float) -> LeaseRecord:
        """Write the Lease with a new time of renewal, and return it.

        Args:
            before: As it was read or written last; None makes one.
            holder: Who holds it from now on; "" is nobody.
            seconds: For how long.

        Raises:
            Conflict: Somebody else has written it.
            ImageJobsError: It cannot be written.
        """
        ...


class Leadership:
    """Holds the Lease, or waits for it. The program waits, keeps and releases; every port asks `check`.

    Args:
        store: Holds the Lease.
        identity: Of this process, and of no other one.
        seconds: Duration of the Lease.
        clock: Seconds that only grow.
    """

    def __init__(
        self, store: LeaseStore, identity: str, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._identity = identity
        self._seconds = seconds
        self._clock = clock
        self._seen: LeaseRecord | None = None
        self._seen_since = clock()
        self._held_until = clock()
        self._told = ""

    @property
    def leads(self) -> bool:
        """Return whether this operator certainly holds the Lease."""
        return self._clock() < self._held_until

    def describe(self) -> str:
        """Return who leads, for people."""
        if self.leads:
            return f"leads as {self._identity}"
        holder = self._seen.holder if self._seen else ""
        return f"waits; {holder or 'nobody'} leads"

    def check(self) -> None:
        """Return if this operator certainly holds the Lease.

        Raises:
            LeaseLost: It does not.
        """
        if not self.leads:
            raise LeaseLost(f"{self._identity} does not hold the Lease any more")

    async def acquire(self) -> None:
        """Wait until this operator holds the Lease."""
        log.info("waits for the Lease", extra={"identity": self._identity})
        while True:
            if await self._try(self._take_if_free):
                break
            await asyncio.sleep(self._seconds / LOOKS)
        log.info("leads", extra={"identity": self._identity})

    async def keep(self) -> None:
        """Renew the Lease until it is lost.

        Raises:
            LeaseLost: Another one holds it, or it could not be renewed in time.
        """
        while True:
            await asyncio.sleep(self._seconds / RENEWALS)
            self.check()
            await self._try(self._renew)

    async def release(self) -> None:
        """Give the Lease back, so that another operator need not wait; all work must have stopped."""
        if not self.leads:
            return
        self._held_until = self._clock()
        await self._try(self._give_back)

    async def _try(self, step: Callable[[], Awaitable[bool]]) -> bool:
        """Take a step; return False if the API server does not let us, which is told once."""
        try:
            async with asyncio.timeout(self._seconds / RENEWALS):
                done = await step()
        except LeaseLost:
            raise
        except (ImageJobsError, TimeoutError) as ex:
            reason = str(ex) or "no answer"
            if reason != self._told:
                log.warning("the Lease fails", extra={"reason": reason})
                self._told = reason
            return False
        self._told = ""
        return done

    async def _take_if_free(self) -> bool:
        """Take the Lease if nobody holds it, or if its holder has not renewed it for its whole duration."""
        record = await self._store.read()
        if record != self._seen:
            self._seen, self._seen_since = record, self._clock()
        if record and record.holder and self._clock() < self._seen_since + record.seconds:
            return False
        try:
            await self._write(record)
        except (AlreadyExists, Conflict):  # another one took it
            return False
        return True

    async def _renew(self) -> bool:
        try:
            await self._write(self._seen)
        except Conflict as ex:
            self._seen = (
                await self._store.read()
            )  # a write of ours whose answer was lost may be the other one
            if self._seen is None or self._seen.holder != self._identity:
                self._held_until = self._clock()
                raise LeaseLost(f"{self.describe()} now") from ex
            await self._write(self._seen)
        return True

    async def _write(self, before: LeaseRecord | None) -> None:
        sent = self._clock()
        self._seen = await self._store.write(before, self._identity, self._seconds)
        self._held_until = sent + TRUSTED * self._seconds

    async def _give_back(self) -> bool:
        await self._store.write(self._seen, "", self._seconds)
        return True
