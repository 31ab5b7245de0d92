"""Damaged pixels always fail: early ends, zeros, holes and wrong checksums; sound files never do."""

import struct

import numpy as np
import pytest
from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging.soundness import png_checksums
from support.images import pictures
from support.images.rendering import render, render_image

PHOTO = pictures.photo(333, 211)
IMAGES = {
    "photo": PHOTO,
    "grey": PHOTO.convert("L"),
    "cmyk": PHOTO.convert("CMYK"),
    "flat grey": Image.new("RGB", (300, 200), (128, 128, 128)),
    "black": Image.new("RGB", (100, 100)),
    "gradient": Image.linear_gradient("L").resize((333, 211)).convert("RGB"),
    "pixel": Image.new("RGB", (1, 1)),
    "tall": PHOTO.resize((3, 500)),
}
END = b"\xff\xd9"
KINDS = {"baseline": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 7}}


def jpeg(kind, image=PHOTO, **options):
    return pictures.saved(image, "jpeg", **{"quality": 85, **KINDS[kind], **options})


def last_scan(data):
    at = data.rindex(b"\xff\xda")
    return at + 2 + struct.unpack_from(">H", data, at + 2)[0]


def refused(data, **options):
    try:
        render(data, **{"width": 50, **options})
    except ImageFailed as ex:
        return ex.code is Code.CORRUPT_IMAGE
    return False


@pytest.mark.parametrize("width", [20, 333])
@pytest.mark.parametrize("quality", [1, 75, 100])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", IMAGES)
def test_no_sound_jpeg_is_refused(name, kind, subsampling, quality, width):
    chroma = {"subsampling": subsampling} if IMAGES[name].mode == "RGB" else {}
    for optimize in (False, True):
        data = jpeg(kind, IMAGES[name], quality=quality, optimize=optimize, **chroma)
        assert not refused(data, width=width)


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_pillow(kind):
    data = jpeg(kind)
    found = np.asarray(render_image(data, format=Format.PNG))
    assert np.array_equal(found, np.asarray(pictures.opened(data)))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.98])
@pytest.mark.parametrize("kind", KINDS)
def test_an_end_marker_that_comes_early_is_noticed(kind, share):
    data = jpeg(kind)
    start = last_scan(data)
    cut = start + int((len(data) - 2 - start) * share)
    assert refused(data[:cut] + END)
    assert refused(data[:cut] + END, width=333)
    assert refused(data[:cut] + END + data[cut:])
    assert refused(data[:cut] + END + b"\0\0\0\x18ftypmp42" + bytes(500))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_a_tail_of_zeros_is_noticed(kind, share):
    data = jpeg(kind)
    start = last_scan(data)
    cut = start + int((len(data) - 2 - start) * share)
    assert refused(data[:cut] + bytes(len(data) - 2 - cut) + END)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_hole_is_noticed(share):
    data = jpeg("baseline")
    start = last_scan(data)
    at = start + int((len(data) - 2 - start) * share)
    assert refused(data[:at] + bytes(400) + data[at + 400 :])
    assert refused(data[:at] + data[at + 400 :])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", [b"\0" * 700, b"\0\0\0\x18ftypmp42", END, b"\xff" * 40], ids=len)
def test_what_follows_the_end_does_no_harm(kind, behind):
    assert not refused(jpeg(kind) + behind)


@pytest.mark.parametrize("padding", [b"\xff" * 3, b"\xff" * 300, bytes(3), bytes(300)], ids=len)
@pytest.mark.parametrize("kind", KINDS)
def test_padding_before_the_end_marker_does_no_harm(kind, padding):
    data = jpeg(kind)
    assert not refused(data[:-2] + padding + END)


def test_junk_before_a_marker_of_the_head_does_no_harm():
    data = jpeg("baseline")
    at = data.index(b"\xff\xdb")
    assert not refused(data[:at] + b"junk" + data[at:])


def test_several_pictures_in_a_file_do_no_harm():
    both = pictures.saved(PHOTO, "mpo", save_all=True, append_images=[PHOTO.resize((80, 50))])
    assert not refused(both)


def with_split_pixels(data, parts):
    """Return a PNG whose pixels are in several chunks."""
    at = data.index(b"IDAT")
    (length,) = struct.unpack_from(">I", data, at - 4)
    body = data[at + 4 : at + 4 + length]
    size = -(-length // parts)
    pieces = (body[n : n + size] for n in range(0, length, size))
    chunks = b"".join(pictures.png_chunk(b"IDAT", piece) for piece in pieces)
    return data[: at - 4] + chunks + data[at + 8 + length :]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("parts", [1, 3])
def test_a_wrong_checksum_of_pixels_is_noticed(mode, parts):
    image = Image.new(mode, (40, 30), 999) if mode == "I;16" else PHOTO.resize((40, 30)).convert(mode)
    data = with_split_pixels(pictures.saved(image, "png"), parts)
    assert not refused(data)
    at = -1
    for _ in range(parts):
        at = data.index(b"IDAT", at + 1)
        end = at + 4 + struct.unpack_from(">I", data, at - 4)[0]
        assert refused(data[:end] + bytes([data[end] ^ 1]) + data[end + 1 :])


def test_a_wrong_checksum_of_a_later_frame_is_noticed():
    data = bytearray(pictures.animation("png", [PHOTO, pictures.photo(333, 211, 2)]))
    at = data.index(b"fdAT")
    data[at + 4 + struct.unpack_from(">I", data, at - 4)[0]] ^= 1
    assert refused(bytes(data))


@pytest.mark.parametrize("body", [b"", b"odd"])
@pytest.mark.parametrize("name", [b"pHYs", b"tEXt", b"gAMA"])
def test_odd_metadata_behind_the_pixels_is_ignored(name, body):
    data = pictures.saved(PHOTO, "png")
    assert not refused(data[:-12] + pictures.png_chunk(name, body) + data[-12:])


def test_a_missing_checksum_is_wrong():
    whole = pictures.saved(PHOTO, "png")
    assert png_checksums.check_pixels(whole) is None
    with pytest.raises(ValueError, match="checksum in IDAT"):
        png_checksums.check_pixels(whole[:-14])


def test_a_lossless_jpeg_is_read_at_any_width():
    frame = struct.pack(">BBHBHHBBBB", 0xFF, 0xC3, 11, 8, 48, 64, 1, 1, 0x11, 0)
    code_of_no_difference = b"\xff\xc4" + struct.pack(">HB", 20, 0) + bytes([1] + 15 * [0]) + b"\0"
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 0, 0)
    data = b"\xff\xd8" + frame + code_of_no_difference + scan + bytes(64 * 48 // 8) + END
    for width in (8, 64):
        found = pictures.pixels(render_image(data, width=width, format=Format.PNG))
        assert found.shape[:2] == (width * 3 // 4, width)
        assert (found == 128).all()
