import numpy as np
import pytest
from PIL import Image

from imagejobs_contract.model.options import Fit, Format, Gravity
from support.images import pictures
from support.images.rendering import render_image

LOGO = pictures.saved(pictures.disc(80, (200, 30, 60)), "png")


@pytest.mark.parametrize("form", [Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF, Format.GIF])
def test_transparency_stays_where_the_format_knows_it(form):
    result = render_image(LOGO, format=form).convert("RGBA")
    assert result.getpixel((1, 1))[3] < 8
    assert result.getpixel((40, 40))[3] > 247


def test_a_jpeg_puts_white_under_transparency():
    result = render_image(LOGO, format=Format.JPEG)
    assert min(result.getpixel((1, 1))) > 245


@pytest.mark.parametrize("form", list(Format))
def test_a_background_goes_under_transparency_in_every_format(form):
    result = render_image(LOGO, format=form, background="2040e0").convert("RGBA")
    assert result.getpixel((1, 1))[3] == 255
    assert np.abs(np.array(result.getpixel((1, 1))[:3]) - (0x20, 0x40, 0xE0)).max() < 16


def test_half_transparent_pixels_are_mixed():
    half = pictures.saved(Image.new("RGBA", (20, 20), (200, 0, 0, 128)), "png")
    assert (
        np.abs(np.array(render_image(half, background="0000c8").getpixel((10, 10))) - (100, 0, 100)).max() < 2
    )


@pytest.mark.parametrize(
    ("options", "corner"),
    [({}, (255, 255, 255, 0)), ({"background": "102030"}, (16, 32, 48, 255))],
    ids=["clear", "coloured"],
)
def test_contain_pads_with_the_background(options, corner):
    photo = pictures.saved(pictures.photo(90, 60), "png")
    result = render_image(photo, width=60, height=60, fit=Fit.CONTAIN, **options).convert("RGBA")
    assert result.size == (60, 60)
    assert result.getpixel((0, 0)) == corner
    assert result.getpixel((30, 30))[3] == 255


def test_contain_places_the_picture_by_gravity():
    photo = pictures.saved(Image.new("RGB", (90, 60)), "png")
    result = render_image(
        photo, width=60, height=60, fit=Fit.CONTAIN, gravity=Gravity.SOUTH, background="ffffff"
    )
    assert result.getpixel((30, 19)) == (255, 255, 255)
    assert result.getpixel((30, 21)) == (0, 0, 0)
