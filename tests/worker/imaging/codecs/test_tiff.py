import struct
import zlib

import numpy as np
import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Format
from support.images import pictures
from support.images.rendering import render_file, render_image

RGB, WHITE_IS_ZERO, BLACK_IS_ZERO = 2, 0, 1
KINDS = {"u": 1, "i": 2, "f": 3}
"""NumPy's kind of number -> tag 339, SampleFormat."""
IN_PLANES = 2


def tiff(
    planes: np.ndarray,
    photometric: int,
    *,
    big: bool = False,
    order: str = "<",
    deflate: bool = False,
    bits: int = 0,
    arrangement: int = 0,
) -> bytes:
    """Return bands x height x width as a TIFF (TIFF 6.0, BigTIFF): one strip per plane.

    Pillow writes few of them. With `bits` the planes are bytes in which samples of other bits are packed.
    """
    bands, height, width = planes.shape
    strips = [plane.astype(planes.dtype.newbyteorder(order)).tobytes() for plane in planes]
    if deflate:
        strips = [zlib.compress(strip) for strip in strips]
    short, long = f"{order}H", f"{order}I"
    word, count = (f"{order}Q", f"{order}HHQ") if big else (long, f"{order}HHI")
    start = 16 if big else 8
    offsets = [start + sum(map(len, strips[:n])) for n in range(bands)]
    kind = KINDS[planes.dtype.kind]
    tags = {
        256: [width * 8 * planes.itemsize // (bits or 8 * planes.itemsize)], 257: [height],
        258: [bits or 8 * planes.itemsize] * bands, 259: [8 if deflate else 1], 262: [photometric],
        273: offsets, 277: [bands], 278: [height], 279: [len(strip) for strip in strips],
        284: [arrangement or (IN_PLANES if bands > 1 else 1)], 339: [kind] * bands,
    }  # fmt: skip
    at = start + sum(map(len, strips))
    entries, aside = b"", b""
    behind = at + (16 if big else 6) + len(tags) * (20 if big else 12)
    for tag, values in tags.items():
        packed = b"".join(struct.pack(word, value) for value in values)
        if len(values) > 1:
            aside, packed = aside + packed, struct.pack(word, behind + len(aside))
        entries += struct.pack(count, tag, 16 if big else 4, len(values)) + packed
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(f"{order}HHHQ", 43, 8, 0, at) if big else struct.pack(f"{order}HI", 42, at)
    number = struct.pack(word if big else short, len(tags))
    return mark + head + b"".join(strips) + number + entries + struct.pack(word, 0) + aside


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


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.float32])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_greys_may_count_from_white_in_any_order_of_bytes(order, deflate, dtype):
    grey = pictures.photo(61, 47).convert("L")
    most = 1 if dtype is np.float32 else np.iinfo(dtype).max
    plane = (most - planes_of(grey, dtype, most)[:1]).astype(dtype)
    found = rendered(tiff(plane, WHITE_IS_ZERO, order=order, deflate=deflate))
    assert np.abs(found - pictures.pixels(grey)).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int16, np.int32, np.float32])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_the_order_of_bytes_changes_no_grey(order, big, deflate, dtype):
    grey = pictures.photo(61, 47).convert("L")
    most = 1 if dtype is np.float32 else np.iinfo(dtype).max
    plane = planes_of(grey, dtype, most)[:1]
    for arrangement in (1, IN_PLANES):
        data = tiff(plane, BLACK_IS_ZERO, big=big, order=order, deflate=deflate, arrangement=arrangement)
        assert np.abs(rendered(data) - pictures.pixels(grey)).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_the_order_of_bytes_changes_no_colour(order, big, deflate, dtype):
    photo = pictures.photo(61, 47)
    planes = planes_of(photo, dtype, np.iinfo(dtype).max)
    found = rendered(tiff(planes, RGB, big=big, order=order, deflate=deflate))
    assert np.abs(found - pictures.pixels(photo)).max() <= 1


