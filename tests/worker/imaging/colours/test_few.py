"""Palette in, palette out. Bounds on bytes were measured with sharp 0.35.5 (`palette: true`, `gif()`)."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imagejobs_contract.model.options import Fit, Format
from imagejobs_worker.imaging.colours import few
from support.images import pictures
from support.images.rendering import render_file


def drawing(width: int = 600, height: int = 400) -> Image.Image:
    """Return lines and boxes in 16 colours, as a palette."""
    random = np.random.default_rng(5)
    colours = [tuple(int(value) for value in random.integers(0, 256, 3)) for _ in range(16)]
    image = Image.new("P", (width, height))
    image.putpalette([value for colour in colours for value in colour])
    pen = ImageDraw.Draw(image)
    for n in range(90):
        x, y, right, down = (int(value) for value in random.integers(0, (width, height, 150, 100)))
        if n % 3:
            pen.line((x, y, x + right, y + down), fill=n % 16)
        else:
            pen.rectangle((x, y, x + right, y + down), fill=n % 16)
    return image


def clear_drawing() -> Image.Image:
    """Return a drawing, half of it transparent and some of it half transparent."""
    image = drawing().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 300, 200))
    image.paste((10, 20, 30, 128), (400, 100, 500, 300))
    assert image.getcolors(256)
    return image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def scan() -> Image.Image:
    """Return black lines on white, as a bitmap."""
    return drawing(900, 700).convert("L").point([255 * (value > 100) for value in range(256)]).convert("1")


def greys(bits: int) -> Image.Image:
    """Return a photo of 2 or 4 bits a pixel."""
    steps = 2**bits - 1
    image = pictures.photo(300, 200).convert("L")
    table = [round(value / 255 * steps) for value in range(256)]
    indices = Image.frombytes("P", image.size, image.point(table).tobytes())
    indices.putpalette([value for n in range(steps + 1) for value in (round(n * 255 / steps),) * 3])
    return indices


SOURCES = {
    "palette": (drawing, "png", {}),
    "palette with alpha": (clear_drawing, "png", {}),
    "bitmap": (scan, "png", {}),
    "greys of 2 bits": (lambda: greys(2), "png", {}),
    "greys of 4 bits": (lambda: greys(4), "png", {}),
    "gif": (drawing, "gif", {}),
    "bilevel scan": (scan, "tiff", {"compression": "group4"}),
    "tiff palette": (drawing, "tiff", {"compression": "tiff_adobe_deflate"}),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_picture_that_is_not_changed_keeps_each_pixel_and_does_not_grow(name):
    make, form, options = SOURCES[name]
    data = pictures.saved(make(), form, **options)
    found = render_file(data)
    assert np.array_equal(pictures.pixels(found, "RGBA"), pictures.pixels(data, "RGBA"))
    assert len(found) <= 1.1 * len(data) + 100
    assert pictures.opened(found).mode in ("P", "1")


@pytest.mark.parametrize(
    ("name", "form"), [(name, form) for name in SOURCES for form in (Format.PNG, Format.TIFF)]
)
def test_a_smaller_picture_has_few_colours_and_is_true(name, form):
    make, source, options = SOURCES[name]
    data = pictures.saved(make(), source, **options)
    found = render_file(data, width=250, format=form)
    image = pictures.opened(found)
    if (name, form) == ("palette with alpha", Format.TIFF):
        assert image.mode == "RGBA"
        return
    assert image.mode in ("P", "L", "1")
    assert len(image.convert("RGBA").getcolors(2**16)) <= 256
    colours = pictures.saved(pictures.opened(data).convert("RGBA"), "png")
    plain = pictures.opened(render_file(colours, width=250))
    under = Image.new("RGBA", plain.size, "grey")
    seen, expected = (
        pictures.pixels(Image.alpha_composite(under, each.convert("RGBA"))) for each in (image, plain)
    )
    assert pictures.psnr(seen, expected) > 30
    assert len(found) < len(render_file(colours, width=250, format=form))


def test_a_scaled_bitmap_has_sixteen_greys_and_takes_half_a_byte_a_pixel():
    data = pictures.saved(scan(), "png")
    found = render_file(data, width=450)
    assert len(pictures.opened(found).convert("L").getcolors()) == 16
    assert found[24] == 4


def test_colours_that_share_their_first_bits_are_kept_apart():
    """Pillow's own way to a palette takes them for one."""
    image = Image.new("RGB", (16, 16), (100, 100, 100))
    image.paste((101, 100, 100), (0, 0, 8, 16))
    image.paste((100, 102, 101), (0, 0, 4, 16))
    for form in ("png", "gif"):
        data = pictures.saved(image.quantize(3), form)
        assert np.array_equal(pictures.pixels(render_file(data)), pictures.pixels(image))


def test_a_gif_of_few_colours_keeps_its_palette_when_it_is_scaled():
    data = pictures.saved(drawing(), "gif")
    colours = {colour for _, colour in pictures.opened(data).convert("RGB").getcolors()}
    found = pictures.opened(render_file(data, width=250)).convert("RGB")
    assert {colour for _, colour in found.getcolors(256)} <= colours | {(255, 255, 255)}


def test_the_border_of_a_gif_of_few_colours_has_the_background():
    data = pictures.saved(drawing(), "gif")
    found = render_file(data, width=200, height=200, fit=Fit.CONTAIN, background="13f7a4")
    assert pictures.pixels(found)[0, 0].tolist() == [0x13, 0xF7, 0xA4]


@pytest.mark.parametrize("alpha", [True, False])
def test_an_animated_png_keeps_one_palette(alpha):
    frames = [drawing(200, 150).convert("RGBA") for _ in range(4)]
    for n, frame in enumerate(frames):
        frame.paste((0, 0, 0, 0) if alpha else (0, 0, 255, 255), (20 * n, 0, 20 * n + 20, 40))
    strip = Image.new("RGBA", (200, 600))
    for n, frame in enumerate(frames):
        strip.paste(frame, (0, 150 * n))
    indexed = strip.quantize(32, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    data = pictures.animation("png", [indexed.crop((0, 150 * n, 200, 150 * n + 150)) for n in range(4)])
    assert data[25] == 3
    same, smaller = render_file(data), render_file(data, width=100)
    assert same[25] == smaller[25] == 3
    assert len(same) < 1.2 * len(data)
    before, after = pictures.opened(data), pictures.opened(same)
    for n in range(4):
        before.seek(n)
        after.seek(n)
        assert np.array_equal(pictures.pixels(before, "RGBA"), pictures.pixels(after, "RGBA"))


@pytest.mark.parametrize(
    ("name", "unchanged", "at_250"),
    [
        ("bitmap", 2705, 2335),
        ("gif", 9167, 3224),
        ("greys of 2 bits", 2439, 9063),
        ("greys of 4 bits", 8324, 25227),
        ("palette", 5612, 8688),
        ("palette with alpha", 5163, 6768),
    ],
)
def test_a_result_is_not_a_tenth_larger_than_sharps(name, unchanged, at_250):
    make, form, options = SOURCES[name]
    data = pictures.saved(make(), form, **options)
    assert len(render_file(data)) <= 1.1 * unchanged
    assert len(render_file(data, width=250)) <= 1.1 * at_250


@pytest.mark.parametrize("form", ["png", "tiff", "bmp"])
def test_the_colours_are_read_without_the_pixels(form):
    data = pictures.saved(drawing(), form)
    image = Image.open(BytesIO(data))
    found = few.read_source_colours(image, data)
    assert image.tile
    assert set(found) >= {colour for _, colour in pictures.opened(data).convert("RGB").getcolors()}
