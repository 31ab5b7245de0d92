"""Counts of images by state. Apart from the status, because workers load this and never write a status."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """How many images are active, succeeded and failed; the rest of the total is pending."""

    total: int = 0
    active: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def done(self) -> int:
        """Return how many ended, well or not."""
        return self.succeeded + self.failed

    @property
    def percent(self) -> int:
        """Return 0 to 100, rounded down, so that 100 means all."""
        return 100 * self.done // self.total if self.total else 0
