"""The receipt of images: what went in, what came out, and the processor time that it took. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from imagejobs_contract.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Receipt:
    """Sums over images.

    Attributes:
        succeeded: Images that have their results.
        failed: Images that have none.
        bytes_in: Size of the sources of images that have their results.
        bytes_out: Size of all results.
        cpu_milliseconds: Processor time of decoding, resizing and encoding, of failed images too.
    """

    succeeded: int = 0
    failed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    cpu_milliseconds: int = 0

    def __add__(self, other: "Receipt") -> "Receipt":
        return Receipt(
            self.succeeded + other.succeeded,
            self.failed + other.failed,
            self.bytes_in + other.bytes_in,
            self.bytes_out + other.bytes_out,
            self.cpu_milliseconds + other.cpu_milliseconds,
        )

    @property
    def bytes_saved(self) -> int:
        """Return by how much the results are smaller than the sources; negative if they are larger."""
        return self.bytes_in - self.bytes_out

    @property
    def saved_percent(self) -> int | None:
        """Return that in percent of the sources, rounded towards zero; None without sources."""
        return int(100 * self.bytes_saved / self.bytes_in) if self.bytes_in else None

    @property
    def cpu_seconds(self) -> float:
        """Return the processor time in seconds."""
        return self.cpu_milliseconds / 1000


def sum_up(outcomes: Iterable[Outcome]) -> Receipt:
    """Return the receipt of some outcomes."""
    succeeded = failed = bytes_in = bytes_out = cpu = 0
    for each in outcomes:
        succeeded += each.succeeded
        failed += not each.succeeded
        bytes_in += each.bytes_in
        bytes_out += each.bytes_out
        cpu += each.cpu_milliseconds
    return Receipt(succeeded, failed, bytes_in, bytes_out, cpu)
