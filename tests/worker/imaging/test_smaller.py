"""`max_size` where there is no quality to give up, or another thing is to be given up for it."""

import numpy as np
import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Fit, Format, MaxSizeBy
from support.images import pictures
from support.images.rendering import render

PHOTO = pictures.photo(320, 240)


def made(image, most, by, source="png", **options):
    data = image if isinstance(image, bytes) else pictures.saved(image, source)
    return render(data, max_size=most, max_size_by=by, **options).pictures[0]


def test_a_png_that_fits_keeps_its_colours():
    found = made(PHOTO, 500_000, MaxSizeBy.PALETTE)
    assert np.array_equal(pictures.pixels(found.data), pictures.pixels(PHOTO))


@pytest.mark.parametrize("most", [60_000, 30_000, 12_000])
def test_a_png_gets_only_as_few_colours_as_it_must(most):
    found = made(PHOTO, most, MaxSizeBy.PALETTE)
    image = pictures.opened(found.data)
    assert (found.width, found.height, image.mode) == (320, 240, "P")
    assert 0.3 * most < len(found.data) <= most
    assert pictures.psnr(pictures.pixels(image), pictures.pixels(PHOTO)) > 15


def test_fewer_colours_keep_soft_edges():
    disc = pictures.disc(200, (200, 30, 60)).resize((120, 120))
    found = made(disc, 1_500, MaxSizeBy.PALETTE)
    alpha = np.asarray(pictures.opened(found.data).convert("RGBA"))[..., 3].astype(float)
    assert len(found.data) <= 1_500
    assert np.abs(alpha - np.asarray(disc)[..., 3]).mean() < 8


def test_a_palette_is_for_pngs_and_others_give_up_quality():
    found = made(PHOTO, 6_000, MaxSizeBy.PALETTE, "jpeg")
    assert (found.format, found.width) == (Format.JPEG, 320)
    assert len(found.data) <= 6_000


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("png", "png has no quality to give up: max_size_by=scale or palette, or another format, may help"),
        ("tiff", "tiff has no quality to give up: max_size_by=scale, or another format, may help"),
        ("gif", "gif has no quality to give up: max_size_by=scale, or another format, may help"),
    ],
)
def test_a_file_that_cannot_lose_quality_says_what_helps(source, told):
    with pytest.raises(ImageFailed, match=told) as caught:
        made(PHOTO, 1_000, MaxSizeBy.QUALITY, source)
    assert caught.value.code is Code.MAX_SIZE_UNREACHABLE


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("most", [4_000, 15_000])
def test_every_format_can_give_up_pixels(form, most):
    found = made(PHOTO, most, MaxSizeBy.SCALE, format=form)
    assert pictures.opened(found.data).size == (found.width, found.height)
    assert len(found.data) <= most
    assert (found.width, found.height) == (320, 240) or len(found.data) > 0.6 * most
    assert found.width / found.height == pytest.approx(4 / 3, abs=0.05)


def test_an_animation_can_give_up_pixels():
    data = pictures.animation("gif", [pictures.photo(160, 120, seed) for seed in range(4)])
    found = made(data, 20_000, MaxSizeBy.SCALE)
    assert (pictures.opened(found.data).n_frames, len(found.data) <= 20_000) == (4, True)


def test_the_padding_around_a_picture_shrinks_with_it():
    found = made(PHOTO, 10_000, MaxSizeBy.SCALE, width=300, height=300, fit=Fit.CONTAIN, background="ff0000")
    image = pictures.pixels(found.data)
    assert found.width == found.height < 300
    assert [tuple(image[y, found.width // 2]) for y in (0, -1)] == [(255, 0, 0)] * 2


@pytest.mark.parametrize(("by", "form"), [(MaxSizeBy.PALETTE, Format.PNG), (MaxSizeBy.SCALE, Format.JPEG)])
def test_an_unreachable_size_is_an_error(by, form):
    """The tables of a JPEG alone are longer."""
    noise = np.random.default_rng(3).integers(0, 256, (60, 60, 3), np.uint8)
    with pytest.raises(ImageFailed) as found:
        made(pictures.Image.fromarray(noise), 256, by, format=form)
    assert found.value.code is Code.MAX_SIZE_UNREACHABLE
