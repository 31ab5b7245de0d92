"""ThumbHash against the bytes of its author's JavaScript (npm `thumbhash` 0.1.1), and the main colour."""

import base64

import pytest
from PIL import Image

from imagejobs_contract.model.options import Fit, Format
from imagejobs_contract.model.placeholder import NO_PLACEHOLDER
from imagejobs_worker.imaging.colours.placeholder import placeholder
from imagejobs_worker.imaging.colours.thumbhash import thumbhash
from support.images import pictures
from support.images.rendering import render

REFERENCE = [
    (40, 30, False, "n/cJJY4FZ3ZIh5V5aKh3mghScpCG"),
    (30, 40, False, "4BcGHQgRVwRYeHiXZ3u3qEMxAKJk"),
    (100, 100, False, "4PcBDwJ3ZYRqRwpHM1ModTioSkYCZY8E"),
    (100, 75, False, "4AcGDYJ3h1h4Zwh3ZXRoiIZFsLxA"),
    (64, 9, False, "YQYKKYATcEe5d3eXqAIZgNo="),
    (1, 1, False, "FQAq/wEI9wiIh4hwj3CI+AiIcH/4AAAA"),
    (40, 30, True, "n/eFFIYIBXc5h5m4mSAmB1lVCXR3l6RSBg=="),
    (9, 64, True, "nheGEQgHhXAYiJqUYWAH+YaIR3ZiiAM="),
]


def pattern(width: int, height: int, *, alpha: bool) -> Image.Image:
    """Return the pixels of which the reference was asked."""
    pixels = bytes(
        value
        for y in range(height)
        for x in range(width)
        for value in (
            (x * 7 + y * 3) % 256,
            (x * x + y * 5) % 256,
            (255 - x * 2 + y * y) & 255,
            (x * 11 + y * 13) % 256 if alpha else 255,
        )
    )
    return Image.frombytes("RGBA", (width, height), pixels)


@pytest.mark.parametrize(("width", "height", "alpha", "expected"), REFERENCE)
def test_the_same_pixels_have_the_hash_of_the_reference(width, height, alpha, expected):
    assert base64.b64encode(thumbhash(pattern(width, height, alpha=alpha))).decode() == expected


def test_a_picture_without_anything_to_see_has_a_hash_and_no_colour():
    found = placeholder(Image.new("RGBA", (16, 16)))
    assert found.thumbhash == "AAiCBQAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
    assert found.main_colour == ""


def test_a_larger_picture_has_no_hash():
    with pytest.raises(ValueError, match="101 x 5"):
        thumbhash(Image.new("RGBA", (101, 5)))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_every_mode_has_a_placeholder(mode):
    found = placeholder(Image.new("RGB", (400, 300), "white").convert(mode))
    assert found.main_colour == "#ffffff"
    assert 20 <= len(base64.b64decode(found.thumbhash)) <= 26


def test_the_main_colour_is_that_of_the_largest_part_and_not_the_mean():
    picture = Image.new("RGB", (300, 200), (10, 120, 200))
    picture.paste((250, 20, 20), (0, 0, 100, 200))
    assert placeholder(picture).main_colour == "#0a78c8"


def test_what_shows_through_has_no_part_in_the_main_colour():
    picture = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    picture.paste((40, 160, 60, 255), (0, 0, 60, 200))
    assert placeholder(picture).main_colour == "#28a03c"


def half_red(width: int, height: int) -> Image.Image:
    picture = Image.new("RGB", (width, height), (220, 30, 30))
    picture.paste((30, 30, 220), (0, 0, width // 3, height))
    return picture


@pytest.mark.parametrize("form", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF])
def test_results_have_a_placeholder_if_they_are_to(form):
    source = pictures.saved(half_red(600, 400), "PNG")
    (made,) = render(source, format=form, width=300, placeholder=True).pictures
    assert made.placeholder.main_colour == "#dc1e1e"
    (plain,) = render(source, format=form, width=300).pictures
    assert plain.placeholder == NO_PLACEHOLDER
    assert made.data == plain.data


def test_the_placeholder_shows_the_crop_and_not_the_source():
    source = pictures.saved(half_red(600, 400), "PNG")
    (made,) = render(source, width=100, height=400, fit=Fit.COVER, gravity="west", placeholder=True).pictures
    assert made.placeholder.main_colour == "#1e1edc"
