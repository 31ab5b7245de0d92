"""Whether the operator lives (its oldest key is young) and does its work (it could list the ImageJobs when it last tried)."""

from collections.abc import Callable

from imagejobs_contract.runtime import probes


class Health:
    """What the operator tells of itself to probes.

    Args:
        oldest_seconds: How long the oldest key has waited; the longest look at a job
            (`reconcile.LOOK_SECONDS`) is shorter than what counts as stuck.
    """

    def __init__(self, oldest_seconds: Callable[[], float]) -> None:
        self._oldest_seconds = oldest_seconds
        self._unlisted = "has not listed the ImageJobs yet"

    def record_listing(self, fault: str = "") -> None:
        """Note that the ImageJobs were listed, or why they could not be."""
        self._unlisted = fault

    def check_alive(self) -> str:
        """Tell what is wrong if nothing moves."""
        oldest = self._oldest_seconds()
        return f"a job has waited for {oldest:.0f} s" if oldest >= probes.STUCK_SECONDS else ""

    def check_ready(self) -> str:
        """Tell what keeps the operator from its work."""
        return self._unlisted
