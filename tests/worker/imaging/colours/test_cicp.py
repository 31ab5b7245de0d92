"""Colours by numbers. Right values come from numpy: CSS Color 4, ST 2084, BT.2100 and BT.2390."""

import struct

import numpy as np
import pytest
from PIL import Image

from imagejobs_contract.model.options import Format
from support.images import pictures
from support.images.rendering import render_image

P3_TO_SRGB = np.array(
    [[1.2249402, -0.2249402, 0], [-0.0420570, 1.0420570, 0], [-0.0196376, -0.0786361, 1.0982735]]
)
BT2020_TO_SRGB = np.array(
    [
        [1.6604910, -0.5876411, -0.0728499],
        [-0.1245505, 1.1328999, -0.0083494],
        [-0.0181508, -0.1005789, 1.1187297],
    ]
)
"""From linear light to linear light (w3.org/TR/css-color-4, section 18)."""


def to_linear(values):
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def to_srgb(light):
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def pq(light):
    power = (np.asarray(light) / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def pq_light(values):
    root = np.asarray(values) ** (1 / 78.84375)
    return 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)


def tone_mapped(light):
    """BT.2390-11, section 5.4.1: from 1000 cd/m2 to 203, both without a black level."""
    peak, white = pq(1000.0), pq(203.0)
    level, most = np.minimum(pq(light) / peak, 1), white / peak
    knee = 1.5 * most - 0.5
    t = (level - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    )
    return np.clip(pq_light(np.where(level < knee, level, spline) * peak) / 203, 0, 1)


def hlg_light(values):
    scene = np.where(
        values <= 0.5, values**2 / 3, (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return 1000 * scene**1.2


EXPECTED = {
    (12, 13): lambda v: to_srgb(P3_TO_SRGB @ to_linear(v)),
    (9, 1): lambda v: to_srgb(BT2020_TO_SRGB @ to_linear(v)),
    (1, 8): to_srgb,
    (9, 16): lambda v: to_srgb(BT2020_TO_SRGB @ tone_mapped(pq_light(v))),
    (9, 18): lambda v: to_srgb(BT2020_TO_SRGB @ tone_mapped(hlg_light(v))),
    (1, 13): lambda v: 255 * v,
    (2, 2): lambda v: 255 * v,
    (200, 1): lambda v: 255 * v,
}
COLOURS = [
    (200, 80, 40),
    (128, 128, 128),
    (30, 140, 90),
    (255, 255, 255),
    (0, 0, 0),
    (150, 150, 170),
    (90, 100, 60),
]


def as_png(image, primaries, transfer):
    data = pictures.saved(image, "png")
    return data[:33] + pictures.png_chunk(b"cICP", bytes((primaries, transfer, 0, 1))) + data[33:]


def as_avif(image, primaries, transfer):
    data = bytearray(pictures.saved(image, "avif", quality=100, subsampling="4:4:4"))
    at = data.index(b"colrnclx") + 8
    data[at : at + 4] = struct.pack(">HH", primaries, transfer)
    return bytes(data)


@pytest.mark.parametrize("form", [as_png, as_avif])
@pytest.mark.parametrize("numbers", EXPECTED, ids=str)
@pytest.mark.parametrize("colour", COLOURS, ids=str)
def test_colours_by_numbers_become_srgb(form, numbers, colour):
    source = Image.new("RGB", (16, 16), colour)
    found = pictures.pixels(render_image(form(source, *numbers), format=Format.PNG))[8, 8]
    stored = (
        pictures.pixels(pictures.saved(source, "png") if form is as_png else form(source, 1, 13))[8, 8] / 255
    )
    assert np.abs(found - EXPECTED[numbers](stored)).max() <= 2.5


def test_numbers_of_a_png_go_before_its_profile():
    image = Image.new("RGB", (8, 8), (200, 80, 40))
    data = pictures.saved(image, "png", icc_profile=pictures.p3_profile())
    data = data[:33] + pictures.png_chunk(b"cICP", bytes((1, 13, 0, 1))) + data[33:]
    assert render_image(data).getpixel((4, 4)) == (200, 80, 40)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_hdr_greys_stay_grey_and_are_tone_mapped(mode):
    found = render_image(as_png(Image.new(mode, (8, 8), 128 if mode == "L" else (128, 200)), 9, 16))
    assert found.mode == mode
    expected = to_srgb(tone_mapped(pq_light(128 / 255)))
    assert abs(found.getchannel(0).getpixel((4, 4)) - expected) <= 1.5


def test_hdr_tones_keep_their_order_and_paper_white_is_bright():
    ramp = Image.linear_gradient("L").rotate(90).convert("RGB")
    found = pictures.pixels(render_image(as_png(ramp, 9, 16)))[0, :, 1]
    steps = np.diff(found)
    assert (steps >= 0).all() or (steps <= 0).all()
    assert (found.max(), found.min()) == (255, 0)
    white = round(255 * float(pq(203.0)))
    assert 200 < render_image(as_png(Image.new("RGB", (4, 4), (white,) * 3), 9, 16)).getpixel((1, 1))[1] < 250
