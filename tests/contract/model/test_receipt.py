"""Receipts: sums, and what was saved."""

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.receipt import Receipt, sum_up


def test_images_are_summed_up_with_the_time_of_failed_ones():
    files = tuple(OutputFile(name, f"o/{name}", 1, 1, Format.JPEG, 200) for name in ("thumb", "web"))
    good = Outcome(0, "a", outputs=files, bytes_in=1000, cpu_milliseconds=30)
    bad = Outcome(1, "b", code=Code.CORRUPT_IMAGE, cpu_milliseconds=5)
    assert sum_up([good, bad]) == Receipt(1, 1, 1000, 400, 35)
    assert sum_up([good]) + sum_up([bad]) == sum_up([good, bad])
    assert sum_up([]) == Receipt()


@pytest.mark.parametrize(
    ("bytes_in", "bytes_out", "saved", "percent"),
    [(1000, 170, 830, 83), (1000, 1, 999, 99), (1000, 1000, 0, 0), (1000, 1500, -500, -50), (0, 0, 0, None)],
)
def test_what_was_saved_is_told_in_bytes_and_percent(bytes_in, bytes_out, saved, percent):
    receipt = Receipt(bytes_in=bytes_in, bytes_out=bytes_out, cpu_milliseconds=1234)
    assert (receipt.bytes_saved, receipt.saved_percent, receipt.cpu_seconds) == (saved, percent, 1.234)
