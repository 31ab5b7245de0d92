"""Hostile files, made here: bombs, lies, cut and crossed files, each with the code that it must end in.

Instead of a code, None means that the file becomes a picture.
"""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

from PIL import Image

from imagejobs_contract.codes import Code
from support.images import pictures

SIDE_PIXELS = 60_000
"""Side of the pixel bombs: 3.6 gigapixels, as declared."""
_EIGHTHS = (1, 3, 5, 7)
_EXIF = (
    b"Exif\0\0",
    b"Exif\0\0II*\0\xff\xff\xff\xff",
    b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff\x06\0\0\0" * 40,
    b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04abc\0" + bytes(4),
    b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0" + b"\x08\0\0\0",
)
"""Nothing, a directory far away, too many entries, a turn that is text, a directory that is its own child."""
LARGE_FRAME = b"," + struct.pack("<4HB", 0, 0, SIDE_PIXELS, SIDE_PIXELS, 0) + b"\x02\x02\x44\x01\x00"
"""A frame of a GIF that is larger than any canvas."""
LARGE_BMP = b"BM" + struct.pack(
    "<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, SIDE_PIXELS, SIDE_PIXELS, 1, 24, 0, 0, 0, 0, 0, 0
)
LARGE_WEBP = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3e\0\xff\x3e\0" + b"ALPH\0\0\0\0"
TEXT_BOMB = pictures.png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 * 2**20), 9))
"""64 MiB of zeros in a compressed comment of a PNG."""


def files() -> dict[str, tuple[bytes, Code | None]]:
    """Return all of them by name."""
    return dict(_all())


def _all() -> Iterator[tuple[str, tuple[bytes, Code | None]]]:
    for part in (_no_images, _pixel_bombs, _text_bombs, _frame_bombs, _cut, _crossed, _metadata, _lies):
        yield from part()


def _no_images():
    for name, data in {
        "empty": b"",
        "one byte": b"\xff",
        "zeros": bytes(4096),
        "text": b"hello, I am text and no picture",
        "html": b"<!doctype html><script>alert(1)</script>",
        "mvg": b"push graphic-context\nimage over 0,0 0,0 'url(https://example.org/)'\n",
        "zip": b"PK\x03\x04" + bytes(60),
        "elf": b"\x7fELF\x02\x01\x01" + bytes(60),
    }.items():
        yield name, (data, Code.NOT_AN_IMAGE)
    for name, data in {
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file",
        "pdf": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj",
        "psd": b"8BPS\0\x01" + bytes(60),
        "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
    }.items():
        yield name, (data, Code.UNSUPPORTED_FORMAT)
    yield "heic, which is off", (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Code.UNSUPPORTED_FORMAT)


def _pixel_bombs():
    for name, data in {
        "png": pictures.png_header(SIDE_PIXELS, SIDE_PIXELS),
        "png, the largest": pictures.png_header(2**31 - 1, 2**31 - 1),
        "jpeg": jpeg_that_says(SIDE_PIXELS, SIDE_PIXELS),
        "gif": pictures.gif_of(1, SIDE_PIXELS, SIDE_PIXELS),
        "gif's frame": pictures.gif_of(1, 10, 10, LARGE_FRAME),
        "bmp": LARGE_BMP,
        "tiff": tiff_that_says(SIDE_PIXELS, SIDE_PIXELS),
        "webp": LARGE_WEBP,
        "one line": pictures.png_header(20_000, 1),
        "one column": pictures.png_header(1, 20_000),
        "zeros that pack well": _real_bomb(),
    }.items():
        yield f"pixel bomb: {name}", (data, Code.TOO_MANY_PIXELS)
    yield "no pixels: png", (pictures.png_header(0, 0), Code.CORRUPT_IMAGE)


def _text_bombs():
    yield "text bomb: zTXt", (pictures.png_header(8, 8, TEXT_BOMB), Code.CORRUPT_IMAGE)
    international = b"Comment\0\1\0\0\0" + zlib.compress(bytes(64 * 2**20), 9)
    yield (
        "text bomb: iTXt",
        (pictures.png_header(8, 8, pictures.png_chunk(b"iTXt", international)), Code.CORRUPT_IMAGE),
    )
    profile = pictures.png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(64 * 2**20), 9))
    yield "text bomb: profile", (pictures.png_header(8, 8, profile), Code.CORRUPT_IMAGE)


def _frame_bombs():
    yield "frame bomb: a million", (pictures.gif_of(1_000_000), Code.TOO_MANY_FRAMES)
    yield "frame bomb: one too many", (pictures.gif_of(257), Code.TOO_MANY_FRAMES)
    yield "frame bomb: pixels of all", (pictures.gif_of(200, 1000, 1000), Code.TOO_MANY_PIXELS)
    control = pictures.png_chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    yield "frame bomb: png", (pictures.png_header(8, 8, control), Code.TOO_MANY_FRAMES)


