from base64 import b64encode

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.wire.sniff import HEAD_BYTES, explain_refusal, sniff

FTYP = b"\x00\x00\x00\x20ftyp"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "jpeg"), (b"\x89PNG\r\n\x1a\n\x00", "png"), (b"GIF87a", "gif"),
        (b"GIF89a", "gif"), (b"RIFF\x0a\x0a\x00\x00WEBPVP8 ", "webp"),
        (FTYP + b"avif\x00\x00\x00\x00mif1", "avif"), (FTYP + b"avis\x00\x00\x00\x00msf1", "avif"),
        (FTYP + b"mif1\x00\x00\x00\x00mif1avifmiaf", "avif"),
        (FTYP + b"heic\x00\x00\x00\x00mif1heic", "heic"), (FTYP + b"mif1\x00\x00\x00\x00heic", "heic"),
        (b"II*\x00\x08\x00", "tiff"), (b"MM\x00*\x00\x08", "tiff"),
        (b"BM\x36\x00\x00\x00\x00\x00\x00\x00", "bmp"),
        (b"BM\x36\xc2\x01\x00\x01\x00\x02\x00\x36\x00\x00\x00\x28\x00\x00\x00", "bmp"),
        (b"II+\x00\x08\x00\x00\x00", "tiff"), (b"MM\x00+\x00\x08\x00\x00", "tiff"),
    ],
)  # fmt: skip
def test_images_are_known_by_their_first_bytes(head, kind):
    assert sniff(head) == kind
    assert sniff(head + bytes(100)) == kind


@pytest.mark.parametrize(
    "head",
    [
        b"", b"\xff\xd8", b"hello", b"<svg xmlns=", b"%PDF-1.7", b"%!PS-Adobe", b"RIFF\x00\x00\x00\x00WAVE",
        FTYP + b"isom\x00\x00\x02\x00isommp42", b" \xff\xd8\xff", b"BMW is a car maker",
        b"BMW is a car maker of Munich", b"GIF88a",
    ],
    ids=repr,
)  # fmt: skip
def test_other_files_are_no_images(head):
    assert sniff(head) is None


@pytest.mark.parametrize("magic", [b"\xff\xd8\xff", b"GIF89a"], ids=repr)
def test_only_the_start_counts(magic):
    assert sniff(bytes(HEAD_BYTES) + magic) is None


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn by hand -->\n<svg>", "SVG"),
        (b"%PDF-1.7\n", "PDF"), (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"), (b"8BPS\x00\x01", "PSD"),
        (b"\xff\x0a\xfa", "JPEG XL"), (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"), (b"\xff\x4f\xff\x51\x00", "JPEG 2000"),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "CR2"), (FTYP + b"crx \x00", "CR3"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"), (b"IIRO\x08\x00\x00\x00", "camera raw"),
        (FTYP + b"isom\x00\x00\x02\x00isommp42", "a film"), (FTYP + b"qt  \x00", "a film"),
        (b"\x00\x00\x01\x00\x01\x00\x10\x10", "ICO"), (b"qoif\x00", "QOI"), (b"P6\n4 4\n255\n", "PNM"),
        ("<?xml version='1.0'?><svg>".encode("utf-16"), "SVG"),
        (b"\xfe\xff" + "<svg>".encode("utf-16-be"), "SVG"),
        *((b64encode(head), "an image as Base64 text") for head in (
            b"\xff\xd8\xff\xe0" + bytes(9), b"\x89PNG\r\n\x1a\n" + bytes(9),
            b"GIF89a" + bytes(9), b"GIF87a" + bytes(9),
            b"RIFF\x0a\x0b\x0c\x0dWEBPVP8 ", FTYP + b"heic" + bytes(9),
        )),
        (b"data:image/svg+xml;base64,PHN2Zz4=", "an image as Base64 text"),
        (FTYP + b"avci\x00", "a HEIF of another coding"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "a film"), (b"FLV\x01\x05", "a film (FLV)"),
        (b"\x00\x00\x01\xba\x44", "a film (MPEG)"), (b"OggS\x00\x02", "a film or sound (Ogg)"),
        (b"Pf\n1 1\n", "PFM"),
        (bytes.fromhex("3026b2758e66cf11a6d9"), "a film (WMV)"),
        (b"#define a_width 8\n", "XBM"), (b"/* XPM */\n", "XPM"),
        (b"FORM\x00\x00\x00\x20ILBMBMHD", "ILBM"), (b"\x59\xa6\x6a\x95\x00", "a Sun raster"),
        (b"RIFF\x00\x00\x00\x00ACONLIST", "an animated cursor"), (b"\xff\x10\xff\x50\x00", "JPEG XS"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x04CgBI\x50\x00\x20\x02", "an iOS PNG"),
        (b"\x00\x00\x02" + bytes(5) + bytes(4) + b"\x10\x00\x10\x00\x18\x00", "TGA"),
        (bytes(128) + b"DICM", "DICOM"), (b"\x76\x2f\x31\x01\x02", "OpenEXR"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_format_that_is_known_and_not_read_is_named(head, name):
    assert sniff(head) is None
    code, message = explain_refusal(head)
    assert code is Code.UNSUPPORTED_FORMAT
    assert message.startswith(f"The file is {name}")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"hello",
        b"<html><body>",
        b"PK\x03\x04",
        b"<?xml version='1.0'?><feed>",
        bytes(300),
        "<?xml?><feed>".encode("utf-16"),
        b"/9j/ is no image",
        b"data:text/plain;base64,aGVsbG8=",
        b"get free stuff",
        b"FORMAL DRESS",
        b"#define width 8",
        b"Perfect\n",
        b"UklGR is a word",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
    ],
    ids=repr,
)
def test_what_is_no_picture_at_all_is_not_called_one(head):
    assert explain_refusal(head)[0] is Code.NOT_AN_IMAGE
