import struct

import numpy as np
import pytest

from imagejobs_contract.model.options import Format
from support.images import pictures
from support.images.rendering import render_file

RGB, WHITE_IS_ZERO, BLACK_IS_ZERO = 2, 0, 1
UNSIGNED, FLOAT = 1, 3
IN_PLANES = 2


def tiff(planes: np.ndarray, photometric: int, *, big: bool = False) -> bytes:
    """Return bands x height x width as a TIFF (TIFF 6.0, BigTIFF): one uncompressed strip per plane.

    Pillow writes few of them.
    """
    bands, height, width = planes.shape
    strips = [plane.tobytes() for plane in planes]
    word, count = ("<Q", "<HHQ") if big else ("<I", "<HHI")
    start = 16 if big else 8
    offsets = [start + sum(map(len, strips[:n])) for n in range(bands)]
    kind = FLOAT if planes.dtype.kind == "f" else UNSIGNED
    tags = {
        256: [width], 257: [height], 258: [8 * planes.itemsize] * bands, 259: [1], 262: [photometric],
        273: offsets, 277: [bands], 278: [height], 279: [len(strip) for strip in strips],
        284: [IN_PLANES if bands > 1 else 1], 339: [kind] * bands,
    }  # fmt: skip
    at = start + sum(map(len, strips))
    entries, aside = b"", b""
    behind = at + (16 if big else 6) + len(tags) * (20 if big else 12)
    for tag, values in tags.items():
        packed = b"".join(struct.pack(word, value) for value in values)
        if len(values) > 1:
            aside, packed = aside + packed, struct.pack(word, behind + len(aside))
        entries += struct.pack(count, tag, 16 if big else 4, len(values)) + packed
    header = b"II+\0" + struct.pack("<HHQ", 8, 0, at) if big else b"II*\0" + struct.pack("<I", at)
    number = struct.pack("<Q" if big else "<H", len(tags))
    return header + b"".join(strips) + number + entries + struct.pack(word, 0) + aside


def rendered(data: bytes) -> np.ndarray:
    return pictures.pixels(render_file(data, format=Format.PNG))


def planes_of(image, dtype, most) -> np.ndarray:
    return np.ascontiguousarray((pictures.pixels(image) / 255 * most).astype(dtype).transpose(2, 0, 1))


@pytest.mark.parametrize(("dtype", "most"), [(np.uint8, 255), (np.uint16, 65535)])
@pytest.mark.parametrize("big", [False, True])
def test_colours_in_planes_of_their_own_are_put_together(dtype, most, big):
    photo = pictures.photo(61, 47)
    assert (
        np.abs(rendered(tiff(planes_of(photo, dtype, most), RGB, big=big)) - pictures.pixels(photo)).max()
        <= 1
    )


@pytest.mark.parametrize(("dtype", "most"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
def test_greys_may_count_from_white_to_black(dtype, most, photometric):
    grey = pictures.photo(61, 47).convert("L")
    planes = planes_of(grey, dtype, most)[:1]
    expected = pictures.pixels(grey)
    found = rendered(
        tiff(planes if photometric == BLACK_IS_ZERO else (most - planes).astype(dtype), photometric)
    )
    assert np.abs(found - expected).max() <= 1
