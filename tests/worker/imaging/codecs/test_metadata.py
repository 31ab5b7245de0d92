import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from imagejobs_contract.model.options import Format, Variant
from support.images import pictures
from support.images.rendering import render_all, render_file

XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6" dc:creator="Jane"/></x:xmpmeta>'
CAMERA, ORIENTATION, IN_EXIF, GPS = 0x0110, 0x0112, 0x8769, 0x8825
EXPOSURE, WIDTH, HEIGHT = 0x829A, 0xA002, 0xA003


def photo(form="jpeg"):
    exif = Image.Exif()
    exif[CAMERA] = "Camera of Jane"
    exif[ORIENTATION] = 6
    exif.get_ifd(GPS)[1] = "N"
    exif.get_ifd(IN_EXIF).update({WIDTH: 60, HEIGHT: 40, EXPOSURE: 0.02})
    options = {"comment": b"a secret"} if form == "jpeg" else {}
    return pictures.saved(
        pictures.photo(60, 40),
        form,
        exif=exif.tobytes(),
        icc_profile=pictures.p3_profile(),
        **options,
        **({} if form == "tiff" else {"xmp": XMP}),
    )


@pytest.mark.parametrize("source", ["jpeg", "webp", "avif", "tiff"])
@pytest.mark.parametrize("result", list(Format))
def test_nothing_of_the_owner_is_left(source, result):
    data = render_file(photo(source), format=result)
    assert not any(word in data for word in (b"Jane", b"secret", b"Display P3", b"Exif", b"xmpmeta"))


@pytest.mark.parametrize("options", [{}, {"format": Format.TIFF}, {"width": 30}], ids=str)
def test_tags_of_a_tiff_that_lies_right_are_not_handed_on_either(options):
    """Without turn or resize, Pillow's encoder gets the picture as opened, with all tags of its file."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[315], tags[270], tags[65_000] = "Jane", "a secret of Jane", "Jane again"
    source = pictures.saved(pictures.photo(60, 40), "tiff", tiffinfo=tags)
    assert source.count(b"Jane") == 3
    data = render_file(source, **options)
    assert b"Jane" not in data
    assert data.startswith(b"II*\0")


@pytest.mark.parametrize("result", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF])
def test_metadata_to_keep_is_kept_and_says_upright(result):
    image = pictures.opened(render_file(photo(), format=result, keep_metadata=True))
    assert image.size == (40, 60)
    assert image.getexif().get(CAMERA) == "Camera of Jane"
    assert image.getexif().get(ORIENTATION, 1) == 1
    assert image.getexif().get_ifd(GPS)[1] == "N"
    assert "icc_profile" not in image.info


@pytest.mark.parametrize("result", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF])
def test_xmp_is_kept_and_says_upright(result):
    data = render_file(photo(), format=result, keep_metadata=True)
    assert b'tiff:Orientation="1" dc:creator="Jane"' in data


def test_only_the_variant_that_asks_keeps_metadata():
    variants = [Variant("bare"), Variant("kept", keep_metadata=True)]
    bare, kept = render_all(photo(), *variants).pictures
    assert b"Jane" not in bare.data
    assert b"Jane" in kept.data


@pytest.mark.parametrize("source", ["tiff", "jpeg"])
def test_tags_that_describe_the_old_pixels_are_dropped(source):
    exif = pictures.opened(
        render_file(photo(source), format=Format.JPEG, width=20, keep_metadata=True)
    ).getexif()
    assert exif.get(CAMERA) == "Camera of Jane"
    assert not {0x0100, 0x0101, 0x0103, 0x0111, 0x0117} & set(exif)
    assert set(exif.get_ifd(IN_EXIF)) == {EXPOSURE}


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0" + b"garbage",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(40),
    ],
    ids=["garbage", "offset outside", "65535 entries"],
)
@pytest.mark.parametrize("keep", [False, True])
def test_broken_exif_fails_no_image(exif, keep):
    assert render_file(
        pictures.saved(pictures.photo(60, 40), "jpeg", exif=exif), width=30, keep_metadata=keep
    )


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("source", ["jpeg", "webp", "avif", "png"])
def test_only_exif_defines_the_orientation(source, keep):
    """Browsers, sharp and ffmpeg ask XMP as little."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options = {"pnginfo": chunks} if source == "png" else {"xmp": XMP}
    data = render_file(pictures.saved(pictures.photo(60, 40), source, **options), keep_metadata=keep)
    assert pictures.opened(data).size == (60, 40)
    assert (b'tiff:Orientation="1" dc:creator="Jane"' in data) is keep


def test_an_orientation_that_is_none_is_upright():
    exif = Image.Exif()
    exif[ORIENTATION] = 77
    assert pictures.opened(render_file(pictures.saved(pictures.photo(60, 40), "jpeg", exif=exif))).size == (
        60,
        40,
    )
