"""`only_if_smaller` returns the source's own picture only where that already is all that was asked for."""

import contextlib
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Fit, Format, MaxSizeBy
from imagejobs_worker.imaging.codecs import bare, stripping
from support.images import pictures
from support.images.rendering import render

PHOTO = pictures.photo(160, 120)
TINY = {"jpeg": {"quality": 5}, "webp": {"quality": 1}, "avif": {"quality": 1}}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation=1):
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = orientation, "a camera"
    return tags.tobytes()


def small(form="jpeg", image=PHOTO, **options):
    """Return a file that no result of this program is smaller than: of few colours, or of a low quality."""
    if form in ("png", "gif"):
        image = image.quantize(4) if image.mode == "RGB" else image
    if form == "png":
        # As this program writes it: a palette in another order may take more bytes.
        data = render(pictures.saved(image, "png")).pictures[0].data
        if not options:
            return data
        image, options["compress_level"] = pictures.opened(data), 9
    return pictures.saved(image, form, **TINY.get(form, {}), **options)


def made(data, **options):
    return render(data, **{"quality": 95, "only_if_smaller": True, **options}).pictures[0]


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif", "gif"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"width": 160},
        {"width": 500},
        {"width": 160, "height": 120, "fit": Fit.COVER},
        {"keep_metadata": True},
    ],
    ids=str,
)
def test_a_source_that_is_all_that_was_asked_for_is_returned(form, options):
    data = small(form)
    found = made(data, **options)
    assert (found.kept_original, found.data, found.format, found.width, found.height) == (
        True,
        data,
        Format(form),
        160,
        120,
    )


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width": 159}, (159, 119)),
        ({"width": 100, "height": 100, "fit": Fit.COVER}, (100, 100)),
        ({"width": 160, "height": 119, "fit": Fit.FILL}, (160, 119)),
        ({"width": 200, "height": 200, "fit": Fit.CONTAIN}, (200, 200)),
        ({"width": 320, "enlarge": True}, (320, 240)),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["jpeg", "png", "gif"])
def test_another_size_is_made_though_it_has_more_bytes(form, options, size):
    found = made(small(form), **options)
    assert (found.kept_original, pictures.opened(found.data).size) == (False, size)


@pytest.mark.parametrize("form", [Format.WEBP, Format.PNG, Format.GIF])
def test_another_format_is_made(form):
    found = made(small(), format=form)
    assert (found.kept_original, pictures.opened(found.data).format) == (False, form.name)


def test_the_same_format_may_be_named():
    assert made(small(), format=Format.JPEG).kept_original


def test_a_background_is_put_under_transparency():
    hole = PHOTO.convert("RGBA")
    hole.paste((0, 0, 0, 0), (0, 0, 80, 120))
    data = small("png", hole.quantize(4))
    found = pictures.opened(made(data, background="ff0000").data)
    assert (found.mode, found.convert("RGB").getpixel((3, 3))) == ("P", (255, 0, 0))
    assert made(data).kept_original
    assert made(small("png"), background="ff0000").kept_original


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("keep", [True, False])
def test_a_turned_picture_is_set_upright(orientation, keep):
    found = made(small(exif=exif(orientation)), keep_metadata=keep)
    image = pictures.opened(found.data)
    assert image.size == (found.width, found.height) == ((120, 160) if orientation > 4 else (160, 120))
    assert (found.kept_original, image.getexif().get(0x0112, 1)) == (False, 1)


def with_text():
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "somebody")
    return small("png", pnginfo=notes)


def with_segment(marker, body):
    data = small()
    return data[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + data[2:]


METADATA = {
    "jpeg exif": small(exif=exif()),
    "jpeg xmp": with_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
    "jpeg iptc": with_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + bytes(6)),
    "jpeg comment": small(comment=b"made at home"),
    "jpeg thumbnail": with_segment(0xE0, b"JFXX\0\x13\1\1abc"),
    "jpeg of unknown kind": with_segment(0xEA, b"anything"),
    "jpeg film": small() + b"\0\0\0\x18ftypmp42",
    "png exif": small("png", exif=exif()),
    "png text": with_text(),
    "png behind its end": small("png") + b"more",
    "webp exif": small("webp", exif=exif()),
    "webp xmp": small("webp", xmp=b"<x/>"),
    "avif exif": small("avif", exif=exif()),
    "avif xmp": small("avif", xmp=b"<x/>"),
    "gif comment": small("gif", comment=b"made at home"),
}


