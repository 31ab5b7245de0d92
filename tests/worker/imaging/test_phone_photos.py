"""Photos with more pixels than are allowed, which are decoded so small that the limit holds."""

import io

import pytest
from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.pipeline import render

LIMITS = Limits(max_pixels=1_000_000)


def photo(width: int, height: int, kind: str = "JPEG", **options) -> bytes:
    data = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((width, height)).save(data, kind, **options)
    return data.getvalue()


def code_of(data: bytes, **options) -> Code:
    with pytest.raises(ImageFailed) as raised:
        render(data, [Variant(**options)], LIMITS, Deadline.after(20))
    return raised.value.code


@pytest.mark.parametrize("size", [(1200, 900), (2000, 2000), (2000, 1999)], ids=str)
def test_a_photo_of_up_to_four_times_the_pixels_is_made_small(size):
    picture = render(photo(*size), [Variant(width=300)], LIMITS, Deadline.after(20)).pictures[0]
    assert picture.width == 300
    made = Image.open(io.BytesIO(picture.data)).convert("L")
    # linear_gradient is black at its top and white at its bottom
    assert made.getpixel((150, 2)) < 10
    assert made.getpixel((150, made.height - 3)) > 245


def test_what_would_be_decoded_counts():
    assert code_of(photo(2000, 2000), width=1200, fit="inside") is Code.TOO_MANY_PIXELS
    assert code_of(photo(2000, 2000)) is Code.TOO_MANY_PIXELS


@pytest.mark.parametrize(
    "data",
    [
        photo(2000, 2001),
        photo(1200, 900, progressive=True),
        photo(1200, 900, "PNG"),
        photo(1200, 900, "WEBP"),
    ],
    ids=["more than four times", "progressive", "png", "webp"],
)
def test_the_header_counts_where_all_of_it_is_decoded(data):
    assert code_of(data, width=100, format=Format.JPEG) is Code.TOO_MANY_PIXELS
