"""A HEIC that ends before the tiles of its main picture is refused; what else is missing does no harm."""

import struct

import pytest

from imagejobs_worker.imaging.soundness import heif_extents

GRID, TILE, PREVIEW = 1, 2, 9
"""Items: the main picture, made of one tile, and a preview behind it."""


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def places(version, items):
    """Return the list of places, as (item, method, base, extents)."""
    number = ">I" if version == 2 else ">H"
    head = struct.pack(">BxxxBB", version, 0x44, 0x40) + struct.pack(number, len(items))
    for item, method, base, extents in items:
        head += struct.pack(number, item) + (struct.pack(">H", method) if version else b"")
        head += struct.pack(">HIH", 0, base, len(extents))
        head += b"".join(struct.pack(">II", *extent) for extent in extents)
    return box(b"iloc", head)


def heic(version=1, *, wide=False, items=None, references=True):
    """Return the boxes of a HEIC and 100 bytes of pixels: the tile takes 60, the preview the others."""
    number = ">I" if wide else ">H"
    main = box(b"pitm", bytes([wide, 0, 0, 0]), struct.pack(number, GRID))
    tiles = struct.pack(number, GRID) + struct.pack(">H", 1) + struct.pack(number, TILE)
    grid = box(b"iref", bytes([wide, 0, 0, 0]), box(b"dimg", tiles)) if references else b""

    def whole(start):
        found = items or [
            (GRID, 1 if version else 0, 0, [(0, 8)]),
            (TILE, 0, start, [(0, 20), (20, 40)]),
            (PREVIEW, 0, start, [(60, 40)]),
        ]
        return box(b"ftyp", b"heic") + box(b"meta", bytes(4), main, grid, places(version, found))

    start = len(whole(0))
    return whole(start) + bytes(100)


def is_refused(data):
    try:
        heif_extents.check(data)
    except EOFError:
        return True
    return False


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_missing_tile_is_noticed_and_a_missing_preview_is_not(version, wide):
    data = heic(version, wide=wide)
    assert not is_refused(data)
    assert not is_refused(data[:-40])
    assert is_refused(data[:-41])


def test_a_picture_without_tiles_must_be_there_itself():
    data = heic(items=[(GRID, 0, 0, [(0, 400)])], references=False)
    assert is_refused(data)
    assert not is_refused(data + bytes(300))


@pytest.mark.parametrize("kept", range(0, 130, 7))
def test_boxes_that_cannot_be_read_are_left_to_the_decoder(kept):
    assert not is_refused(heic()[:kept])


@pytest.mark.parametrize("sizes", [0x00, 0x11, 0xFF])
def test_odd_lengths_of_numbers_are_left_to_the_decoder_in_bounded_time(sizes):
    data = bytearray(heic(items=[(n, 0, 0, [(0, 8)] * 3) for n in range(500)]))
    at = data.index(b"iloc") + 8
    data[at : at + 2] = bytes([sizes, sizes])
    data[at + 2 : at + 4] = b"\xff\xff"
    assert not is_refused(bytes(data))
