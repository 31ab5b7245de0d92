import struct

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_worker.imaging import file_check
from imagejobs_worker.imaging.codecs import header
from imagejobs_worker.imaging.metadata_blocks import heif_boxes
from support.images import pictures
from support.images.rendering import render_file


@pytest.mark.parametrize("form", ["jpeg", "png", "gif", "bmp", "webp"])
@pytest.mark.parametrize("size", [(1, 1), (300, 200), (4000, 3)], ids=str)
def test_the_size_is_read_without_a_decoder(form, size):
    assert header.declared_size(pictures.saved(pictures.photo(*size), form)) == size


@pytest.mark.parametrize(
    "options",
    [
        {"progressive": True},
        {"exif": b"Exif\0\0MM\0*" + bytes(3000)},
        {"icc_profile": bytes(100_000)},
        {"restart_marker_rows": 1},
    ],
    ids=["progressive", "exif", "long profile", "restart markers"],
)
def test_a_jpegs_frame_header_is_found_behind_other_segments(options):
    assert header.declared_size(pictures.saved(pictures.photo(321, 123), "jpeg", **options)) == (321, 123)


@pytest.mark.parametrize(
    "options",
    [{"lossless": True}, {"quality": 50}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}],
    ids=["VP8L", "VP8", "VP8X"],
)
def test_all_three_headers_of_webp_are_read(options):
    assert header.declared_size(pictures.saved(pictures.photo(321, 123), "webp", **options)) == (321, 123)


@pytest.mark.parametrize("form", ["jpeg", "png", "gif", "bmp", "webp", "tiff", "avif"])
def test_no_beginning_of_a_file_makes_it_fail(form):
    whole = pictures.saved(pictures.photo(64, 64), form)
    assert {header.declared_size(whole[:n]) for n in range(min(len(whole), 700))} <= {None, (64, 64)}


@pytest.mark.parametrize("filler", [b"\xff", b"\xff\xe0\x00\x02"], ids=["fillers", "segments"])
def test_the_search_for_a_jpegs_size_is_short_however_long_the_file(filler):
    """The parent process reads files of a child with it, and is blocked meanwhile; unbounded, for seconds."""

    class Counted(bytes):
        looks = 0

        def __getitem__(self, at):
            Counted.looks += 1
            return super().__getitem__(at)

    assert header.declared_size(Counted(b"\xff\xd8" + filler * (2**24 // len(filler)))) is None
    assert Counted.looks < 10_000


def test_text_has_no_size():
    assert header.declared_size(b"hello, I am no picture at all") is None


@pytest.mark.parametrize("count", [1, 2, 30])
def test_frames_of_a_gif_are_counted(count):
    frames = [pictures.photo(20, 20, seed) for seed in range(count)]
    assert header.count_gif_frames(pictures.animation("gif", frames), 256) == count


def test_counting_stops_above_the_limit():
    assert header.count_gif_frames(pictures.gif_of(100_000), 256) == 257


def test_a_missing_trailer_is_forgiven():
    assert header.count_gif_frames(pictures.gif_of(3)[:-1], 256) == 3


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_an_end_within_a_block_is_not(share):
    data = pictures.animation("gif", [pictures.photo(40, 40, seed) for seed in range(3)])
    with pytest.raises(header.Truncated):
        header.count_gif_frames(data[: 10 + int(share * len(data))], 256)


def jpeg_of(marker, bits, bands):
    """Return a JPEG that claims this kind of frame; libjpeg looks at nothing behind it before it refuses."""
    photo = pictures.photo(32, 16)
    data = pictures.saved(photo if bands == 3 else photo.convert("L"), "jpeg")
    at = data.index(b"\xff\xc0")
    size = data[at + 5 : at + 9]
    frame = struct.pack(">BBHB", 0xFF, marker, 8 + 3 * bands, bits) + size + bytes([bands])
    parts = b"".join(bytes([n + 1, 0x11, 0]) for n in range(bands))
    (length,) = struct.unpack_from(">H", data, at + 2)
    return data[:at] + frame + parts + data[at + 2 + length :]


@pytest.mark.parametrize(
    ("marker", "bits", "bands", "kind"),
    [
        (0xC1, 12, 3, "12 bits"),
        (0xC2, 12, 1, "12 bits"),
        (0xC3, 16, 3, "16 bits"),
        (0xC0, 8, 2, "2 bands"),
        (0xC0, 8, 5, "5 bands"),
        (0xC5, 8, 3, "hierarchical"),
        (0xCB, 8, 3, "arithmetic"),
        (0xF7, 8, 3, "JPEG-LS"),
    ],
)
def test_a_kind_of_jpeg_that_is_not_read_is_named_and_not_called_damaged(marker, bits, bands, kind):
    with pytest.raises(ImageFailed, match=kind) as caught:
        render_file(jpeg_of(marker, bits, bands))
    assert caught.value.code is Code.UNSUPPORTED_FORMAT


def test_a_frame_header_of_a_jpeg_that_cannot_be_is_damage():
    for data in (jpeg_of(0xC0, 77, 3), jpeg_of(0xC0, 0, 3)):
        with pytest.raises(ImageFailed) as caught:
            render_file(data)
        assert caught.value.code is Code.CORRUPT_IMAGE


@pytest.mark.parametrize("form", ["avif", "heic"])
@pytest.mark.parametrize("coding", [b"vvc1", b"j2k1", b"jpeg", b"unci", b"avc1"])
def test_a_heif_of_another_coding_is_named_and_not_called_damaged(coding, form):
    data = pictures.saved(pictures.photo(32, 16), "avif").replace(b"av01", coding)
    data = data.replace(b"ftypavif", b"ftyp" + form.encode(), 1)
    with pytest.raises(ImageFailed, match=coding.decode()) as caught:
        file_check.check_file(data, Limits(), heic=True)
    assert caught.value.code is Code.UNSUPPORTED_FORMAT


def test_the_coding_of_an_avif_is_av1():
    assert heif_boxes.read_main_type(pictures.saved(pictures.photo(32, 16), "avif")) == b"av01"
    assert heif_boxes.read_main_type(b"no boxes at all") == b""
