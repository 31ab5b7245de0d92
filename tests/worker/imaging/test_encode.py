import itertools

import numpy as np
import pytest
from PIL import Image

from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.wire.sniff import sniff
from support.images import pictures
from support.images.rendering import render_all

PHOTO = pictures.photo(160, 120)


@pytest.mark.parametrize(("source", "result"), list(itertools.product(pictures.FORMATS, Format)))
def test_every_format_becomes_every_other(source, result):
    picture = render_all(pictures.saved(PHOTO, source), Variant(width=80, format=result)).pictures[0]
    assert sniff(picture.data) == picture.format == result
    assert (picture.width, picture.height) == pictures.opened(picture.data).size == (80, 60)
    expected = np.clip(pictures.lanczos(pictures.pixels(pictures.saved(PHOTO, source)), (80, 60)), 0, 255)
    assert pictures.psnr(pictures.pixels(picture.data), expected) > 27


@pytest.mark.parametrize(
    ("source", "expected"),
    [(form, form) for form in ("jpeg", "png", "webp", "avif", "gif", "tiff")] + [("bmp", "jpeg")],
)
def test_without_a_format_the_sources_own_is_kept(source, expected):
    assert render_all(pictures.saved(PHOTO, source), Variant(width=40)).pictures[0].format == expected


def test_a_transparent_bmp_becomes_png():
    data = pictures.bmp_with_alpha(pictures.disc(32, (9, 8, 7)))
    found = render_all(data, Variant()).pictures[0]
    assert (found.format, pictures.opened(found.data).mode) == (Format.PNG, "RGBA")


@pytest.mark.parametrize("form", [Format.JPEG, Format.WEBP, Format.AVIF])
def test_quality_is_obeyed(form):
    data = pictures.saved(PHOTO, "png")
    low, usual, high = (
        render_all(data, Variant(format=form, quality=quality)).pictures[0].data for quality in (20, None, 95)
    )
    assert len(low) < len(usual) < len(high)


@pytest.mark.parametrize("form", [Format.PNG, Format.TIFF])
def test_lossless_formats_lose_nothing(form):
    found = render_all(pictures.saved(PHOTO, "png"), Variant(format=form)).pictures[0]
    assert np.array_equal(pictures.pixels(found.data), pictures.pixels(PHOTO))


def test_a_drawing_is_not_written_like_a_photo():
    """Run lengths alone would make it twice as large."""
    drawing = Image.new("RGB", (600, 400), "white")
    for x, y in itertools.product(range(0, 600, 24), range(0, 400, 24)):
        drawing.paste(pictures.quarters(12, 12), (x, y))
    found = render_all(pictures.saved(drawing, "png"), Variant()).pictures[0]
    assert len(found.data) < 0.7 * len(pictures.saved(drawing, "png", compress_type=3))


def test_one_decode_serves_several_variants():
    data = pictures.saved(pictures.photo(800, 600), "jpeg", quality=95)
    sizes = (50, 100, 200, 400, 800)
    found = render_all(data, *(Variant(str(width), width=width, format=Format.PNG) for width in sizes))
    assert [(each.variant, each.width) for each in found.pictures] == [(str(width), width) for width in sizes]
    for picture in found.pictures:
        expected = np.clip(pictures.lanczos(pictures.pixels(data), (picture.width, picture.height)), 0, 255)
        assert pictures.psnr(pictures.pixels(picture.data), expected) > 38


@pytest.mark.parametrize("size", [(1365, 1113), (1001, 999)], ids=str)
def test_a_jpeg_decoded_small_is_not_shifted(size):
    """The half pixel that an odd size leaves over costs others 1.3 dB."""
    data = pictures.saved(pictures.photo(*size), "jpeg", quality=92)
    width = size[0] // 4
    found = render_all(data, Variant(width=width, format=Format.PNG)).pictures[0]
    expected = np.clip(pictures.lanczos(pictures.pixels(data), (found.width, found.height)), 0, 255)
    assert pictures.psnr(pictures.pixels(found.data), expected) > 40


def test_a_jpeg_with_more_pictures_inside_shows_its_first():
    data = pictures.saved(
        pictures.photo(400, 300), "mpo", save_all=True, append_images=[pictures.quarters(50, 50)]
    )
    found = render_all(data, Variant(width=100))
    assert (found.source_format, found.frames, found.pictures[0].height) == ("jpeg", 1, 75)
    assert (
        pictures.psnr(
            pictures.pixels(found.pictures[0].data),
            pictures.lanczos(pictures.pixels(pictures.photo(400, 300)), (100, 75)),
        )
        > 28
    )


def test_a_tiff_of_several_pages_shows_its_first():
    data = pictures.saved(PHOTO, "tiff", save_all=True, append_images=[pictures.quarters(160, 120)])
    found = render_all(data, Variant(format=Format.PNG))
    assert found.frames == 1
    assert np.array_equal(pictures.pixels(found.pictures[0].data), pictures.pixels(PHOTO))


def test_a_result_that_is_no_smaller_gives_way_to_the_original():
    data = pictures.saved(PHOTO, "jpeg", quality=20)
    kept, made = render_all(
        data, Variant("a", quality=95, only_if_smaller=True), Variant("b", width=40, only_if_smaller=True)
    ).pictures
    assert (kept.kept_original, kept.data, kept.format, kept.width, kept.height) == (
        True,
        data,
        Format.JPEG,
        160,
        120,
    )
    assert (made.kept_original, made.width) == (False, 40)


def test_the_source_is_described():
    found = render_all(pictures.saved(PHOTO, "webp"), Variant(width=10))
    assert (found.source_format, found.source_width, found.source_height, found.frames) == (
        "webp",
        160,
        120,
        1,
    )