@pytest.mark.parametrize("deflate", [False, True])
def test_greys_of_12_bits_are_scaled_by_their_whole_range(deflate):
    values = np.linspace(0, 4095, 64).astype(np.uint16).reshape(4, 16)
    high, low = values[:, ::2], values[:, 1::2]
    packed = (
        np.stack([high >> 4, (high & 15) << 4 | low >> 8, low & 255], -1).astype(np.uint8).reshape(1, 4, 24)
    )
    found = rendered(tiff(packed, BLACK_IS_ZERO, bits=12, deflate=deflate))[..., 0]
    assert np.abs(found - values / 4095 * 255).max() <= 1


BEYOND = 0xFFFFFFF0
IMAGE_DESCRIPTION, ORIENTATION, XMP, SUB_DIRECTORIES, ARTIST = 270, 274, 700, 330, 315
BYTE, TEXT, SHORT, LONG, RATIONAL, DOUBLE = 1, 2, 3, 4, 5, 12


def with_entry(data, tag, kind, count, value):
    """Return a little endian TIFF with one more entry, in a directory behind its end; 4 bytes of value."""
    (at,) = struct.unpack_from("<I", data, 4)
    (number,) = struct.unpack_from("<H", data, at)
    entries = [data[at + 2 + 12 * n : at + 14 + 12 * n] for n in range(number)]
    entries.append(struct.pack("<HHI", tag, kind, count) + value)
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry))
    new = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + new


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("kind", [BYTE, TEXT, SHORT, LONG, RATIONAL, DOUBLE, 0, 99])
@pytest.mark.parametrize(
    "tag", [IMAGE_DESCRIPTION, ORIENTATION, ARTIST, SUB_DIRECTORIES, XMP, 33_723, 34_675]
)
def test_metadata_of_an_odd_type_or_beyond_the_file_fails_no_tiff(tag, kind, compression, keep):
    photo = pictures.photo(30, 20)
    plain = pictures.saved(photo, "tiff", compression=compression)
    for count, value in ((9, struct.pack("<I", BEYOND)), (1, b"a\0\0\0"), (9, struct.pack("<I", 8))):
        found = render_file(with_entry(plain, tag, kind, count, value), format=Format.PNG, keep_metadata=keep)
        assert pictures.pixels(found).tolist() == pictures.pixels(photo).tolist()


def directory(order, tags, following=0):
    """Return a directory of a classic TIFF with these tags, each one number of 32 bits."""
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", following)


