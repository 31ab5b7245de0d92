import pytest

from imagejobs_contract.wire.sniff import HEAD_BYTES, sniff

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
        (b"BM\x36\x00\x00\x00\x00\x00\x00\x00", "bmp"), (b"II+\x00\x08\x00\x00\x00", "tiff"),
        (b"MM\x00+\x00\x08\x00\x00", "tiff"),
    ],
)  # fmt: skip
def test_images_are_known_by_their_first_bytes(head, kind):
    assert sniff(head) == kind
    assert sniff(head + bytes(100)) == kind


@pytest.mark.parametrize(
    "head",
    [
        b"", b"\xff\xd8", b"hello", b"<svg xmlns=", b"%PDF-1.7", b"%!PS-Adobe", b"RIFF\x00\x00\x00\x00WAVE",
        FTYP + b"isom\x00\x00\x02\x00isommp42", b" \xff\xd8\xff", b"BMW is a car maker", b"GIF88a",
    ],
    ids=repr,
)  # fmt: skip
def test_other_files_are_no_images(head):
    assert sniff(head) is None


@pytest.mark.parametrize("magic", [b"\xff\xd8\xff", b"GIF89a"], ids=repr)
def test_only_the_start_counts(magic):
    assert sniff(bytes(HEAD_BYTES) + magic) is None
