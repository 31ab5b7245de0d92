"""libjpeg's warnings about progressive JPEGs and those with restart markers are heard; sound files pass."""

import asyncio
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.child import needed_codecs
from imagejobs_worker.child.decoder import Decoder
from imagejobs_worker.imaging.soundness import strict_jpeg
from support.images import pictures
from support.images.rendering import render, render_image

pytestmark = pytest.mark.skipif(
    find_spec("simplejpeg") is None, reason="imagejobs-worker[jpeg] is not installed"
)

PHOTO = pictures.photo(333, 211)
END = b"\xff\xd9"
KINDS = {
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 1},
    "progressive with restarts": {"progressive": True, "restart_marker_blocks": 7},
}
MODES = {"RGB": PHOTO, "L": PHOTO.convert("L"), "CMYK": PHOTO.convert("CMYK")}
WIDTHS = [41, 100, 333]
"""Decoded at an eighth, a half, and whole."""


@pytest.fixture(autouse=True)
def loaded(monkeypatch):
    monkeypatch.setattr(strict_jpeg, "_decode", None)
    strict_jpeg.preload()


def jpeg(kind, image=PHOTO, **options):
    return pictures.saved(image, "jpeg", quality=85, **KINDS.get(kind, {}), **options)


def scans(data):
    """Return where the coded data of each scan begins and ends."""
    found, at = [], data.index(b"\xff\xda")
    while data[at + 1] != 0xD9:
        begin = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] == 0xDA:
            at = begin
            while data[at] != 0xFF or data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
                at += 1
            found.append((begin, at))
        else:
            at = begin
    return found


def is_refused(data, width=41):
    try:
        render(data, width=width)
    except ImageFailed as ex:
        return ex.code is Code.CORRUPT_IMAGE
    return False


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_its_pixels_are_those_of_pillow(monkeypatch, kind, mode, width):
    data = jpeg(kind, MODES[mode])
    assert strict_jpeg.is_wanted(data)
    strict = np.asarray(render_image(data, format=Format.PNG, width=width))
    monkeypatch.setattr(strict_jpeg, "_decode", None)
    assert np.array_equal(strict, np.asarray(render_image(data, format=Format.PNG, width=width)))


def test_a_file_that_jpeg_scans_judges_well_is_left_to_it():
    data = jpeg("baseline")
    assert not strict_jpeg.is_wanted(data)
    assert strict_jpeg.decode(data, "RGB", PHOTO.size) is None


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_an_early_end_in_any_scan_is_noticed(kind, share):
    data = jpeg(kind)
    for begin, end in scans(data):
        cut = begin + int((end - begin) * share)
        assert is_refused(data[:cut] + END)


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_a_tail_of_zeros_is_noticed(kind, share):
    data = jpeg(kind)
    begin, end = scans(data)[-1]
    cut = begin + int((end - begin) * share)
    assert is_refused(data[:cut] + bytes(end - cut) + END)


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_hole_between_restart_markers_is_noticed(share):
    for kind in ("restarts", "progressive with restarts"):
        data = jpeg(kind)
        for begin, end in scans(data):
            at = begin + int((end - begin - 80) * share)
            if end - begin > 400:
                assert is_refused(data[:at] + bytes(80) + data[at + 80 :])
                assert is_refused(data[:at] + data[at + 80 :])


def test_a_lost_interval_is_noticed():
    data = jpeg("restarts")
    first = data.index(b"\xff\xd3")
    assert is_refused(data[:first] + data[data.index(b"\xff\xd4", first) :])


@pytest.mark.parametrize("behind", [bytes(700), b"\0\0\0\x18ftypmp42", END, b"\xff" * 40], ids=len)
@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_the_end_does_no_harm(kind, behind):
    assert not is_refused(jpeg(kind) + behind)


@pytest.mark.parametrize("padding", [b"\xff" * 300, bytes(3), bytes(300)], ids=len)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["photo", "black"])
def test_padding_before_the_end_marker_does_no_harm(name, kind, padding):
    data = jpeg(kind, PHOTO if name == "photo" else Image.new("RGB", (300, 200)))
    assert not is_refused(data[:-2] + padding + END)


@pytest.mark.parametrize("at", [b"\xff\xdb", b"\xff\xc4", b"\xff\xda"], ids=["tables", "codes", "scan"])
@pytest.mark.parametrize("kind", KINDS)
def test_junk_and_odd_metadata_in_the_head_do_no_harm(kind, at):
    data = jpeg(kind)
    place = data.index(at)
    odd = (b"junk", b"\xff\xe2\0\x0eICC_PROFILE\0", b"\xff\xd0", b"\xff\xe0\0\7JFIF\0")
    for each in odd:
        assert not is_refused(data[:place] + each + data[place:])


def test_odd_numbers_in_the_header_of_a_sequential_scan_do_no_harm():
    data = jpeg("restarts")
    begin, _ = scans(data)[0]
    assert not is_refused(data[: begin - 3] + b"\1\2\3" + data[begin:])


def test_a_subsampling_that_it_does_not_know_is_left_to_pillow(monkeypatch):
    data = jpeg("progressive")

    def refuse(*_, **__):
        raise ValueError("Could not determine subsampling level of JPEG image")

    monkeypatch.setattr(strict_jpeg, "_decode", refuse)
    assert not is_refused(data)


def test_the_zygote_loads_it_for_the_first_such_file():
    async def run():
        decoder = Decoder(Limits())
        await decoder.start()
        try:
            seen = []
            for data in (jpeg("baseline"), jpeg("progressive"), jpeg("restarts")):
                await decoder.render(data, [Variant(width=41)])
                seen.append(needed_codecs.STRICT_JPEGS in decoder._children.loaded)
            begin, _ = scans(jpeg("restarts"))[0]
            hole = jpeg("restarts")[: begin + 999] + jpeg("restarts")[begin + 1200 :]
            with pytest.raises(ImageFailed) as caught:
                await decoder.render(hole, [Variant(width=41)])
            return seen, caught.value.code
        finally:
            await decoder.close()

    seen, code = asyncio.run(run())
    assert seen == [False, True, True]
    assert code is Code.CORRUPT_IMAGE