def with_sub_directory(order, first, below):
    """Return a grey TIFF of 8x4 pixels; `first` has further tags, `below` those of a directory in tag 330."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + 4096)
    tags = {256: 8, 257: 4, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 4, 279: 32, **first}
    size = len(directory(order, {**tags, 330: 0}))
    main = directory(order, {**tags, 330: 8 + 4096 + size} if below else tags)
    return head + bytes(range(64)) * 64 + main + (directory(order, below) if below else b"")


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("first", "below"),
    [
        ({254: 1}, {}),
        ({254: 5}, {}),
        ({255: 2}, {}),
        ({50_706: 0x00000401}, {}),
        ({254: 1}, {256: 150, 257: 100}),
        ({}, {254: 0, 256: 150, 257: 100}),
        ({}, {256: 9, 257: 4}),
    ],
    ids=str,
)
def test_a_tiff_that_begins_with_a_preview_is_refused(order, first, below):
    with pytest.raises(ImageFailed) as found:
        render_file(with_sub_directory(order, first, below))
    assert found.value.code is Code.UNSUPPORTED_FORMAT
    assert "preview" in found.value.message


def test_raw_photos_are_named():
    for data, name in (
        (with_sub_directory("<", {50_706: 0x401}, {}), "DNG"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(200), "CR2"),
    ):
        with pytest.raises(ImageFailed, match=name) as found:
            render_file(data)
        assert found.value.code is Code.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("first", "below"),
    [
        ({}, {}),
        ({254: 0}, {}),
        ({254: 2}, {}),
        ({255: 1}, {}),
        ({}, {254: 1, 256: 4, 257: 2}),
        ({330: 99_999}, {}),
    ],
    ids=str,
)
def test_a_tiff_with_its_largest_picture_first_is_read(order, first, below):
    found = pictures.opened(render_file(with_sub_directory(order, first, below), format=Format.PNG))
    assert (found.size, list(found.tobytes()[:8])) == ((8, 4), list(range(8)))


def tiff_of(values, bits, kind, photometric=1):
    """Return an uncompressed TIFF of these samples, height x width x bands or height x width."""
    height, width = values.shape[:2]
    samples = 1 if values.ndim == 2 else values.shape[2]
    body = values.tobytes()
    extra = struct.pack(f"<{samples}H", *(bits,) * samples) + struct.pack(f"<{samples}H", *(kind,) * samples)
    data_at = 8
    extra_at = data_at + len(body)
    directory_at = extra_at + len(extra)
    offsets = {258: extra_at, 339: extra_at + 2 * samples}
    tags = [(256, 4, 1, width), (257, 4, 1, height)]
    tags += [(258, 3, samples, bits if samples == 1 else extra_at), (259, 3, 1, 1), (262, 3, 1, photometric)]
    tags += [(273, 4, 1, data_at), (277, 3, 1, samples), (278, 4, 1, height), (279, 4, 1, len(body))]
    tags += [(339, 3, samples, kind if samples == 1 else offsets[339])]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", directory_at) + body + extra + directory


def test_greys_of_32_bits_are_scaled_by_their_whole_range():
    values = np.array([[0, 2**24, 2**30, 2**31, 2**32 - 1, 40_000, 65_535, 3_000_000_000]], np.uint32)
    found = pictures.pixels(render_image(tiff_of(values, 32, 1), format=Format.PNG), "L")
    assert np.abs(found - values / (2**32 - 1) * 255).max() <= 1


@pytest.mark.parametrize("bits", [16, 32])
def test_signed_greys_are_scaled_by_their_whole_range(bits):
    highest = 2 ** (bits - 1) - 1
    values = np.array([[0, highest // 4, highest // 2, highest, -5, -highest]], f"int{bits}")
    found = pictures.pixels(render_image(tiff_of(values, bits, 2), format=Format.PNG), "L")
    assert np.abs(found - np.clip(values / highest * 255, 0, 255)).max() <= 1


@pytest.mark.parametrize(
    ("values", "bits", "kind", "photometric"),
    [
        (np.zeros((4, 4, 3), np.float32), 32, 3, 2),
        (np.zeros((4, 4, 3), np.float16), 16, 3, 2),
        (np.zeros((4, 4, 3), np.uint32), 32, 1, 2),
        (np.zeros((4, 4), np.float64), 64, 3, 1),
        (np.zeros((4, 4, 3), np.uint16), 16, 1, 8),
        (np.zeros((4, 4, 5), np.uint8), 8, 1, 5),
    ],
    ids=[
        "float32 rgb",
        "float16 rgb",
        "uint32 rgb",
        "float64 grey",
        "16 bit lab",
        "five channels",
    ],
)
def test_pixels_that_are_not_read_are_named_and_not_called_damaged(values, bits, kind, photometric):
    with pytest.raises(ImageFailed) as caught:
        render_image(tiff_of(values, bits, kind, photometric))
    assert caught.value.code is Code.UNSUPPORTED_FORMAT
    assert f"{bits} bits" in caught.value.message


def test_a_cut_directory_is_damage():
    data = tiff_of(np.zeros((4, 4, 3), np.float32), 32, 3, 2)
    with pytest.raises(ImageFailed) as caught:
        render_image(data[:-60])
    assert caught.value.code is Code.CORRUPT_IMAGE


def test_webp_in_a_tiff_is_named():
    data = pictures.saved(pictures.photo(40, 30), "tiff", compression="tiff_adobe_deflate")
    entry = struct.pack("<HHIHH", 259, 3, 1, 8, 0)
    assert data.count(entry) == 1
    with pytest.raises(ImageFailed, match="compression 50001, which is not read") as caught:
        render_image(data.replace(entry, struct.pack("<HHIHH", 259, 3, 1, 50_001, 0)))
    assert caught.value.code is Code.UNSUPPORTED_FORMAT
