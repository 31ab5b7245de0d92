import numpy as np
import pytest
from PIL import Image, ImageOps

from imagejobs_contract.model.options import Fit, Format, Gravity
from imagejobs_worker.imaging.orientation import to_stored_box
from support.images import pictures
from support.images.rendering import render

ORIENTATIONS = range(1, 9)


def turned(orientation, form="jpeg", size=(240, 160)):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return pictures.saved(
        pictures.quarters(*size),
        form,
        exif=exif,
        **({"quality": 95, "subsampling": 0} if form == "jpeg" else {}),
    )


def upright(data):
    return ImageOps.exif_transpose(pictures.opened(data))


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif", "tiff"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_is_applied_and_not_kept_in_the_metadata(orientation, form):
    data = turned(orientation, form)
    found = render(data, width=60, format=Format.PNG, keep_metadata=True)
    result, expected = pictures.opened(found.pictures[0].data), upright(data)
    assert (found.source_width, found.source_height) == expected.size
    assert result.size == (60, round(60 * expected.height / expected.width))
    assert result.getexif().get(0x0112, 1) == 1
    small = pictures.pixels(expected.resize(result.size, Image.Resampling.BOX))
    assert pictures.psnr(pictures.pixels(result), small) > 24
    for x, y in ((3, 3), (-4, 3), (3, -4), (-4, -4)):
        assert np.abs(pictures.pixels(result)[y, x] - small[y, x]).max() < 30


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("gravity", [Gravity.NORTHWEST, Gravity.SOUTHEAST])
def test_cover_cuts_the_picture_that_people_see(orientation, gravity):
    data = turned(orientation)
    result = pictures.pixels(
        render(data, width=40, height=40, fit=Fit.COVER, gravity=gravity, format=Format.PNG).pictures[0].data
    )
    seen = upright(data)
    side = min(seen.size)
    left, top = (0, 0) if gravity is Gravity.NORTHWEST else (seen.width - side, seen.height - side)
    expected = pictures.pixels(
        seen.crop((left, top, left + side, top + side)).resize((40, 40), Image.Resampling.BOX)
    )
    assert pictures.psnr(result, expected) > 24


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_contain_pads_the_picture_that_people_see(orientation):
    found = render(
        turned(orientation),
        width=60,
        height=60,
        fit=Fit.CONTAIN,
        gravity=Gravity.SOUTHEAST,
        background="ffffff",
    ).pictures[0]
    result = pictures.pixels(found.data)
    padded = (30, 5) if orientation < 5 else (5, 30)
    assert result.shape == (60, 60, 3)
    assert np.abs(result[padded[1], padded[0]] - 255).max() < 6


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_box_laid_down_is_where_pillow_would_have_found_it(orientation):
    stored = Image.fromarray(np.arange(12 * 8, dtype=np.uint8).reshape(8, 12))
    exif = stored.getexif()
    exif[0x0112] = orientation
    seen = ImageOps.exif_transpose(stored)
    box = (1, 2, 5, 7)
    lying = tuple(round(each) for each in to_stored_box(tuple(map(float, box)), seen.size, orientation))
    assert sorted(seen.crop(box).tobytes()) == sorted(stored.crop(lying).tobytes())
