import struct

import pytest
from PIL import Image

from imagejobs_contract.model.options import Fit, Format
from imagejobs_worker.imaging.codecs import avif_loops
from support.images import pictures
from support.images.rendering import render_file

ENDLESS = 2**64 - 1


def made(data, form, **options):
    return render_file(data, format=form, **options)


def film(form, **options):
    return pictures.animation(
        form, [Image.new("RGB", (32, 24), (80 * n, 90, 90)) for n in range(3)], [100, 200, 300], **options
    )


def loops_of(data):
    """Return the loop count of each track from its boxes; libavif's own decoder was seen to agree."""
    found = []
    for track in data.split(b"trak")[1:]:
        edits, header = track.index(b"elst") + 4, track.index(b"tkhd") + 4
        once, whole = (
            struct.unpack_from(">Q", track, edits + 8)[0],
            struct.unpack_from(">Q", track, header + 28)[0],
        )
        assert once == 600
        found.append((0 if whole == ENDLESS else whole / once) if track[edits + 3] & 1 else 1)
    return found


@pytest.mark.parametrize(("loop", "expected"), [(0, 0), (1, 1), (2, 2), (7, 7), (65_535, 65_535)])
def test_an_avif_plays_as_often_as_its_source(loop, expected):
    assert loops_of(made(film("webp", loop=loop), Format.AVIF)) == [expected]


def test_the_track_of_its_transparency_ends_with_it():
    assert loops_of(made(film("webp", loop=3), Format.AVIF, width=40, height=40, fit=Fit.CONTAIN)) == [3, 3]


@pytest.mark.parametrize(("loop", "expected"), [(0, 0), (1, 1), (2, 2), (7, 7)])
def test_results_of_an_avif_keep_its_loop_count(loop, expected):
    source = made(film("webp", loop=loop), Format.AVIF)
    assert pictures.opened(made(source, Format.WEBP)).info["loop"] == expected
    assert loops_of(made(source, Format.AVIF, width=16)) == [expected]


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def older(duration, once, flags=1):
    """Return tracks with version 0 of their boxes."""
    header = box(b"tkhd", struct.pack(">IIIIII", 0, 0, 0, 1, 0, duration))
    return box(b"ftyp", b"avis") + box(
        b"moov", box(b"trak", header, box(b"edts", box(b"elst", struct.pack(">III", flags, 1, once))))
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (older(600, 200), 3), (older(601, 200), 4), (older(2**32 - 1, 200), 0), (older(600, 600, flags=0), 1),
        (older(600, 0), 0), (older(0, 9), 0), (older(600, 200)[:-10], 0), (older(600, 200)[:-3], 0), (b"", 0),
        (box(b"moov", box(b"trak")), 0), (b"\0\0\0\1moov" * 9, 0),
    ],
)  # fmt: skip
def test_other_writers_boxes_are_read_and_damage_means_for_ever(data, expected):
    assert avif_loops.read_loop_count(data) == expected
