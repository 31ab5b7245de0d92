"""Odd metadata before the pixels never fails an image: the result is that of the same file without it."""

import itertools
import random
import struct
import zlib

import pytest
from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging.soundness import odd_metadata
from support.images import hostile_files, pictures
from support.images.rendering import render_file

PHOTO = pictures.photo(60, 40)
PNG = pictures.saved(PHOTO, "png")
JPEG = pictures.saved(PHOTO, "jpeg")
GIF = pictures.saved(PHOTO, "gif")
GIF_HEAD = 13 + 3 * 256
NAMES = ("tEXt", "zTXt", "iTXt", "gAMA", "cHRM", "pHYs", "tIME", "iCCP", "eXIf", "cLLI", "cICP", "sRGB")
NAMES += ("sBIT", "bKGD", "hIST", "prVt", "acTL", "fcTL", "sPLT", "oFFs")


def chunk(name, body, checksum=None):
    found = zlib.crc32(name + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", found)


def png_with(*chunks, base=PNG):
    return base[:33] + b"".join(chunks) + base[33:]


def jpeg_with(marker, body):
    return JPEG[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + JPEG[2:]


def gif_with(extension):
    return GIF[:GIF_HEAD] + extension + GIF[GIF_HEAD:]


def result(data):
    return render_file(data, width=30, format=Format.PNG)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("body", [b"", b"x", b"name\0\0" + zlib.compress(b"text"), bytes(40)], ids=len)
@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_checksum_of_metadata_is_ignored(name, body, keep):
    data = png_with(chunk(name.encode(), body, checksum=7))
    assert render_file(data, width=30, keep_metadata=keep) == render_file(PNG, width=30)


@pytest.mark.parametrize("length", [*range(9), 25, 26, 31, 32])
@pytest.mark.parametrize("name", NAMES)
def test_a_short_or_odd_chunk_is_ignored(name, length):
    announces_frames = name == "acTL" and length >= 8
    for fill in (b"\0",) if announces_frames else (b"\0", b"\xff", b"a"):
        assert result(png_with(chunk(name.encode(), fill * length))) == result(PNG)


@pytest.mark.parametrize("frames", [0, 1, 2, 300, 60_000])
def test_frames_that_are_announced_and_missing_make_a_still(frames):
    assert result(png_with(chunk(b"acTL", struct.pack(">II", frames, 0)))) == result(PNG)


@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_short_transparent_colour_is_ignored(length):
    assert result(png_with(chunk(b"tRNS", bytes(length)))) == result(PNG)


def test_what_is_sound_stays():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = pictures.saved(PHOTO, "png", exif=exif.tobytes(), transparency=(0, 0, 0))
    found = pictures.opened(result(png_with(chunk(b"pHYs", b"odd"), base=turned)))
    assert (found.size, found.mode) == ((30, 45), "RGBA" if found.mode == "RGBA" else "RGB")
    assert result(png_with(chunk(b"pHYs", b"odd"), base=turned)) == result(turned)


def test_an_apng_with_an_odd_chunk_stays_one():
    moving = pictures.animation("png", [PHOTO, pictures.photo(60, 40, 2)])
    odd = png_with(chunk(b"gAMA", b"1", checksum=1), base=moving)
    assert pictures.opened(render_file(odd, width=30)).n_frames == 2


@pytest.mark.parametrize("name", [b"acTL", b"fcTL"])
def test_an_apng_whose_control_is_damaged_becomes_a_still(name):
    moving = bytearray(pictures.animation("png", [PHOTO, pictures.photo(60, 40, 2)]))
    moving[moving.index(name) + 5] ^= 0xFF
    found = pictures.opened(render_file(bytes(moving), width=30))
    assert (found.size, getattr(found, "n_frames", 1)) == ((30, 20), 1)


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        *((0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"[:n]) for n in range(14)),
        *((0xEE, b"Adobe\0\x64\0\0\0\0\1"[:n]) for n in range(12)),
        *((0xE2, (b"ICC_PROFILE\0\1\1" + b"x" * 9)[:n]) for n in range(24)),
        *((0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"[:n]) for n in range(16)),
        *((0xED, b"Photoshop 3.0\x008BIM\x04\x04\xff"[:n]) for n in range(21)),
        *((0xE2, b"MPF\0MM\0*\0\0\0\x08\xff\xff"[:n]) for n in range(14)),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_odd_segment_of_a_jpeg_is_ignored(marker, body):
    assert result(jpeg_with(marker, body)) == result(JPEG)


@pytest.mark.parametrize(
    "extension",
    [
        b"!\xff\x0bNETSCAPE2.0\0",
        b"!\xff\x0bNETSCAPE2.0\1\1\0",
        b"!\xff\x03abc\0",
        b"!\xff\0",
        b"!\xf9\2\0\0\0",
        b"!\xf9\0",
        b"!\xf9\1\0\0",
        b"!\xfe\0",
        b"!\x01\0",
        b"!\x99\3abc\0",
    ],
    ids=repr,
)
def test_an_odd_extension_of_a_gif_is_ignored(extension):
    assert result(gif_with(extension)) == result(GIF)


@pytest.mark.parametrize("seed", range(60))
def test_no_random_metadata_fails_an_image(seed):
    dice = random.Random(seed)
    body = dice.randbytes(dice.randrange(0, 60))
    heads = (b"ICC_PROFILE\0", b"Exif\0\0", b"JFIF\0", b"MPF\0", b"http://ns.adobe.com/xap/1.0/\0", b"")
    name = dice.choice([each for each in NAMES if each != "acTL"]).encode()
    render_file(png_with(chunk(name, body, checksum=dice.choice([None, 1]))), width=30)
    render_file(jpeg_with(dice.randrange(0xE0, 0xEE), dice.choice(heads) + body), width=30)
    blocks = b"!" + bytes([dice.randrange(256)]) + bytes([len(body)]) + body + (b"\0" if body else b"")
    render_file(gif_with(blocks), width=30)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE"])
def test_a_wrong_checksum_of_what_pixels_need_is_refused(name):
    damaged = bytearray(pictures.saved(PHOTO.quantize(8), "png"))
    damaged[damaged.index(name) + 4 + int.from_bytes(damaged[damaged.index(name) - 4 :][:4], "big")] ^= 1
    with pytest.raises(ImageFailed) as found:
        result(bytes(damaged))
    assert found.value.code is Code.CORRUPT_IMAGE


def test_pixels_without_their_palette_are_refused():
    data = pictures.saved(PHOTO.quantize(8), "png")
    at = data.index(b"PLTE") - 4
    without = data[:at] + data[at + 12 + int.from_bytes(data[at : at + 4], "big") :]
    with pytest.raises(ImageFailed) as found:
        result(without)
    assert found.value.code is Code.CORRUPT_IMAGE


@pytest.mark.parametrize(
    ("name", "head"), [(b"zTXt", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0"), (b"iCCP", b"k\0\0")], ids=str
)
def test_a_sound_text_or_profile_of_3_megabytes_is_no_bomb(name, head):
    body = head + zlib.compress(random.Random(1).randbytes(3 * 10**6), 1)
    assert result(png_with(chunk(name, body))) == result(PNG)


def test_a_text_bomb_before_pixels_is_refused():
    with pytest.raises(ImageFailed):
        result(png_with(hostile_files.TEXT_BOMB))


@pytest.mark.parametrize("form", pictures.FORMATS)
def test_a_walk_through_any_file_ends(form):
    data = pictures.saved(PHOTO, form)
    dice = random.Random(3)
    for kept, name in itertools.product(range(0, len(data), max(1, len(data) // 40)), ("png", "jpeg", "gif")):
        assert all(isinstance(each, bytes) for each in odd_metadata.without_odd_metadata(data[:kept], name))
        noise = data[:4] + dice.randbytes(200)
        assert all(isinstance(each, bytes) for each in odd_metadata.without_odd_metadata(noise, name))


def apng(frames=3):
    return pictures.animation("png", [pictures.photo(40, 30, seed) for seed in range(frames)])


@pytest.mark.parametrize("announced", [4, 5, 200])
def test_an_apng_that_is_whole_and_announces_too_many_frames_is_a_still(announced):
    data = apng()
    at = data.index(b"acTL")
    body = struct.pack(">II", announced, 0)
    more = data[: at - 4] + chunk(b"acTL", body) + data[at + 16 :]
    assert pictures.opened(render_file(data, format=Format.PNG)).n_frames == 3
    assert not getattr(pictures.opened(render_file(more, format=Format.PNG)), "is_animated", False)


def test_an_apng_that_is_cut_is_refused():
    data = apng()
    with pytest.raises(ImageFailed) as caught:
        render_file(data[: data.rindex(b"fcTL") - 4], format=Format.PNG)
    assert caught.value.code is Code.CORRUPT_IMAGE


def test_a_gain_map_that_cannot_be_read_loses_its_name_and_the_brand_that_announces_it():
    def box(name, body):
        return struct.pack(">I4s", 8 + len(body), name) + body

    head = box(b"ftyp", b"avif" + bytes(4) + b"mif1tmap")
    meta = box(b"meta", bytes(4) + box(b"infe", bytes(8) + b"tmapGMap"))
    pixels = box(b"mdat", b"tmap in the pixels")
    found = next(odd_metadata.without_odd_metadata(head + meta + pixels, "avif"))
    assert found == (head + meta).replace(b"tmap", b"skip") + pixels
    assert not list(odd_metadata.without_odd_metadata(pictures.saved(PHOTO, "avif"), "avif"))


def webp_chunk(name, body):
    return struct.pack("<4sI", name, len(body)) + body + bytes(len(body) % 2)


def webp(*chunks, flags=0):
    """Return a WebP of PHOTO with a header that has these flags, its pixels, and these chunks behind."""
    extended = struct.pack("<I", flags) + struct.pack("<I", 59)[:3] + struct.pack("<I", 39)[:3]
    body = b"WEBP" + webp_chunk(b"VP8X", extended) + WEBP[12:] + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


WEBP = pictures.saved(PHOTO, "webp", lossless=True)
EXIF_FLAG, ANIMATION_FLAG = 8, 2
EXIF = webp_chunk(b"EXIF", b"MM\0*" + bytes(96))


@pytest.mark.parametrize(
    "data",
    [
        webp(EXIF, flags=EXIF_FLAG)[:-60],
        webp(b"EXIF\xff\xff\xff\x7fxx", flags=EXIF_FLAG),
        webp(webp_chunk(b"ABCD", b"private"))[:-3],
        webp(flags=0xC1),
        webp(flags=ANIMATION_FLAG),
        webp(flags=0xFFFFFF00),
        WEBP[:4] + struct.pack("<I", len(WEBP) + 91) + WEBP[8:],
        WEBP[:4] + struct.pack("<I", len(WEBP) - 17) + WEBP[8:],
        WEBP[:4] + bytes(4) + WEBP[8:],
    ],
    ids=[
        "EXIF is cut", "EXIF is too long", "a private chunk is cut", "unknown flags", "says animated",
        "reserved bytes", "says longer", "says shorter", "says empty",
    ],
)  # fmt: skip
@pytest.mark.parametrize("keep", [False, True])
def test_what_is_odd_around_the_pixels_of_a_webp_is_ignored(data, keep):
    found = render_file(data, format=Format.PNG, keep_metadata=keep)
    assert pictures.pixels(found).tolist() == pictures.pixels(PHOTO).tolist()


@pytest.mark.parametrize("lost", [2, 10, 500])
def test_a_webp_whose_pixels_are_cut_is_refused(lost):
    for data in (WEBP, webp()):
        with pytest.raises(ImageFailed) as caught:
            result(data[:-lost])
        assert caught.value.code is Code.CORRUPT_IMAGE


def test_an_animated_webp_that_lost_frames_or_a_part_of_one_is_refused():
    data = pictures.animation("webp", [pictures.photo(40, 30, seed) for seed in range(4)], lossless=True)
    last = data.rindex(b"ANMF")
    for end in (last, last + 4, last + 20, len(data) - 10):
        with pytest.raises(ImageFailed):
            render_file(data[:end], format=Format.WEBP)


def test_an_animated_webp_keeps_its_frames_where_metadata_behind_them_are_cut():
    exif = Image.Exif()
    exif[0x010E] = "x" * 200
    frames = [pictures.photo(40, 30, seed) for seed in range(4)]
    data = pictures.animation("webp", frames, lossless=True, exif=exif.tobytes())
    assert pictures.opened(render_file(data[:-100], format=Format.WEBP)).n_frames == 4


def avif_with_exif():
    exif = Image.Exif()
    exif[0x013B] = "somebody"
    return pictures.saved(PHOTO, "avif", exif=exif.tobytes(), xmp=b"<x:xmpmeta/>")


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(
    ("before", "odd"), [(0, b"junk"), (4, b"\xff\xff\xff\xff"), (10, b"\xff\xff\xff\x7f")]
)
def test_odd_exif_of_an_avif_is_ignored(before, odd, keep):
    data = avif_with_exif()
    at = data.index(b"MM\0*") - before
    found = render_file(data[:at] + odd + data[at + 4 :], format=Format.PNG, keep_metadata=keep)
    assert pictures.pixels(found).tolist() == pictures.pixels(render_file(data, format=Format.PNG)).tolist()


def test_metadata_of_a_heic_lose_their_names_and_nothing_else_does():
    def box(name, body):
        return struct.pack(">I4s", 8 + len(body), name) + body

    items = box(b"iinf", bytes(6) + box(b"infe", bytes(8) + b"hvc1") + box(b"infe", bytes(8) + b"Exif"))
    head = box(b"ftyp", b"heic" + bytes(4)) + box(b"meta", bytes(4) + items + box(b"idat", b"Exif"))
    pixels = box(b"mdat", b"Exif and mime in the pixels")
    (found,) = odd_metadata.without_odd_metadata(head + pixels, "heic")
    assert found == head.replace(b"Exif", b"skip", 1) + pixels
