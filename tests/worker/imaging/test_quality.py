"""Colour for each pixel, and lossless results. Errors are measured against the source's own pixels."""

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from imagejobs_contract.model.options import ChromaSubsampling, Format
from support.images import pictures
from support.images.rendering import render_file

FULL, QUARTER = ChromaSubsampling.FULL, ChromaSubsampling.QUARTER


def red_lines() -> Image.Image:
    """Return red lines of a pixel on blue, which coarse colour smears."""
    image = Image.new("RGB", (64, 64), (0, 0, 200))
    for x in range(1, 64, 4):
        image.paste((255, 0, 0), (x, 0, x + 1, 64))
    return image


def error(data):
    return np.abs(pictures.pixels(data) - pictures.pixels(red_lines())).max()


@pytest.mark.parametrize("form", [Format.JPEG, Format.AVIF])
def test_colour_is_stored_for_each_pixel_from_90_on_or_on_request(form):
    data = pictures.saved(red_lines(), "png")
    coarse, fine = (error(render_file(data, format=form, quality=quality)) for quality in (89, 90))
    assert fine < 45 < 80 < coarse
    assert error(render_file(data, format=form, quality=89, chroma_subsampling=FULL)) < 45
    assert error(render_file(data, format=form, quality=90, chroma_subsampling=QUARTER)) > 80


def test_the_usual_quality_stays_as_it_was():
    image = pictures.opened(render_file(pictures.saved(red_lines(), "png"), format=Format.JPEG))
    assert JpegImagePlugin.get_sampling(image) == 2


def test_a_lossless_webp_keeps_every_pixel_and_is_small():
    image = pictures.disc(90, (200, 30, 60))
    data = pictures.saved(image, "png")
    found = render_file(data, format=Format.WEBP, lossless=True)
    kept, there = pictures.pixels(found, "RGBA"), pictures.pixels(image, "RGBA")
    seen = there[..., 3] > 0
    assert np.array_equal(kept[seen], there[seen])
    assert found[12:16] == b"VP8L" or b"VP8L" in found
    assert len(found) < len(pictures.saved(image, "webp", quality=80))


def test_a_lossless_avif_is_within_the_rounding_of_ycbcr():
    image = pictures.photo(80, 60)
    found = render_file(pictures.saved(image, "png"), format=Format.AVIF, lossless=True)
    assert np.abs(pictures.pixels(found) - pictures.pixels(image)).max() <= 3


def test_a_lossless_animation_keeps_every_pixel():
    frames = [pictures.photo(40, 30, seed) for seed in range(3)]
    data = pictures.animation("webp", frames, lossless=True)
    found = pictures.opened(render_file(data, lossless=True))
    for n, frame in enumerate(frames):
        found.seek(n)
        assert np.array_equal(pictures.pixels(found), pictures.pixels(frame))
