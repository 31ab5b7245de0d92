"""What is kept is true of the result; by-line and rights can be kept alone.

Blocks are made here by hand (IIM 4.2, ISO 16684-1) and read by Pillow's own readers.
"""

import struct

import pytest
from PIL import Image, IptcImagePlugin

from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging.metadata_blocks import iptc, xmp
from support.images import pictures
from support.images.rendering import render_file

PHOTO = pictures.photo(60, 40)
ARTIST, COPYRIGHT, SERIAL, GPS, EXIF, MAKE = 315, 33_432, 42_033, 0x8825, 0x8769, 271
SECRETS = (b"Vienna", b"SN12345", b"TestCam", b"2026:01:02", b"Home")
XMP = """<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
<rdf:Description rdf:about=''
 xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:t='http://ns.adobe.com/tiff/1.0/'
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:C="http://ns.google.com/photos/1.0/container/"
 xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:exif='http://ns.adobe.com/exif/1.0/'
 xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" xmlns:GPano='http://ns.google.com/photos/1.0/panorama/'
 hdrgm:Version="1.0" t:Orientation='6' t:ImageWidth='4321' exif:PixelXDimension="4321" GCamera:MotionPhoto='1'
 GPano:FullPanoWidthPixels='4000'>
<C:Directory><rdf:Seq><rdf:li>
<C:Item Item:Semantic="GainMap" Item:Length="5652"/></rdf:li></rdf:Seq></C:Directory>
<exif:ColorSpace>65535</exif:ColorSpace><exif:GPSLatitude>48,12N</exif:GPSLatitude>
<dc:creator><rdf:Seq><rdf:li>Ann &amp; Bob</rdf:li></rdf:Seq></dc:creator>
<dc:rights><rdf:Alt><rdf:li xml:lang='x-default'>(c) Ann</rdf:li></rdf:Alt></dc:rights>
<dc:title>Home</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"""


def datasets(*values):
    return b"".join(b"\x1c\x02" + struct.pack(">BH", number, len(text)) + text for number, text in values)


IPTC = datasets((80, b"Ann"), (90, b"Vienna"), (116, b"(c) Ann in IPTC"), (131, b"L"))


def tags():
    exif = Image.Exif()
    exif[ARTIST], exif[COPYRIGHT], exif[MAKE], exif[0x0112] = "Ann", "(c) Ann in EXIF", "TestCam", 6
    exif.get_ifd(EXIF).update({SERIAL: "SN12345", 0x9003: "2026:01:02 03:04:05", 0xA001: 65_535, 0xA002: 60})
    exif.get_ifd(EXIF)[0xA005] = {1: "R03"}
    exif.get_ifd(GPS).update({1: "N", 2: (48.0, 12.0, 3.0)})
    return exif


def source(form="jpeg", packet=XMP, sets=IPTC, exif=True, **options):
    if exif:
        options["exif"] = tags()
    if form == "tiff":
        options["tiffinfo"] = {700: packet.encode(), 33_723: sets}
    elif form == "jpeg":
        options |= {"xmp": packet.encode(), "extra": iptc.jpeg_segment(sets) if sets else b""}
    return pictures.saved(PHOTO, form, **options)


def packet_of(image):
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return found if isinstance(found, bytes) else found.encode()


WITH_XMP = [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF]


@pytest.mark.parametrize("result", WITH_XMP)
def test_xmp_says_nothing_of_the_old_file(result):
    found = packet_of(pictures.opened(render_file(source(), format=result, keep_metadata=True)))
    assert b"t:Orientation='1'" in found
    assert b"GPSLatitude" in found
    assert b"Ann &amp; Bob" in found
    for stale in (
        b"4321",
        b"GainMap",
        b"hdrgm:Version",
        b"hdr-gain-map",
        b"MotionPhoto=",
        b"FullPano",
        b"ColorSpace",
        b"Item:",
    ):
        assert stale not in found, stale


def test_exif_says_srgb_upright_and_no_old_size():
    exif = pictures.opened(render_file(source(), keep_metadata=True)).getexif()
    details = exif.get_ifd(EXIF)
    assert (exif[0x0112], details[0xA001], details[SERIAL]) == (1, 1, "SN12345")
    assert 0xA002 not in details
    assert 0xA005 not in details


