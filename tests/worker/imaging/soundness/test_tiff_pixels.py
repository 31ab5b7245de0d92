"""Damaged fax codes and damaged JPEGs within a TIFF fail; sound files pass, before and after."""

import asyncio
import random
from importlib.util import find_spec
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, TiffImagePlugin

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant
from imagejobs_worker.child.decoder import Decoder
from imagejobs_worker.imaging.soundness import strict_jpeg, tiff_pixels
from support.images import pictures

JPEG_STRIPS, FAX = 7, ("group3", "group4", "tiff_ccitt")
PHOTO = pictures.photo(333, 211)
SIDES = {"RGB": PHOTO, "L": PHOTO.convert("L"), "CMYK": PHOTO.convert("CMYK")}


def scan_of_text() -> Image.Image:
    draw_random = random.Random(1)
    page = Image.new("L", (800, 600), 255)
    for _ in range(300):
        place = draw_random.randrange(750), draw_random.randrange(580)
        ImageDraw.Draw(page).text(place, "hello", fill=0)
    return page.convert("1")


PAGE = scan_of_text()


def tiff(image, compression, **options):
    return pictures.saved(image, "tiff", compression=compression, **options)


def pixels_at(data):
    """Return where the coded bytes of the first strip begin and end, without its head."""
    with Image.open(BytesIO(data)) as image:
        tags = image.tag_v2
    begin, length = tags[273][0], tags[279][0]
    strip = data[begin : begin + length]
    head = strip.index(b"\xff\xda") + 14 if tags[259] == JPEG_STRIPS else 0
    return begin + head, begin + length


def damaged(data, share, hole):
    """Return the file with other bytes at a place of its first strip."""
    begin, end = pixels_at(data)
    at = begin + int(share * (end - begin))
    return data[:at] + hole + data[at + len(hole) :]


@pytest.fixture
def codes():
    """Render files in one child after the other; return the code of each, None for a picture."""

    def render_all(files):
        async def run():
            decoder = Decoder(Limits(), memory_bytes=1 << 30)
            await decoder.start()
            try:
                return [await code_of(decoder, each) for each in files]
            finally:
                await decoder.close()

        return asyncio.run(run())

    return render_all


async def code_of(decoder, data):
    try:
        await decoder.render(data, [Variant(width=50)])
    except ImageFailed as ex:
        return ex.code
    return None


def test_a_bad_fax_code_fails_and_the_next_file_passes(codes):
    sound = tiff(PAGE, "group4")
    noise = random.Random(3).randbytes(16)
    files = [damaged(sound, share, noise) for share in (0.2, 0.5, 0.8)]
    found = codes([each for file in files for each in (file, sound)])
    assert found == [Code.CORRUPT_IMAGE, None] * 3


def test_a_sound_fax_page_passes(codes):
    assert codes([tiff(PAGE, each) for each in FAX]) == [None] * 3


@pytest.mark.skipif(find_spec("simplejpeg") is None, reason="imagejobs-worker[jpeg] is not installed")
@pytest.mark.parametrize("mode", SIDES)
def test_damage_in_a_jpeg_strip_fails(codes, mode):
    sound = tiff(SIDES[mode], "jpeg", quality=90)
    with Image.open(BytesIO(sound)) as image:
        assert image.tag_v2[TiffImagePlugin.COMPRESSION] == JPEG_STRIPS
    files = [damaged(sound, share, hole) for share in (0.1, 0.6) for hole in (bytes(200), b"\xff\xd9")]
    assert codes([sound, *files, sound]) == [None, *[Code.CORRUPT_IMAGE] * len(files), None]


@pytest.mark.skipif(find_spec("simplejpeg") is None, reason="imagejobs-worker[jpeg] is not installed")
def test_only_the_strips_of_the_picture_are_decoded_again(monkeypatch):
    data, decoded = tiff(pictures.photo(333, 900), "jpeg", quality=90, strip_size=40_000), []
    monkeypatch.setattr(strict_jpeg, "check", decoded.append)
    with Image.open(BytesIO(data)) as image:
        strips = len(image.tag_v2[273])
        with tiff_pixels.check_load(image, data):
            image.load()
        assert len(decoded) == strips > 3
        image.tag_v2[273], image.tag_v2[279] = image.tag_v2[273] * 1000, image.tag_v2[279] * 1000
        with tiff_pixels.check_load(image, data):
            pass
        assert len(decoded) == 2 * strips


@pytest.mark.skipif(find_spec("simplejpeg") is None, reason="imagejobs-worker[jpeg] is not installed")
def test_damage_in_the_last_of_many_strips_fails(codes):
    sound = tiff(pictures.photo(333, 900), "jpeg", quality=90, strip_size=40_000)
    with Image.open(BytesIO(sound)) as image:
        begin, length = image.tag_v2[273][-1], image.tag_v2[279][-1]
        assert len(image.tag_v2[273]) > 3
    at = begin + length // 2
    assert codes([sound, sound[:at] + bytes(100) + sound[at + 100 :]]) == [None, Code.CORRUPT_IMAGE]
