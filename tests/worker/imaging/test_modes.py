import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging.modes import is_transparent, normalise
from support.images import pictures
from support.images.rendering import render_image

RAMP = np.arange(256, dtype=np.uint16).repeat(16).reshape(64, 64) * 257


@pytest.mark.parametrize(
    "mode",
    [
        "1",
        "L",
        "LA",
        "La",
        "P",
        "PA",
        "RGB",
        "RGBA",
        "RGBa",
        "RGBX",
        "CMYK",
        "YCbCr",
        "LAB",
        "HSV",
        "I",
        "F",
        "I;16",
        "I;16B",
    ],
)
def test_every_mode_of_pillow_becomes_one_that_can_be_scaled(mode):
    assert normalise(Image.new(mode, (3, 3))).mode in {"L", "LA", "RGB", "RGBA", "CMYK"}


@pytest.mark.parametrize("form", ["png", "tiff"])
def test_16_bit_greys_keep_their_tones(form):
    result = render_image(pictures.saved(Image.fromarray(RAMP), form), format=Format.PNG)
    assert np.abs(pictures.pixels(result, "L") - RAMP / 257).max() <= 1


def test_32_bit_and_float_greys_keep_their_tones():
    whole = render_image(pictures.saved(Image.fromarray(RAMP.astype(np.int32)), "tiff"), format=Format.PNG)
    floats = render_image(
        pictures.saved(Image.fromarray((RAMP / 65535).astype(np.float32)), "tiff"), format=Format.PNG
    )
    assert np.abs(pictures.pixels(whole, "L") - RAMP / 257).max() <= 1
    assert np.abs(pictures.pixels(floats, "L") - RAMP / 257).max() <= 1


def test_16_bit_colours_are_read():
    rows = b"".join(b"\0" + struct.pack(">HHH", 65535, 32768, 0) * 8 for _ in range(8))
    chunks = pictures.png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)) + pictures.png_chunk(
        b"IDAT", zlib.compress(rows)
    )
    result = render_image(b"\x89PNG\r\n\x1a\n" + chunks + pictures.png_chunk(b"IEND", b""))
    assert np.abs(pictures.pixels(result) - (255, 128, 0)).max() <= 1


def test_a_palette_is_scaled_by_its_colours():
    source = pictures.quarters(80, 80).quantize(4)
    result = pictures.pixels(render_image(pictures.saved(source, "png"), width=20))
    assert np.abs(result[2, 2] - pictures.CORNERS["nw"]).max() < 4
    assert np.abs(result[17, 17] - pictures.CORNERS["se"]).max() < 4


def test_a_transparent_palette_entry_becomes_alpha():
    source = pictures.quarters(80, 80).quantize(4)
    hole = source.getpixel((0, 0))
    result = render_image(pictures.saved(source, "png", transparency=hole), width=40)
    assert result.mode == "P"
    result = result.convert("RGBA")
    assert result.getpixel((2, 2))[3] == 0
    assert result.getpixel((37, 37)) == (*pictures.CORNERS["se"], 255)


@pytest.mark.parametrize(("mode", "hole"), [("RGB", (255, 0, 0)), ("L", 76)])
def test_a_transparent_colour_becomes_alpha(mode, hole):
    source = pictures.quarters(80, 80).convert(mode)
    result = render_image(pictures.saved(source, "png", transparency=hole)).convert("RGBA")
    assert result.getpixel((2, 2))[3] == 0
    assert result.getpixel((77, 77))[3] == 255


def test_a_bitmap_is_scaled_to_greys():
    checks = Image.fromarray((np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)).convert("1")
    result = render_image(pictures.saved(checks, "png"), width=16)
    assert result.mode == "P"
    assert abs(pictures.pixels(result, "L").mean() - 127.5) < 3


def test_grey_with_alpha_stays_so():
    source = Image.merge(
        "LA", [pictures.photo(64, 64).convert("L"), Image.linear_gradient("L").resize((64, 64))]
    )
    result = render_image(pictures.saved(source, "png"), width=32)
    assert result.mode == "LA"
    expected = np.asarray(source.getchannel("A").resize((32, 32), Image.Resampling.BOX)).astype(float)
    assert np.abs(np.asarray(result.getchannel("A")) - expected)[2:-2].max() < 4


@pytest.mark.parametrize(("alpha", "expected"), [(255, False), (254, True), (0, True)])
def test_a_picture_with_any_pixel_that_is_not_opaque_is_transparent(alpha, expected):
    assert is_transparent(Image.new("RGBA", (4, 4), (1, 2, 3, alpha))) is expected