BEHIND_ITS_END = {"jpeg film": len(b"\0\0\0\x18ftypmp42"), "png behind its end": len(b"more")}


@pytest.mark.parametrize("name", METADATA)
def test_metadata_is_removed_unless_it_is_kept(name):
    data = METADATA[name]
    assert not made(data).kept_original
    kept = made(data, keep_metadata=True)
    if name in BEHIND_ITS_END:
        assert (kept.kept_original, kept.data) == (False, data[: -BEHIND_ITS_END[name]])
    else:
        assert kept.kept_original or name in ("gif comment", "png text")  # results drop these


@pytest.mark.parametrize("name", [each for each in METADATA if not each.startswith("avif")])
def test_metadata_is_taken_out_without_decoding_again(name):
    """The picture is the source's own, of fewer bytes than any result would have."""
    data = METADATA[name]
    found = made(data)
    form = name.partition(" ")[0]
    assert found.data == stripping.strip(data, form)
    assert (found.kept_original, bare.is_bare(found.data, form)) == (False, True)
    assert pictures.opened(found.data).tobytes() == pictures.opened(data).tobytes()


POLYGLOT = b"<script>POLYGLOT</script>PK\5\6" + bytes(18)


def gps():
    tags = Image.Exif()
    tags.get_ifd(0x8825)[1] = "N"
    tags.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    tags[0x010F] = "SECRETCAM"
    return tags.tobytes()


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif", "gif", "tiff"])
def test_nothing_that_was_not_asked_for_is_handed_on(form, keep):
    """The polyglot of the review: a file of GPS, a camera's name, and a page and a zip behind its end."""
    options = {} if form == "gif" else {"exif": gps(), "xmp": b"<x:xmpmeta>SECRETXMP</x:xmpmeta>"}
    if form in ("png", "tiff"):
        options.pop("xmp")
    data = small(form, **options) + POLYGLOT
    found = made(data, keep_metadata=keep).data
    assert b"POLYGLOT" not in found
    assert (b"SECRET" in found) == (keep and form != "gif")
    assert pictures.opened(found).size == (160, 120)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def before_the_end(png, *chunks):
    return png[:-12] + b"".join(chunks) + png[-12:]


def in_gif(*extensions):
    data = small("gif")
    at = data.index(b"\x2c", 13 + 3 * 4)
    return data[:at] + b"".join(extensions) + data[at:]


def webp_with(kind, body):
    data = small("webp")
    body = data[8:] + kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(body)) + body


