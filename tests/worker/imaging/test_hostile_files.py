"""Bombs, lies and cut files: each ends in a code that names the fault, before it costs anything."""

import struct

import pytest
from PIL import Image, ImageFile

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.wire.sniff import READ
from imagejobs_worker.imaging.codecs import header
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.pipeline import render
from support.images import hostile_files, pictures


def fault(data, limits=None, **options):
    limits = limits or Limits()
    with pytest.raises(ImageFailed) as found:
        render(data, [Variant(**options)], limits, Deadline.after(20))
    return found.value


def code_of(data):
    try:
        render(data, [Variant(width=20)], Limits(), Deadline.after(5))
    except ImageFailed as ex:
        return ex.code
    return None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pictures.png_header(60_000, 60_000), id="png"),
        pytest.param(hostile_files.jpeg_that_says(60_000, 60_000), id="jpeg"),
        pytest.param(pictures.gif_of(1, 60_000, 60_000), id="gif"),
        pytest.param(hostile_files.LARGE_BMP, id="bmp"),
        pytest.param(hostile_files.tiff_that_says(60_000, 60_000), id="tiff"),
        pytest.param(hostile_files.LARGE_WEBP, id="webp"),
        pytest.param(
            pictures.gif_of(1, 10, 10, hostile_files.LARGE_FRAME),
            id="gif whose frame is larger than its canvas",
        ),
    ],
)
def test_a_pixel_bomb_is_refused_by_its_header(data, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("its pixels were decoded"))
    assert fault(data, width=10).code is Code.TOO_MANY_PIXELS


def test_the_message_names_the_fault_the_value_and_the_limit():
    assert (
        fault(pictures.png_header(60_000, 60_000)).message
        == "has 60000x60000 = 3600000000 pixels; at most 50000000 are allowed"
    )


def test_a_side_can_be_too_long_with_few_pixels():
    assert (
        fault(pictures.png_header(20_000, 1)).message
        == "has 20000x1 pixels; at most 16383 a side are allowed"
    )


@pytest.mark.parametrize(("pixels", "refused"), [(99, True), (100, False), (101, False)])
def test_the_limit_itself_is_allowed(pixels, refused):
    data, limits = pictures.saved(pictures.photo(10, 10), "png"), Limits(max_pixels=pixels)
    if refused:
        assert fault(data, limits).code is Code.TOO_MANY_PIXELS
    else:
        assert render(data, [Variant()], limits, Deadline.after(5)).pictures


def test_a_result_can_be_too_large_as_well():
    found = fault(pictures.saved(pictures.photo(10, 10), "png"), width=16_000, enlarge=True)
    assert (found.code, found.message) == (
        Code.TOO_MANY_PIXELS,
        "would have 16000x16000 = 256000000 pixels; at most 50000000 are allowed",
    )


def test_a_text_bomb_is_refused():
    assert fault(pictures.png_header(8, 8, hostile_files.TEXT_BOMB)).code is Code.CORRUPT_IMAGE


@pytest.mark.parametrize("form", ["gif", "webp", "avif"])
def test_too_many_frames_are_refused(form):
    frames = [Image.new("RGB", (4, 4), (n * 9, 0, 0)) for n in range(12)]
    found = fault(pictures.animation(form, frames), Limits(max_frames=11))
    assert (found.code, found.message) == (
        Code.TOO_MANY_FRAMES,
        "has more than the 11 frames that are allowed",
    )


def test_a_frame_bomb_is_refused_before_all_its_frames_are_counted(monkeypatch):
    counted, all_frames = [], header.find_gif_frames
    monkeypatch.setattr(
        header, "find_gif_frames", lambda data: (counted.append(each) or each for each in all_frames(data))
    )
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("its pixels were decoded"))
    assert fault(pictures.gif_of(1_000_000)).code is Code.TOO_MANY_FRAMES
    assert len(counted) < 1000


def test_the_pixels_of_all_frames_are_counted_together():
    found = fault(pictures.gif_of(200, 1000, 1000), format=Format.WEBP)
    assert (found.code, found.message) == (
        Code.TOO_MANY_PIXELS,
        "has 200 frames of 1000x1000 = 200000000 pixels; at most 100000000 are allowed",
    )