@pytest.mark.parametrize("before", ["jpeg", "tiff"])
@pytest.mark.parametrize("result", [Format.JPEG, Format.TIFF])
def test_iptc_is_kept(before, result):
    image = pictures.opened(render_file(source(before), format=result, keep_metadata=True))
    found = IptcImagePlugin.getiptcinfo(image)
    assert (found[2, 80], found[2, 116], found[2, 90]) == (b"Ann", b"(c) Ann in IPTC", b"Vienna")
    assert (2, 131) not in found


def test_xmp_of_a_tiff_is_kept():
    found = packet_of(pictures.opened(render_file(source("tiff"), format=Format.JPEG, keep_metadata=True)))
    assert b"GPSLatitude" in found


def test_a_tiff_with_metadata_is_compressed():
    data = pictures.saved(pictures.photo(300, 200), "jpeg", exif=tags())
    plain, kept = (render_file(data, format=Format.TIFF, keep_metadata=keep) for keep in (False, True))
    assert len(kept) < len(plain) + 2000
    image = pictures.opened(kept)
    assert image.info["compression"] == "tiff_lzw"
    assert image.getexif().get_ifd(EXIF)[SERIAL] == "SN12345"
    assert image.getexif().get_ifd(GPS)[1] == "N"


@pytest.mark.parametrize("result", list(Format))
@pytest.mark.parametrize("before", ["jpeg", "tiff"])
def test_the_copyright_can_be_kept_alone(before, result):
    data = render_file(source(before), format=result, keep_copyright=True)
    assert not any(secret in data for secret in (*SECRETS, b"GPS", b"48,12N"))
    if result in WITH_XMP:
        image = pictures.opened(data)
        assert (image.getexif()[ARTIST], image.getexif()[COPYRIGHT]) == ("Ann & Bob", "(c) Ann")
        assert not {MAKE, 306, 305} & set(image.getexif())
        assert not image.getexif().get_ifd(GPS)
        assert xmp.read_values(packet_of(image), "dc:creator") == ["Ann & Bob"]
        assert xmp.read_values(packet_of(image), "dc:rights") == ["(c) Ann"]


@pytest.mark.parametrize(
    ("packet", "sets", "exif", "expected"),
    [
        (XMP, IPTC, True, "(c) Ann"),
        ("", IPTC, True, "(c) Ann in IPTC"),
        ("", b"", True, "(c) Ann in EXIF"),
        ("", b"", False, None),
        ("<broken", b"\x1c\x02\x74\xff\xff", True, "(c) Ann in EXIF"),
    ],
    ids=["xmp", "iptc", "exif", "none", "broken"],
)
def test_the_notice_comes_from_the_first_block_that_has_one(packet, sets, exif, expected):
    image = pictures.opened(render_file(source("jpeg", packet, sets, exif), keep_copyright=True))
    assert image.getexif().get(COPYRIGHT) == expected


@pytest.mark.parametrize("result", [Format.JPEG, Format.PNG, Format.TIFF])
@pytest.mark.parametrize("before", ["jpeg", "png", "tiff"])
def test_the_resolution_is_kept_with_the_metadata_only(before, result):
    data = pictures.saved(PHOTO, before, dpi=(300, 300))
    kept = pictures.opened(render_file(data, format=result, width=30, keep_metadata=True))
    assert round(float(kept.info["dpi"][0])) == 300
    plain = pictures.opened(render_file(data, format=result, width=30))
    assert round(float(plain.info.get("dpi", (0, 0))[0])) != 300


@pytest.mark.parametrize(
    "packet",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><x:xmpmeta>&a;</x:xmpmeta>',
        "<x:xmpmeta><hdrgm:A><hdrgm:A></x:xmpmeta>",
        "<hdrgm:A>" * 3000,
        "\0" * 40,
    ],
    ids=["entities", "not closed", "deep", "zeros"],
)
def test_odd_xmp_fails_nothing_and_nothing_stale_is_left(packet):
    found = xmp.correct(packet.encode())
    assert b"hdrgm" not in found
    assert b"ENTITY" not in found
