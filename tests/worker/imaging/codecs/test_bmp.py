"""BMPs with bit fields and run lengths. Right values come from numpy: a field over its highest value."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging.codecs import bmp
from support.images import pictures
from support.images.rendering import render_image

LAYOUTS = {
    "4-4-4": (16, (0xF00, 0xF0, 0xF, 0)),
    "2-3-1": (16, (0b110000, 0b1110, 1, 0)),
    "5-6-5": (16, (0xF800, 0x7E0, 0x1F, 0)),
    "1-5-5-5": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "4-4-4-4": (16, (0xF00, 0xF0, 0xF, 0xF000)),
    "10-10-10": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0)),
    "10-10-10-2": (32, (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)),
    "11-11-10": (32, (0xFFE00000, 0x1FFC00, 0x3FF, 0)),
    "a byte each, in another order": (32, (0xFF00, 0xFF, 0xFF000000, 0xFF0000)),
    "across bytes": (32, (0x7F800, 0x7F8, 0x7F80000, 0)),
}


def with_fields(values, bits, masks, *, version=4, top_down=False):
    """Return a BMP of these numbers; only a header from version 3 on has a mask for alpha."""
    height, width = values.shape
    rows = values.astype("<u2" if bits == 16 else "<u4")
    rows = rows if top_down else rows[::-1]
    stride = (width * bits + 31) // 32 * 4
    body = b"".join(row.tobytes().ljust(stride, b"\0") for row in rows)
    length = 108 if version == 4 else 40
    head = struct.pack(
        "<IiiHHIIiiII", length, width, -height if top_down else height, 1, bits, 3, 0, 0, 0, 0, 0
    )
    head += struct.pack("<4I", *masks) + bytes(52) if version == 4 else struct.pack("<3I", *masks[:3])
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(body), 0, 0, 14 + len(head)) + head + body


@pytest.mark.parametrize("top_down", [True, False])
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_of_bit_fields_is_read(name, top_down):
    bits, masks = LAYOUTS[name]
    values = np.random.default_rng(1).integers(0, 2**bits, (7, 13), dtype=np.uint64)
    data = with_fields(values, bits, masks, top_down=top_down)
    found = pictures.pixels(render_image(data, format=Format.PNG), "RGBA")
    for band, mask in enumerate(masks):
        low = (mask & -mask).bit_length() - 1
        expected = (values & mask) >> low if mask else np.full(values.shape, 255)
        expected = expected / (mask >> low) * 255 if mask else expected
        assert np.abs(found[..., band] - expected).max() <= 1


def test_a_header_without_alpha_makes_no_transparency():
    values = np.arange(64, dtype=np.uint64).reshape(8, 8)
    assert (
        render_image(with_fields(values, 16, (0xF00, 0xF0, 0xF, 0xF000), version=3), format=Format.PNG).mode
        == "RGB"
    )


def test_a_colour_without_a_mask_is_black():
    values = np.arange(64, dtype=np.uint64).reshape(8, 8)
    found = pictures.pixels(render_image(with_fields(values, 16, (0x3F, 0, 0, 0)), format=Format.PNG))
    assert np.abs(found[..., 0] - values / 63 * 255).max() <= 1
    assert found[..., 1:].max() == 0


@pytest.mark.parametrize(
    "masks", [(0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF, 0xFF00, 0xFF0000, 0xFF000000)]
)
def test_masks_with_alpha_may_stand_behind_the_oldest_header(masks):
    values = np.random.default_rng(2).integers(0, 2**32, (5, 9), dtype=np.uint64)
    head = struct.pack("<IiiHHIIiiII", 40, 9, -5, 1, 32, 6, 0, 0, 0, 0, 0) + struct.pack("<4I", *masks)
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(head)) + head + values.astype("<u4").tobytes()
    found = pictures.pixels(render_image(data, format=Format.PNG), "RGBA")
    for band, mask in enumerate(masks):
        assert (found[..., band] == (values & mask) >> ((mask & -mask).bit_length() - 1)).all()


@pytest.mark.parametrize("width", [1, 3, 4, 5, 16, 17, 33])
@pytest.mark.parametrize("top_down", [True, False])
def test_palettes_of_2_bits_are_read(top_down, width):
    indices = np.random.default_rng(3).integers(0, 4, (6, width))
    palette = np.array([[0, 0, 0], [255, 0, 0], [9, 200, 30], [255, 255, 255]])
    stride = (2 * width + 31) // 32 * 4
    padded = np.zeros((6, 4 * stride), int)
    padded[:, :width] = indices if top_down else indices[::-1]
    body = (padded.reshape(6, stride, 4) << np.array([6, 4, 2, 0])).sum(-1).astype(np.uint8).tobytes()
    head = struct.pack("<IiiHHIIiiII", 40, width, -6 if top_down else 6, 1, 2, 0, 0, 0, 0, 4, 0)
    head += b"".join(bytes([*colour[::-1], 0]) for colour in palette.tolist())
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(head)) + head + body
    assert (pictures.pixels(render_image(data, format=Format.PNG)) == palette[indices]).all()
    with pytest.raises(ImageFailed) as caught:
        render_image(data[:-4])
    assert caught.value.code is Code.CORRUPT_IMAGE


def with_runs(runs, width, height, *, packed=False):
    head = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, 4 if packed else 8, 2 if packed else 1, len(runs), 0, 0, 0, 0
    )
    palette = b"".join(bytes((n, 255 - n, n // 2, 0)) for n in (range(0, 256, 17) if packed else range(256)))
    offset = 14 + 40 + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(runs), 0, 0, offset) + head + palette + runs


def indices_of(data, packed=False):
    """Return the indices that are shown; the palette has a different blue for each."""
    found = pictures.pixels(render_image(data, format=Format.PNG))[..., 2]
    return (found / 17 if packed else found).astype(int).tolist()


def test_a_program_may_put_anything_into_the_reserved_bytes():
    data = pictures.saved(pictures.photo(60, 40), "bmp")
    marked = data[:6] + b"\1\0\2\0" + data[10:]
    assert render_image(marked).tobytes() == render_image(data).tobytes()


def test_runs_literals_skips_and_line_ends_are_read():
    lower = bytes((3, 7)) + bytes((0, 3, 1, 2, 3, 0)) + bytes((0, 0))
    upper = bytes((1, 9, 0, 2, 2, 0, 2, 4)) + bytes((0, 1))
    assert indices_of(with_runs(lower + upper, 6, 2)) == [[9, 0, 0, 4, 4, 0], [7, 7, 7, 1, 2, 3]]
    assert indices_of(with_runs(bytes((2, 5, 0, 2, 1, 1, 1, 8, 0, 1)), 4, 2)) == [[0, 0, 0, 8], [5, 5, 0, 0]]


def test_runs_of_four_bits_alternate_two_colours():
    runs = bytes((5, 0x12, 0, 0)) + bytes((0, 5, 0x34, 0x56, 0x70, 0)) + bytes((0, 1))
    assert indices_of(with_runs(runs, 5, 2, packed=True), packed=True) == [[3, 4, 5, 6, 7], [1, 2, 1, 2, 1]]


@pytest.mark.parametrize("packed", [True, False])
def test_runs_agree_with_pillows_own_reader(packed):
    random = np.random.default_rng(3)
    runs = b""
    for _ in range(40):
        left = 50
        while left:
            count = int(random.integers(1, left + 1))
            value = int(random.integers(0, 256))
            runs += bytes((count, value))
            left -= count
        runs += b"\0\0"
    data = with_runs(runs + b"\0\1", 50, 40, packed=packed)
    plain = bmp.rewrite(data)
    assert plain != data
    assert np.array_equal(pictures.pixels(plain), pictures.pixels(data))


def test_runs_that_end_too_early_are_damage():
    with pytest.raises(ImageFailed) as caught:
        render_image(with_runs(bytes((20, 1, 0, 0)) * 10, 20, 40))
    assert caught.value.code is Code.CORRUPT_IMAGE


@pytest.mark.parametrize("packed", [True, False])
def test_pillows_slow_reader_of_runs_is_not_used(packed):
    """It takes 3 to 6 microseconds for a run: a valid file of 8 megapixels would meet the limit of 30 s."""
    data = with_runs((bytes((1, 7)) * 20 + b"\0\0") * 30, 20, 30, packed=packed)
    image = Image.open(BytesIO(bmp.rewrite(data)))
    assert [tile.codec_name for tile in image.tile] == ["raw"]


def test_no_runs_make_more_pixels_than_the_picture_has():
    for runs in (bytes((255, 1)) * 1000, bytes((0, 2, 255, 255)) * 1000, bytes((0, 255)) * 1000):
        try:
            plain = bmp.rewrite(with_runs(runs, 10, 10))
        except ValueError:
            continue
        assert len(plain) < 2000


def test_a_layout_that_is_not_read_is_named():
    data = bytearray(pictures.saved(pictures.photo(8, 8), "bmp"))
    data[30] = 5
    with pytest.raises(ImageFailed) as caught:
        render_image(bytes(data))
    assert caught.value.code is Code.UNSUPPORTED_FORMAT