def _cut():
    for form in pictures.FORMATS:
        whole = pictures.saved(pictures.photo(200, 150), form)
        for eighths in _EIGHTHS:
            yield f"{form} cut at {eighths}/8", (whole[: len(whole) * eighths // 8], Code.CORRUPT_IMAGE)
        yield f"{form} of which only the magic is left", (whole[:12] + bytes(500), Code.CORRUPT_IMAGE)


def _crossed():
    bodies = {form: pictures.saved(pictures.photo(60, 40), form) for form in pictures.FORMATS}
    yield "the magic of png before gif", (bodies["png"][:12] + bodies["gif"][12:], Code.CORRUPT_IMAGE)
    for head, body in (
        ("jpeg", "png"),
        ("gif", "webp"),
        ("webp", "tiff"),
        ("tiff", "bmp"),
        ("bmp", "jpeg"),
        ("avif", "jpeg"),
    ):
        yield (
            f"the magic of {head} before {body}",
            (bodies[head][:12] + bodies[body][12:], Code.CORRUPT_IMAGE),
        )
    for form in ("jpeg", "png", "gif"):
        yield f"{form} that is also a zip", (bodies[form] + b"PK\x03\x04" + bytes(60), None)
        yield f"{form} that is also a page", (bodies[form] + b"<script>alert(1)</script>", None)


def _metadata():
    for number, exif in enumerate(_EXIF):
        yield f"bad exif {number}", (_with_segment(0xE1, exif), None)
    for name, profile in {
        "empty": b"",
        "short": b"abc",
        "lying": b"\xff\xff\xff\xff" + bytes(200),
        "zeros": bytes(3000),
    }.items():
        yield f"bad profile: {name}", (_with_segment(0xE2, b"ICC_PROFILE\0\x01\x01" + profile), None)
    yield (
        "a profile of which parts are missing",
        (_with_segment(0xE2, b"ICC_PROFILE\0\x02\x09" + bytes(200)), None),
    )
    yield "a comment of a thousand parts", (_with_segment(0xFE, b"x" * 60_000, 300), None)


def _lies():
    whole = pictures.saved(pictures.photo(60, 40), "png")
    yield "png whose checksum is wrong", (whole[:29] + bytes(4) + whole[33:], Code.CORRUPT_IMAGE)
    # The file ends before the checksum of its pixels.
    longer = whole[:33] + b"\x7f\xff\xff\xff" + whole[37:]
    yield "png whose chunk is longer than the file", (longer, Code.CORRUPT_IMAGE)
    yield "tiff whose directory is its own successor", (tiff_that_says(8, 8, successor=8), None)
    yield "tiff with a tag that cannot be written", (_tiff_with_an_odd_tag(), None)
    yield (
        "webp that says it is longer",
        (_with_length(pictures.saved(pictures.photo(60, 40), "webp")), Code.CORRUPT_IMAGE),
    )
    yield "jpeg with segments of no length", (b"\xff\xd8" + b"\xff\xe0\0\0" * 500, Code.CORRUPT_IMAGE)
    yield "jpeg of fillers", (b"\xff\xd8" + b"\xff" * 2**20, Code.CORRUPT_IMAGE)


def _real_bomb() -> bytes:
    """Return a whole PNG whose pixels are there: 100 megapixels of nothing in some 12 kB."""
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(1 + 1250)) for _ in range(10_000)) + rows.flush()
    head = struct.pack(">IIBBBBB", 10_000, 10_000, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(pictures.png_chunk(*each) for each in chunks)


def jpeg_that_says(width: int, height: int) -> bytes:
    """Return a JPEG of 64x64 pixels whose header names another size."""
    small = pictures.saved(pictures.photo(64, 64), "jpeg")
    return small.replace(struct.pack(">HH", 64, 64), struct.pack(">HH", height, width), 1)


def tiff_that_says(width: int, height: int, successor: int = 0) -> bytes:
    """Return a TIFF of 8 bytes of pixels that names a size, and an offset of its next directory."""
    tags = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (279, 8))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return (
        b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + struct.pack("<I", successor) + bytes(8)
    )


def _tiff_with_an_odd_tag() -> bytes:
    """Return a fuzzer's finding: a readable file whose tags, when copied, made Pillow's writer fail."""
    tags = (
        (256, 4, 1, 8),
        (257, 4, 1, 9),
        (258, 4, 1, 8),
        (13571, 4, 1, 0x410001),
        (64262, 5, 5, 0),
        (273, 4, 1, 8),
    )
    entries = b"".join(struct.pack("<HHII", *each) for each in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 2048) + entries + b"\0\1\0@\0\0\x20\0\0\0"


def _with_segment(marker: int, body: bytes, times: int = 1) -> bytes:
    """Return a JPEG with segments of our own behind its start."""
    whole = pictures.saved(pictures.photo(60, 40), "jpeg")
    return whole[:2] + (bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body) * times + whole[2:]


def _with_length(webp: bytes) -> bytes:
    return webp[:4] + struct.pack("<I", 2**31) + webp[8:-20]


def seeds() -> dict[str, bytes]:
    """Return good files of every kind, for a fuzzer to start from."""
    found = {form: pictures.saved(pictures.photo(24, 16), form) for form in pictures.FORMATS}
    frames = [pictures.photo(16, 12, seed) for seed in range(3)]
    found |= {f"moving {form}": pictures.animation(form, frames) for form in ("gif", "webp", "avif", "png")}
    see_through = [Image.new("RGBA", (16, 12), (n, 9, 90, 255 * (n % 2))) for n in range(3)]
    found["moving and transparent"] = pictures.animation("webp", see_through, lossless=True)
    found["restarts"] = pictures.saved(pictures.photo(24, 16), "jpeg", restart_marker_blocks=1)
    found["progressive"] = pictures.saved(pictures.photo(24, 16), "jpeg", progressive=True)
    for mode in ("L", "LA", "P", "1", "I;16"):
        out = BytesIO()
        Image.new("I;16", (9, 7), 999).save(out, "PNG") if mode == "I;16" else pictures.photo(9, 7).convert(
            mode
        ).save(out, "PNG")
        found[f"png {mode}"] = out.getvalue()
    for packing in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits"):
        found[f"tiff {packing}"] = pictures.saved(pictures.photo(24, 16), "tiff", compression=packing)
    found["cmyk"] = pictures.saved(pictures.photo(24, 16).convert("CMYK"), "jpeg")
    return found
