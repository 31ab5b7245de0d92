"""Crops of AVIF. The right box is that of ISO/IEC 14496-12, 12.1.4; sharp and ImageMagick show the same."""

import struct

import numpy as np
import pytest
from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging.codecs import header
from imagejobs_worker.imaging.metadata_blocks import heif_boxes
from support.images import pictures
from support.images.rendering import render, render_image


def box_at(data, *names):
    """Return the offset of a box, found by the names on its way."""
    at = 0
    for name in names:
        at = data.index(name, at)
    return at - 4


def with_clap(data, fields):
    """Return an AVIF with a clean aperture as a further property of its only picture."""
    clap = struct.pack(">I4s8I", 40, b"clap", *(value & 0xFFFFFFFF for value in fields))
    changed = bytearray(data)
    ipco, ipma = box_at(data, b"iprp", b"ipco"), box_at(data, b"iprp", b"ipma")
    count, at, kinds = 0, ipco + 8, []
    while at < ipco + struct.unpack_from(">I", data, ipco)[0]:
        kinds.append(data[at + 4 : at + 8])
        at += struct.unpack_from(">I", data, at)[0]
        count += 1
    # version, flags, entries, item, associations
    assert struct.unpack_from(">II", data, ipma + 8) == (0, 1)
    associations = ipma + 18
    changed[associations] += 1
    last = associations + 1 + data[associations]
    added = len(clap) + 1
    changed[last:last] = bytes([0x80 | count + 1])
    changed[at:at] = clap
    for names, more in (((b"meta",), added), ((b"iprp",), added), ((b"iprp", b"ipco"), 40)):
        where = box_at(data, *names)
        struct.pack_into(">I", changed, where, struct.unpack_from(">I", data, where)[0] + more)
    where = box_at(bytes(changed), b"iprp", b"ipma")
    struct.pack_into(">I", changed, where, struct.unpack_from(">I", changed, where)[0] + 1)
    mdat = struct.pack(">I", box_at(data, b"mdat") + 8)
    where = changed.index(mdat, box_at(bytes(changed), b"iloc"))
    struct.pack_into(">I", changed, where, struct.unpack(">I", mdat)[0] + added)
    return bytes(changed)


def framed():
    """Return a green middle of 32x24 in a red frame of 64x48."""
    image = Image.new("RGB", (64, 48), (255, 0, 0))
    image.paste((0, 200, 0), (16, 12, 48, 36))
    return image


@pytest.mark.parametrize(
    ("fields", "box"),
    [
        ((32, 1, 24, 1, 0, 1, 0, 1), (16, 12, 48, 36)),
        ((20, 1, 10, 1, -22, 1, -19, 1), (0, 0, 20, 10)),
        ((40, 2, 20, 2, 44, 2, 38, 2), (44, 38, 64, 48)),
    ],
)
def test_what_an_avif_cuts_away_stays_away(fields, box):
    data = with_clap(pictures.saved(framed(), "avif", quality=95), fields)
    found = render(data, format=Format.PNG)
    assert (found.source_width, found.source_height) == (box[2] - box[0], box[3] - box[1])
    expected = pictures.pixels(framed().crop(box))
    assert np.abs(pictures.pixels(found.pictures[0].data) - expected).mean() < 12


def with_animated_clap(data, fields):
    """Return an animated AVIF with a clean aperture in its track."""
    clap = struct.pack(">I4s8I", 40, b"clap", *(value & 0xFFFFFFFF for value in fields))
    names = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"av01")
    changed = bytearray(data)
    for n in range(len(names)):
        where = box_at(data, *names[: n + 1])
        struct.pack_into(">I", changed, where, struct.unpack_from(">I", data, where)[0] + len(clap))
    chunks = box_at(data, *names[:5], b"stco")
    for at in range(chunks + 16, chunks + 16 + 4 * struct.unpack_from(">I", data, chunks + 12)[0], 4):
        struct.pack_into(">I", changed, at, struct.unpack_from(">I", data, at)[0] + len(clap))
    end = box_at(data, *names) + struct.unpack_from(">I", data, box_at(data, *names))[0]
    changed[end:end] = clap
    return bytes(changed)


@pytest.mark.parametrize("form", [Format.PNG, Format.GIF, Format.WEBP])
def test_what_an_animated_avif_cuts_away_stays_away_in_every_frame(form):
    frames = [framed().point([value // n for value in range(256)] * 3) for n in (1, 2, 4)]
    data = with_animated_clap(pictures.animation("avif", frames, quality=95), (32, 1, 24, 1, 0, 1, 0, 1))
    found = render(data, format=form)
    assert (found.source_width, found.source_height, found.frames) == (32, 24, 3)
    image = pictures.opened(found.pictures[0].data)
    for n in range(getattr(image, "n_frames", 1)):
        image.seek(n)
        expected = pictures.pixels(frames[n].crop((16, 12, 48, 36)))
        assert np.abs(pictures.pixels(image) - expected).mean() < 12


def test_the_crop_comes_before_the_turn():
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = pictures.saved(pictures.quarters(64, 48), "avif", quality=95, exif=exif.tobytes())
    data = with_clap(plain, (20, 1, 10, 1, -22, 1, -19, 1))
    found = render_image(data, format=Format.PNG)
    assert found.size == (10, 20)
    assert np.abs(np.subtract(found.getpixel((5, 10)), pictures.CORNERS["nw"])).max() < 40


@pytest.mark.parametrize(
    "fields", [(80, 1, 24, 1, 0, 1, 0, 1), (32, 0, 24, 1, 0, 1, 0, 1), (0, 1, 24, 1, 0, 1, 0, 1)]
)
def test_a_crop_that_is_not_within_the_picture_is_ignored(fields):
    assert render_image(with_clap(pictures.saved(framed(), "avif"), fields), width=32).size == (32, 24)


def test_the_size_of_an_avif_is_read_without_a_decoder():
    assert header.declared_size(pictures.saved(pictures.photo(321, 123), "avif")) == (321, 123)


def test_no_beginning_of_a_file_makes_it_fail():
    data = pictures.saved(framed(), "avif")
    for kept in range(len(data)):
        heif_boxes.read_properties(data[:kept])


def test_colours_that_libavif_does_not_compute_are_named():
    data = bytearray(pictures.saved(framed(), "avif"))
    at = data.index(b"colrnclx") + 12
    data[at : at + 2] = struct.pack(">H", 10)
    with pytest.raises(ImageFailed) as caught:
        render_image(bytes(data))
    assert caught.value.code is Code.UNSUPPORTED_FORMAT


def test_the_png_of_an_ios_app_is_named():
    data = pictures.saved(framed(), "png")
    for first, code in ((b"CgBI", Code.UNSUPPORTED_FORMAT), (b"tEXt", Code.CORRUPT_IMAGE)):
        with pytest.raises(ImageFailed) as caught:
            render_image(data[:8] + pictures.png_chunk(first, b"\x50\x00\x20\x02") + data[8:])
        assert caught.value.code is code
