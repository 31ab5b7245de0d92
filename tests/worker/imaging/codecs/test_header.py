import pytest

from imagejobs_worker.imaging.codecs import header
from support.images import pictures


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
