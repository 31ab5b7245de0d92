"""HEIC is read in the child alone.

This process must not register the reader: the test of its refusal would then see a Pillow that knows HEIC.
"""

import asyncio
import base64
import zlib

import numpy as np
import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.child.decoder import Decoder
from support.images import pictures

# Written once from pictures.quarters(64, 48) by libheif and x265: nothing that comes with imagejobs can write
# one.
QUARTERS = zlib.decompress(base64.b64decode(
    "eNpjYGCQSSupLMhIzUxmAILczDRDEDs3MzGNgYFxX25qSSIDBChmpOQUQdkMBZnJJQxowCQzJx9siIsDAxMDI4jF+AhCA8EVoBgQMG2Di6gAsUVmZl4amAeSFQVyUsHKgG"
    "oyypINGZAEGUFKXCsywcr5CjJLchmgKhn+ZhYUFQDpu5kFyflAugyo15mRGSQ0AaxI7gPDn78/fjAw8DMnAHVIODDyMP7/D1LADFLBDEJyu5gcEoGSWk6MjGgyCxQaWae9"
    "erJs5w6ODAMFoBAziGBQTAIqZ3NhPFh8oBNoiXByfk5RXnJOBVCUl4GtASgkkllckAr1rgMUayTnJBZA2SDHG0BpcCD8////AzQwBAoyKzJBgswcHBxASiKzIBcWF4wMjK"
    "yNTMysLUC2VGZRahpUnC85pTgZHPiMIEW5KYmgWLqgwbie84Gyqe7/dzf///ubr/hGfUnJu/dXFv9PSt79wOz/r/W5tb+sL9d/W2X941H+rzTOVY0qWfW/i06/2OS6M2D/"
    "WRbOjd/2CtxYFRp48oZ8/bq6o+w1fid8ZLWDpsyxs8wQbeuQFFmw8CHj/PfBQWUbdPn864Nrsu3L78f+T9jPK/uW7QFbyPQAO+s3gRrSCWGq8+QL2XPP1Gfs9/7vL7p8Yt"
    "Bk1bfzsk4ymQcJ/PLcVf3tq/rh68dLLtm2Fzf/uPn2+P4EPat/q/9m35qg5XneJsFGwiHlZcwLoJ/YICnB15dBC8jjYGBkFAJFFihCIEEBAEEZv2s="
))  # fmt: skip


def rendered(source, limits=None, *, heic=True, **options):
    async def run():
        door = Decoder(limits or Limits(), heic=heic)
        await door.start()
        try:
            return await door.render(source, [Variant(**options)])
        finally:
            await door.close()

    return asyncio.run(run())


def test_a_photo_from_a_phone_becomes_a_jpeg():
    found = rendered(QUARTERS, width=32)
    (picture,) = found.pictures
    assert (found.source_format, found.source_width, found.source_height, picture.format) == (
        "heic",
        64,
        48,
        Format.JPEG,
    )
    shown = pictures.pixels(picture.data)
    assert shown.shape == (24, 32, 3)
    for (y, x), name in {(4, 4): "nw", (4, 27): "ne", (19, 4): "sw", (19, 27): "se"}.items():
        assert np.abs(shown[y, x] - pictures.CORNERS[name]).max() < 30, name


@pytest.mark.parametrize(
    ("source", "limits", "heic", "code"),
    [
        (QUARTERS, Limits(), False, Code.UNSUPPORTED_FORMAT),
        (QUARTERS, Limits(max_pixels=64 * 47), True, Code.TOO_MANY_PIXELS),
        (QUARTERS[:-40], Limits(), True, Code.CORRUPT_IMAGE),
        (QUARTERS[:60], Limits(), True, Code.CORRUPT_IMAGE),
    ],
    ids=["not asked for", "too large", "cut in its pixels", "cut in its header"],
)
def test_it_fails_by_a_code(source, limits, heic, code):
    with pytest.raises(ImageFailed) as found:
        rendered(source, limits, heic=heic)
    assert found.value.code is code
