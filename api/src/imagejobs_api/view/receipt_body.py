"""The receipt of a job as a part of answers. Pure."""

from typing import TypedDict

from imagejobs_contract.model.receipt import Receipt
from imagejobs_contract.wire.json_types import Count


class ReceiptBody(TypedDict):
    """What went in, what came out, and what it took.

    Attributes:
        bytes_in: Size of the sources of all images that have their results.
        bytes_out: Size of all results.
        bytes_saved: How much smaller the results are than the sources; negative if they are larger.
        saved_percent: The same in percent of the sources; null without sources.
        cpu_seconds: Processor time of decoding, resizing and encoding.
    """

    bytes_in: Count
    bytes_out: Count
    bytes_saved: int
    saved_percent: int | None
    cpu_seconds: float


def receipt_body(receipt: Receipt) -> ReceiptBody:
    """Return a receipt."""
    return {
        "bytes_in": receipt.bytes_in,
        "bytes_out": receipt.bytes_out,
        "bytes_saved": receipt.bytes_saved,
        "saved_percent": receipt.saved_percent,
        "cpu_seconds": receipt.cpu_seconds,
    }
