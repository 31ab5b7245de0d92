"""The smallest of several formats, and WebP without loss where that is smaller or keeps what was lossless."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging import alternatives
from imagejobs_worker.imaging.codecs import header
from support.images import pictures
from support.images.rendering import render, render_file

PHOTO = pictures.photo(320, 240)
FIRST = [Format.AVIF, Format.WEBP]


def drawing(size=(600, 400)):
    """Return a drawing of few colours, which the lossless formats store best."""
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    for n in range(0, size[0], 30):
        pen.rectangle((n, n // 2, n + 20, n // 2 + 60), fill=(n % 250, 40, 90), outline="black")
        pen.line((n, 0, size[0] - n, size[1]), fill="navy")
    return image.quantize(16)


def frames_of_drawings():
    return [drawing((120, 80)).convert("RGB"), drawing((120, 80)).rotate(180).convert("RGB")]


def smallest(data, form=Format.AVIF, **options):
    return render(data, format=form, smallest_format=True, **options).pictures[0]


def each_size(data, *formats, **options):
    return {form: len(render_file(data, format=form, **options)) for form in formats}


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("source", ["png", "jpeg", "gif", "webp", "bmp"])
@pytest.mark.parametrize("image", [PHOTO, drawing().convert("RGB"), drawing()], ids=["photo", "rgb", "few"])
def test_the_smallest_file_of_the_formats_that_suit_wins(image, source, first):
    image = image.convert("RGB") if source in ("jpeg", "webp") else image
    data = pictures.saved(image, source)
    own = {"bmp": Format.JPEG}.get(source) or Format(source)
    candidates = {first, Format.WEBP, own}
    sizes = each_size(data, *candidates, width=90)
    found = smallest(data, first, width=90)
    assert len(found.data) == min(sizes.values())
    assert sizes[found.format] == len(found.data)


def test_a_drawing_becomes_a_webp_and_a_photo_an_avif():
    assert smallest(pictures.saved(drawing(), "png")).format is Format.WEBP
    assert smallest(pictures.saved(PHOTO, "png")).format is Format.AVIF


def test_transparency_never_gets_lost_for_a_smaller_file():
    data = pictures.saved(pictures.disc(200, (200, 30, 60)), "png")
    found = smallest(data, Format.JPEG)
    assert found.format is Format.JPEG
    assert pictures.pixels(smallest(data).data, "RGBA")[..., 3].min() == 0


@pytest.mark.parametrize("source", ["gif", "png", "webp"])
def test_frames_never_get_lost_for_a_smaller_file(source):
    data = pictures.animation(source, frames_of_drawings())
    assert pictures.opened(smallest(data).data).n_frames == 2


def test_a_limit_of_bytes_leaves_the_format_as_it_is():
    found = smallest(pictures.saved(drawing(), "png"), max_size=30_000)
    assert found.format is Format.AVIF


def test_without_the_option_the_format_is_the_requested_one():
    assert render(pictures.saved(drawing(), "png"), format=Format.AVIF).pictures[0].format is Format.AVIF


def test_a_lossless_result_is_no_jpeg():
    found = smallest(pictures.saved(drawing().convert("RGB"), "jpeg"), lossless=True)
    assert found.format in (Format.AVIF, Format.WEBP)


def lossless_webps():
    frames = frames_of_drawings()
    return {
        "still": pictures.saved(drawing().convert("RGB"), "webp", lossless=True),
        "alpha": pictures.saved(pictures.disc(90, (200, 30, 60)), "webp", lossless=True),
        "animation": pictures.animation("webp", frames, lossless=True),
    }


@pytest.mark.parametrize("name", ["still", "alpha", "animation"])
def test_a_lossless_webp_that_is_not_scaled_stays_lossless(name):
    data = lossless_webps()[name]
    assert header.is_lossless_webp(data)
    for options in ({}, {"format": Format.WEBP}, {"width": 5000}):
        found = render_file(data, **options)
        assert header.is_lossless_webp(found)
        assert np.array_equal(pictures.pixels(found, "RGBA"), pictures.pixels(data, "RGBA"))


def test_a_quality_or_a_scale_makes_it_lossy_where_that_is_smaller():
    data = pictures.saved(PHOTO, "webp", lossless=True)
    assert not header.is_lossless_webp(render_file(data, quality=70))
    assert not header.is_lossless_webp(render_file(data, width=100))


@pytest.mark.parametrize("source", ["png", "gif", "bmp", "tiff"])
def test_a_drawing_becomes_a_lossless_webp_because_that_is_smaller(source):
    data = pictures.saved(drawing(), source)
    found = render_file(data, format=Format.WEBP, quality=80)
    assert header.is_lossless_webp(found)
    assert np.array_equal(pictures.pixels(found), pictures.pixels(data))


def test_a_large_picture_does_not_get_the_time_to_be_lossless(monkeypatch):
    data = pictures.saved(drawing(), "webp", lossless=True)
    monkeypatch.setattr(alternatives, "_MAX_LOSSLESS_PIXELS", 600 * 400 - 1)
    assert not header.is_lossless_webp(render_file(data))


def test_a_lossy_webp_is_none():
    for data in (
        pictures.saved(PHOTO, "webp"),
        pictures.animation("webp", [PHOTO, pictures.photo(320, 240, 2)]),
        pictures.saved(PHOTO, "png"),
        lossless_webps()["still"][:14],
    ):
        assert not header.is_lossless_webp(data)
