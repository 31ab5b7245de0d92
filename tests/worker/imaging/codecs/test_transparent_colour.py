"""A PNG's transparent colour becomes alpha at every depth; expected values come from the file's numbers."""

import itertools
import struct
import zlib

import numpy as np
import pytest

from imagejobs_contract.model.options import Format
from support.images import pictures
from support.images.rendering import render_image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREYS = [(depth, key) for depth in (1, 2, 4) for key in range(2**depth)]
GREYS += list(itertools.product([8], (0, 1, 127, 255)))
GREYS += list(itertools.product([16], (0, 5, 255, 256, 1000, 32767, 65280, 65535)))
COLOURS = [
    (8, (1, 2, 3)),
    (8, (255, 255, 255)),
    (16, (0, 0, 0)),
    (16, (255, 255, 255)),
    (16, (0x8000, 0x4000, 0x2000)),
    (16, (0x1234, 0x5678, 0x9ABC)),
    (16, (65535, 65535, 65535)),
]


def packed(values, depth):
    """Return rows of samples as PNG stores them, each with filter 0."""
    rows = values.reshape(values.shape[0], -1)
    if depth == 16:
        rows = rows.astype(">u2").view(np.uint8)
    elif depth < 8:
        bits = rows[..., None] >> np.arange(depth)[::-1] & 1
        rows = np.packbits(bits.reshape(rows.shape[0], -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in rows)


def key_chunk(key):
    return pictures.png_chunk(b"tRNS", struct.pack(f">{np.size(key)}H", *np.ravel(key)))


def head(values, depth):
    shape = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, 2 * (values.ndim - 2), 0, 0, 0)
    return SIGNATURE + pictures.png_chunk(b"IHDR", shape)


def png(values, depth, key):
    pixels = pictures.png_chunk(b"IDAT", zlib.compress(packed(values, depth)))
    return head(values, depth) + key_chunk(key) + pixels + pictures.png_chunk(b"IEND", b"")


def apng(frames, depth, key):
    """Return an APNG of whole frames, 0.1 s each (w3.org/TR/png-3, 11.3.6)."""
    height, width = frames[0].shape[:2]
    chunks, sequence = [pictures.png_chunk(b"acTL", struct.pack(">II", len(frames), 0))], itertools.count()
    for n, values in enumerate(frames):
        control = struct.pack(">IIIIIHHBB", next(sequence), width, height, 0, 0, 1, 10, 0, 0)
        chunks.append(pictures.png_chunk(b"fcTL", control))
        data = zlib.compress(packed(values, depth))
        chunks.append(
            pictures.png_chunk(b"fdAT", struct.pack(">I", next(sequence)) + data)
            if n
            else pictures.png_chunk(b"IDAT", data)
        )
    return head(frames[0], depth) + key_chunk(key) + b"".join(chunks) + pictures.png_chunk(b"IEND", b"")


def samples(depth, key, seed=1):
    """Return random values, a third of them the key; then all values that share a byte with it."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 2**depth, (24, 33, *np.shape(key)))
    values[rng.random((24, 33)) < 0.3] = key
    if depth == 16:
        values[0, :3] = np.asarray(key) ^ np.array([1, 256, 257]).reshape(3, *[1] * np.ndim(key))
    return values


def alpha_of(values, key):
    same = values == np.asarray(key)
    return np.where(same if values.ndim == 2 else same.all(-1), 0, 255)


def check(result, values, depth, key):
    found = np.asarray(result.convert("RGBA")).astype(int)
    alpha = alpha_of(values, key)
    assert np.array_equal(found[..., 3], alpha)
    scaled = values * 255 / (2**depth - 1)
    expected = scaled[..., None].repeat(3, 2) if values.ndim == 2 else scaled
    assert np.abs(found[..., :3] - expected)[alpha > 0].max() <= 1


@pytest.mark.parametrize(("depth", "key"), GREYS + COLOURS, ids=str)
def test_the_key_is_transparent_and_nothing_else(depth, key):
    values = samples(depth, key)
    check(render_image(png(values, depth, key)), values, depth, key)


@pytest.mark.parametrize(("depth", "key"), [(4, 3), (16, 1000), (16, (255, 255, 255))], ids=str)
@pytest.mark.parametrize("form", [Format.PNG, Format.WEBP, Format.AVIF, Format.GIF, Format.TIFF])
def test_every_format_with_transparency_keeps_it(depth, key, form):
    values = samples(depth, key)
    values[:, :17], values[:, 17:] = key, 0
    result = render_image(png(values, depth, key), format=form, quality=100)
    alpha = np.asarray(result.convert("RGBA"))[..., 3]
    assert np.abs(alpha.astype(int) - alpha_of(values, key)).max() <= 2


@pytest.mark.parametrize(("depth", "key"), [(2, 3), (4, 15), (16, 1000), (16, (255, 255, 255))], ids=str)
def test_a_jpeg_shows_the_background_under_the_key(depth, key):
    values = np.zeros((32, 64, *np.shape(key)), int)
    values[:, :32] = key
    found = pictures.pixels(
        render_image(png(values, depth, key), format=Format.JPEG, background="ff0000", quality=95)
    )
    assert np.abs(found[:, :24] - (255, 0, 0)).max() < 8
    assert np.abs(found[:, 40:]).max() < 8


@pytest.mark.parametrize(
    ("depth", "key"), [(1, 1), (2, 1), (4, 15), (8, 9), (16, 1000), (16, (255, 255, 255))], ids=str
)
def test_every_frame_of_an_apng_has_the_key(depth, key):
    frames = [samples(depth, key, seed) for seed in range(3)]
    data = apng(frames, depth, key)
    found = render_image(data)
    assert found.n_frames == 3
    for n, values in enumerate(frames):
        found.seek(n)
        check(found.copy(), values, depth, key)
    check(render_image(data, frames=1), frames[0], depth, key)


def test_a_hidden_colour_does_not_show_at_an_edge():
    values = np.zeros((64, 64), int)
    values[:, :32] = 65535
    result = render_image(png(values, 16, 65535), width=16)
    seen = np.asarray(result.convert("RGBA"))
    assert seen[..., 3].min() == 0
    assert seen[..., 0][seen[..., 3] > 0].max() <= 2


def test_bits_above_the_depth_are_ignored():
    values = samples(4, 3)
    check(render_image(png(values, 4, 0x13)), values, 4, 3)