HIDDEN = {
    "jpeg reserved marker": with_segment(0x02, b"HIDDEN"),
    "jpeg profile in no order": with_segment(0xE2, b"ICC_PROFILE\0\7\6HIDDEN"),
    "jpeg long jfif": with_segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0HIDDEN"),
    "png frame of a still": before_the_end(small("png"), chunk(b"fdAT", bytes(4) + b"HIDDEN")),
    "png long density": before_the_end(small("png"), chunk(b"pHYs", bytes(9) + b"HIDDEN")),
    "png private chunk": before_the_end(small("png"), chunk(b"prVt", b"HIDDEN")),
    "png long end": small("png")[:-12] + chunk(b"IEND", b"HIDDEN"),
    "gif long control": in_gif(b"\x21\xf9\4\0\0\0\0\6HIDDEN\0"),
    "gif long loop": in_gif(b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\6HIDDEN\0"),
    "gif another program": in_gif(b"\x21\xff\x0bXMP DataXMP\6HIDDEN\0"),
    "gif text": in_gif(b"\x21\1\x0c" + bytes(12) + b"\6HIDDEN\0"),
    "webp unknown chunk": webp_with(b"PRVT", b"HIDDEN"),
    "webp second picture": webp_with(b"VP8 ", b"HIDDEN"),
}


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("form", ["as it is", "stripped"])
def test_what_no_viewer_looks_at_hides_nothing(name, form):
    data = HIDDEN[name]
    assert b"HIDDEN" in data
    if form == "as it is":
        assert not bare.is_bare(data, name.partition(" ")[0])
    else:
        with contextlib.suppress(ImageFailed):  # refused as a whole: nothing is handed on
            assert b"HIDDEN" not in made(data).data


def test_bytes_of_an_avif_that_nothing_points_to_are_not_handed_on():
    data = small("avif")
    at = data.index(b"mdat") - 4
    (length,) = struct.unpack_from(">I", data, at)
    assert bare.is_bare(data, "avif")
    hidden = data[:at] + struct.pack(">I", length + 6) + data[at + 4 : at + length] + b"HIDDEN"
    assert not bare.is_bare(hidden + data[at + length :], "avif")
    assert b"HIDDEN" not in made(hidden + data[at + length :]).data


def test_bytes_of_a_tiff_that_nothing_points_to_are_not_handed_on():
    data = pictures.saved(PHOTO.quantize(2), "tiff", compression="tiff_lzw")
    assert bare.is_bare(data, "tiff")
    assert not bare.is_bare(data + b"HIDDEN", "tiff")


@pytest.mark.parametrize("tag", [270, 305, 306, 315, 316, 33_432, 700, 33_723, 34_853], ids=str)
def test_a_tiff_with_a_tag_of_its_maker_is_written_anew(tag):
    plain = pictures.saved(PHOTO.quantize(2), "tiff", compression="tiff_lzw")
    assert bare.is_bare(plain, "tiff")
    at = plain.index(struct.pack("<HH", 262, 3))
    assert not bare.is_bare(plain[:at] + struct.pack("<H", tag) + plain[at + 2 :], "tiff")


def test_further_pictures_are_not_handed_out():
    pair = {"save_all": True, "append_images": [pictures.quarters(20, 20)]}
    several = pictures.saved(PHOTO.quantize(2), "tiff", compression="tiff_lzw", **pair)
    stereo = pictures.saved(PHOTO, "mpo", quality=5, **pair)
    for data in (several, stereo):
        assert not made(data, keep_metadata=True).kept_original
        assert not made(data).kept_original


@pytest.mark.parametrize("form", ["gif", "webp", "png"])
def test_fewer_frames_are_made(form):
    frames = [pictures.photo(40, 30, seed).quantize(4).convert("RGB") for seed in range(4)]
    data = pictures.animation(form, frames, **({"quality": 1} if form == "webp" else {}))
    found = made(data, frames=2)
    assert (found.kept_original, pictures.opened(found.data).n_frames) == (False, 2)
    assert not made(data, background="00ff00").kept_original


def test_other_colours_become_srgb():
    assert not made(small(icc_profile=pictures.p3_profile())).kept_original
    assert not made(small(image=PHOTO.convert("CMYK"))).kept_original
    assert made(small(icc_profile=SRGB)).data == small()
    assert not made(small("png", icc_profile=pictures.p3_profile())).kept_original
    assert made(small("png", PHOTO.convert("L").quantize(4))).kept_original


def test_max_size_holds_for_the_source_too():
    data = small("png")
    kept = made(data, max_size=len(data))
    assert (kept.kept_original, kept.data) == (True, data)
    assert made(data, max_size=len(data), max_size_by=MaxSizeBy.SCALE).kept_original
    with pytest.raises(ImageFailed):
        made(data, max_size=len(data) - 1)
    scaled = made(data, max_size=len(data) - 1, max_size_by=MaxSizeBy.SCALE)
    assert (scaled.kept_original, scaled.width < 160) == (False, True)


def test_a_smaller_result_is_used():
    data = pictures.saved(PHOTO, "jpeg", quality=98)
    found = made(data, quality=30)
    assert (found.kept_original, len(found.data) < len(data)) == (False, True)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif", "gif", "tiff"])
def test_no_cut_file_is_bare_and_none_raises(form):
    data = pictures.saved(PHOTO, form)
    for kept in range(0, len(data), max(1, len(data) // 100)):
        assert isinstance(bare.is_bare(data[:kept], form), bool)
    assert not bare.is_bare(data, "bmp")


def test_what_leaves_this_program_is_bare():
    for form in Format:
        data = made(pictures.saved(PHOTO, "jpeg", exif=exif(6), icc_profile=SRGB), format=form).data
        assert bare.is_bare(data, form.value), form
    out = BytesIO()
    PHOTO.save(out, "JPEG", progressive=True, restart_marker_rows=1)
    assert bare.is_bare(out.getvalue(), "jpeg")
