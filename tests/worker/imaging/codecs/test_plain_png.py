"""The fast decoder of plain PNGs returns the same as Pillow, and leaves all other files to Pillow."""

import asyncio
from importlib.util import find_spec
from io import BytesIO

import pytest
from PIL import Image

from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.child import needed_codecs
from imagejobs_worker.child.decoder import Decoder
from imagejobs_worker.imaging import decode, pipeline
from imagejobs_worker.imaging.codecs import plain_png
from imagejobs_worker.imaging.deadline import Deadline
from support.images import hostile_files, pictures

PHOTO = pictures.photo(301, 203)
SMALL = [Variant(width=60, format=Format.PNG, keep_metadata=True)]

pytestmark = pytest.mark.skipif(
    find_spec("kornia_rs") is None, reason="imagejobs-worker[png] is not installed"
)


@pytest.fixture(autouse=True)
def learned(monkeypatch):
    monkeypatch.setattr(plain_png, "_decoder", None)
    plain_png.preload()


def filled(source):
    """Return the image that the fast way filled, or None if it was left to Pillow."""
    image = decode.open_image(source, Limits()).image
    plain_png.load_plain(image, source)
    return None if image.tile else image


def rendered(source):
    try:
        return pipeline.render(source, SMALL, Limits(), Deadline.after(60)).pictures[0].data
    except ImageFailed as ex:
        return ex.code


def by_pillow(monkeypatch, source):
    with monkeypatch.context() as patch:
        patch.setattr(plain_png, "_decoder", None)
        return rendered(source)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(
    "options",
    [{}, {"optimize": True}, {"compress_level": 0}, {"icc_profile": pictures.p3_profile()}],
    ids=str,
)
def test_its_pixels_are_those_of_pillow(mode, options):
    source = pictures.saved(PHOTO.convert(mode), "png", **options)
    image = filled(source)
    assert (image.mode, image.tobytes()) == (mode, pictures.opened(source).tobytes())


def chunks_of(source):
    at = 8
    while at < len(source):
        end = at + 12 + int.from_bytes(source[at : at + 4], "big")
        yield source[at:end]
        at = end


def with_exif_behind_the_pixels():
    whole = pictures.saved(PHOTO, "png", exif=turned().tobytes())
    parts = list(chunks_of(whole))
    (exif,) = [part for part in parts if part[4:8] == b"eXIf"]
    parts.remove(exif)
    return whole[:8] + b"".join([*parts[:-1], exif, parts[-1]])


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def deep():
    out = BytesIO()
    Image.new("I;16", (30, 20), 999).save(out, "PNG")
    return out.getvalue()


NOT_PLAIN = {
    "grey": pictures.saved(PHOTO.convert("L"), "png"),
    "grey with alpha": pictures.saved(PHOTO.convert("LA"), "png"),
    "palette": pictures.saved(PHOTO.convert("P"), "png"),
    "deep": deep(),
    "a transparent colour": pictures.saved(PHOTO, "png", transparency=(1, 2, 3)),
    "moving": pictures.animation("png", [PHOTO, pictures.photo(301, 203, 2)]),
    "exif behind the pixels": with_exif_behind_the_pixels(),
    "no png": pictures.saved(PHOTO, "jpeg"),
}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_a_png_that_is_not_plain_is_left_to_pillow(monkeypatch, name):
    source = NOT_PLAIN[name]
    assert filled(source) is None
    assert rendered(source) == by_pillow(monkeypatch, source)


@pytest.mark.parametrize(
    "options",
    [{}, {"exif": turned().tobytes()}, {"icc_profile": pictures.p3_profile()}],
    ids=["bare", "turned", "profile"],
)
def test_results_are_the_same_to_the_byte(monkeypatch, options):
    source = pictures.saved(PHOTO, "png", **options)
    assert filled(source)
    assert rendered(source) == by_pillow(monkeypatch, source)


@pytest.mark.parametrize("kept", [40, 100, 2000, -200, -13, -4])
def test_a_png_that_the_decoder_refuses_ends_as_with_pillow(monkeypatch, kept):
    cut = pictures.saved(PHOTO, "png")[:kept]
    assert rendered(cut) == by_pillow(monkeypatch, cut)


@pytest.mark.parametrize("place", range(50, 6000, 397))
def test_damage_ends_as_pillow_says(monkeypatch, place):
    whole = bytearray(pictures.saved(PHOTO, "png"))
    whole[place] ^= 0x55
    assert rendered(bytes(whole)) == by_pillow(monkeypatch, bytes(whole))


def test_children_learn_it_with_the_third_large_png():
    source = pictures.saved(pictures.photo(900, 700), "png")
    assert len(source) >= needed_codecs.LARGE_PNG_BYTES

    async def scenario():
        door, found = Decoder(Limits()), []
        try:
            for _ in range(4):
                rendering = await door.render(source, SMALL)
                found.append(
                    (
                        door.child_pid,
                        needed_codecs.LARGE_PNGS in door._children.loaded,
                        rendering.pictures[0].data,
                    )
                )
        finally:
            await door.close()
        return found

    pids, known, results = zip(*asyncio.run(scenario()), strict=True)
    assert known == (False, False, True, True)
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert len(set(results)) == 1


def test_where_it_cannot_be_learned_a_child_is_replaced_in_vain_once(monkeypatch, tmp_path):
    (tmp_path / "kornia_rs.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    source = pictures.saved(pictures.photo(900, 700), "png")

    async def scenario():
        door, pids = Decoder(Limits()), []
        try:
            for _ in range(6):
                await door.render(source, SMALL)
                pids.append(door.child_pid)
        finally:
            await door.close()
        return pids

    pids = asyncio.run(scenario())
    assert pids[:2] == [pids[0]] * 2
    assert pids[2:] == [pids[2]] * 4


@pytest.mark.parametrize(
    "name", [name for name, (data, _) in hostile_files.files().items() if data.startswith(b"\x89PNG")]
)
def test_nasty_pngs_end_as_pillow_says(monkeypatch, name):
    data, code = hostile_files.files()[name]
    assert rendered(data) == by_pillow(monkeypatch, data)
    assert code is None or rendered(data) == code
