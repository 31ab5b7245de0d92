import numpy as np
import pytest
from PIL import Image, ImageCms

from imagejobs_contract.model.options import Format
from support.images import pictures
from support.images.rendering import render_image

P3 = pictures.p3_profile()


def srgb_of_p3(values, gamma=2.2):
    """Convert P3 with a plain gamma -> XYZ -> sRGB with its own curve, clipped to sRGB's gamut."""
    linear = (values / 255) ** gamma @ (pictures.XYZ_TO_SRGB @ pictures.P3_TO_XYZ).T
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("form", ["png", "tiff", "webp", "jpeg"])
def test_a_wide_gamut_profile_is_converted_to_srgb(form):
    options = {"lossless": True} if form == "webp" else {}
    source = pictures.photo(120, 90)
    result = render_image(pictures.saved(source, form, icc_profile=P3, **options), format=Format.PNG)
    seen = pictures.pixels(pictures.saved(source, form, **options))
    assert pictures.psnr(pictures.pixels(result), srgb_of_p3(seen)) > 35
    assert pictures.psnr(pictures.pixels(result), seen) < 32
    assert "icc_profile" not in result.info


def test_alpha_passes_the_profile_untouched():
    source = pictures.photo(60, 60).convert("RGBA")
    source.putalpha(Image.linear_gradient("L").resize((60, 60)))
    result = render_image(pictures.saved(source, "png", icc_profile=P3))
    assert result.mode == "RGBA"
    assert np.array_equal(np.asarray(result)[..., 3], np.asarray(source)[..., 3])
    assert pictures.psnr(pictures.pixels(result), srgb_of_p3(pictures.pixels(source))) > 35


def test_a_grey_profile_changes_tones_and_stays_grey():
    source = Image.linear_gradient("L")
    result = render_image(pictures.saved(source, "png", icc_profile=pictures.grey_profile(1.8)))
    expected = (np.asarray(source)[:, 0] / 255) ** 1.8
    expected = 255 * np.where(expected <= 0.0031308, 12.92 * expected, 1.055 * expected ** (1 / 2.4) - 0.055)
    assert result.mode == "L"
    assert np.abs(np.asarray(result)[:, 0] - expected).max() < 4


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"garbage" * 40,
        P3[:200],
        P3[:-30],
        pictures.grey_profile(2.2),
        P3.replace(b"RGB ", b"CMYK"),
        bytes(5 * 2**20),
    ],
    ids=["empty", "garbage", "header only", "cut", "for greys", "for presses", "5 MiB"],
)
def test_a_broken_or_ill_fitting_profile_is_ignored(profile):
    source = pictures.photo(64, 48)
    result = render_image(pictures.saved(source, "tiff", icc_profile=profile))
    assert np.array_equal(pictures.pixels(result), pictures.pixels(source))


def test_a_profile_that_is_srgb_changes_nothing():
    source = pictures.photo(64, 48)
    result = render_image(
        pictures.saved(
            source, "png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        )
    )
    assert np.array_equal(pictures.pixels(result), pictures.pixels(source))


@pytest.mark.parametrize(
    ("name", "gamma"), [("sRGB EOTF with DCI-P3 Color Gamut", 2.2), ("sRGB-elle-V4-g10.icc", 1.0)]
)
def test_a_profile_is_not_srgb_for_being_called_so(name, gamma):
    source = pictures.photo(64, 48)
    result = render_image(pictures.saved(source, "png", icc_profile=pictures.p3_profile(name, gamma)))
    expected = srgb_of_p3(pictures.pixels(source), gamma)
    assert pictures.psnr(pictures.pixels(result), expected) > 35


@pytest.mark.parametrize("form", ["jpeg", "tiff"])
def test_print_colours_become_screen_colours(form):
    source = Image.new("CMYK", (40, 40), (0, 255, 255, 0))
    result = render_image(pictures.saved(source, form), format=Format.JPEG)
    assert result.mode == "RGB"
    assert np.abs(pictures.pixels(result) - (255, 0, 0)).max() < 12