def test_a_request_for_fewer_frames_is_served():
    data = pictures.gif_of(1000, 10, 10)
    for options in ({"frames": 3}, {"format": Format.JPEG}):
        assert render(data, [Variant(**options)], Limits(), Deadline.after(5)).pictures[0].data


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b"", Code.NOT_AN_IMAGE, "The file is empty."),
        (b"hello, I am text and no picture", Code.NOT_AN_IMAGE, "The file is not an image."),
        (
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            Code.UNSUPPORTED_FORMAT,
            "is heic; read are jpeg png gif webp avif tiff bmp",
        ),
        (bytes(2000), Code.NOT_AN_IMAGE, "The file is not an image."),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            Code.UNSUPPORTED_FORMAT,
            f"The file is SVG, which is not read; {READ}.",
        ),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0",
            Code.UNSUPPORTED_FORMAT,
            f"The file is PostScript (EPS), which is not read; {READ}.",
        ),
        (
            b"\xff\xd8\xff" + bytes(500),
            Code.CORRUPT_IMAGE,
            "has a damaged header, or is of a kind that is not read",
        ),
    ],
    ids=["empty", "text", "heic", "zeros", "svg", "eps", "only magic"],
)
def test_each_kind_of_bad_file_has_its_code_and_message(data, code, message):
    found = fault(data)
    assert (found.code, found.message) == (code, message)


def test_a_large_file_is_refused_unread():
    found = fault(bytes(101), Limits(max_file_bytes=100))
    assert (found.code, found.message) == (Code.FILE_TOO_LARGE, "has 101 bytes; at most 100 are allowed")


@pytest.mark.parametrize("eighths", range(1, 8))
@pytest.mark.parametrize("form", pictures.FORMATS)
def test_a_cut_file_is_refused_not_shown_in_part(form, eighths):
    whole = pictures.saved(pictures.photo(200, 150), form)
    assert fault(whole[: len(whole) * eighths // 8], width=50).code is Code.CORRUPT_IMAGE


@pytest.mark.parametrize("eighths", range(1, 8))
@pytest.mark.parametrize("form", ["gif", "webp", "avif"])
@pytest.mark.parametrize("result", [None, Format.JPEG], ids=["moving", "still"])
def test_a_cut_animation_is_refused(form, eighths, result):
    whole = pictures.animation(form, [pictures.photo(64, 64, seed) for seed in range(4)])
    assert fault(whole[: len(whole) * eighths // 8], width=32, format=result).code is Code.CORRUPT_IMAGE


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("jpeg", {"progressive": True}),
        ("tiff", {"compression": "tiff_adobe_deflate"}),
        ("png", {"compress_type": 3}),
        ("webp", {"lossless": True}),
    ],
    ids=["progressive", "deflate", "run lengths", "lossless"],
)
def test_a_cut_file_is_refused_however_it_is_packed(form, options):
    whole = pictures.saved(pictures.photo(200, 150), form, **options)
    assert fault(whole[: len(whole) * 5 // 8], width=50).code is Code.CORRUPT_IMAGE


@pytest.mark.parametrize("form", pictures.FORMATS)
def test_flipped_bytes_end_in_a_picture_or_a_code(form):
    whole = bytearray(pictures.saved(pictures.photo(80, 60), form))
    for at in range(8, len(whole), max(1, len(whole) // 60)):
        damaged = bytes(whole[:at]) + bytes([whole[at] ^ 0xFF]) + bytes(whole[at + 1 :])
        assert code_of(damaged) in {
            None,
            Code.CORRUPT_IMAGE,
            Code.TOO_MANY_PIXELS,
            Code.NOT_AN_IMAGE,
            Code.UNSUPPORTED_FORMAT,
        }


def test_time_runs_out_between_steps():
    with pytest.raises(ImageFailed) as found:
        render(
            pictures.saved(pictures.photo(64, 64), "png"), [Variant(width=20)], Limits(), Deadline(0.0, 30)
        )
    assert (found.value.code, found.value.message) == (
        Code.PROCESSING_TIMEOUT,
        "took longer than the 30 s that are allowed",
    )


def test_a_still_of_an_animation_does_not_look_at_the_frames_behind_it():
    """Pillow's AVIF encoder walks through all frames of the source file; found by fuzzing."""
    grey = (
        b"GIF89a"
        + struct.pack("<HHBBB", 8, 6, 0, 0, 0)
        + b","
        + struct.pack("<4HB", 0, 0, 1, 1, 0)
        + b"\x02\x02\x44\x01\x00"
    )
    data = grey + hostile_files.LARGE_FRAME + b";"
    assert (
        render(data, [Variant(format=Format.AVIF, frames=1)], Limits(), Deadline.after(5)).pictures[0].width
        == 8
    )
