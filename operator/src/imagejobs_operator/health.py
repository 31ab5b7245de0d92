"""Health of the operator: alive while no key is stuck, ready while it can list the ImageJobs."""

from collections.abc import Callable

from imagejobs_contract.runtime import probes

UNLISTED = "has not listed the ImageJobs yet"


class Health:
    """Answers the probes of the operator.

    The program says whether it waits for the Lease or works, the resync records its listings; the probe
    server asks.
    """

    def __init__(self) -> None:
        self._oldest_seconds: Callable[[], float] = lambda: 0.0
        self._unlisted = UNLISTED

    def begin_waiting(self) -> None:
        """Record that the operator waits for the Lease: that is all it has to do."""
        self._unlisted = ""

    def begin_work(self, oldest_seconds: Callable[[], float]) -> None:
        """Record that the operator works.

        Args:
            oldest_seconds: Returns how long the oldest key has waited. The longest reconcile
                (`reconcile.MAX_RECONCILE_SECONDS`) is shorter than `probes.STUCK_SECONDS`.
        """
        self._oldest_seconds = oldest_seconds
        self._unlisted = UNLISTED

    def record_listing(self, fault: str = "") -> None:
        """Record that the ImageJobs were listed, or why they could not be listed."""
        self._unlisted = fault

    def check_alive(self) -> str:
        """Return why the operator counts as stuck, or ""."""
        oldest = self._oldest_seconds()
        return f"a job has waited for {oldest:.0f} s" if oldest >= probes.STUCK_SECONDS else ""

    def check_ready(self) -> str:
        """Return why the operator cannot work, or ""."""
        return self._unlisted
