"""Corrects faults of Pillow's TIFF reader.

They are planes of 16 bits, and deep greys of 12 bits, with 0 as white, or in another order of bytes.

Refuses raw photos and other TIFFs whose first picture is only a preview of a larger one.
"""

import struct
import sys
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from PIL import Image, ImageChops, ImageFile, UnidentifiedImageError

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_worker.imaging.metadata_blocks import tiff_directory

_BITS, _PHOTOMETRIC, _PLANES = 258, 262, 284
_SUBFILE, _OLD_SUBFILE, _WIDTH, _LENGTH, _SUB_DIRECTORIES, _DNG_VERSION = 254, 255, 256, 257, 330, 50_706
_REDUCED, _OLD_REDUCED = 1, 2
"""A bit of `NewSubfileType`, and a value of `SubfileType`: the picture is a preview (TIFF 6.0, section 8)."""
_COMPRESSION, _SAMPLE_FORMAT = 259, 339
_WEBP = 50_001
"""A compression that Pillow names and its libtiff does not have."""
_PIXEL_OFFSETS = frozenset({273, 324})
"""Of strips and of tiles."""
_UNSIGNED, _SIGNED = 1, 2
_SAMPLE_KINDS = {1: "whole numbers", 2: "signed numbers", 3: "floats"}
_UNKNOWN_PIXELS = frozenset({"unknown pixel mode", "unknown data organization"})
"""Pillow's words for a directory that it can read and pixels that it cannot."""
_SHORT = 3
"""TIFF's type of 16 bits."""
_CANON_RAW = b"CR\x02"
_MAX_SUB_DIRECTORIES = 16
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _SEPARATE_PLANES = 0, 1, 2
_TWELVE = 12
"""Bits, which Pillow holds as 16 without scaling them."""
_NATIVE_MODES = {
    "F;32F": "F;32NF", "F;32BF": "F;32NF", "I;32S": "I;32NS", "I;32BS": "I;32NS",
    "I;16S": "I;16NS", "I;16BS": "I;16NS",
}  # fmt: skip
"""Pillow's raw modes of deep greys -> the same in the machine's order of bytes."""
_DEEP_MODES = ("I", "F")
"""First letters of the modes of more than 8 bits."""


def open_tiff(source: bytes) -> ImageFile.ImageFile:
    """Read the header of a TIFF.

    Pillow's own decoder takes planes of 16 bits for 8, and returns noise; libtiff, which Pillow uses for
    compressed files, reads them correctly.

    Raises:
        ImageFailed: `unsupported_format`, if the first picture is a preview, or its compression is not read.
    """
    if source[8:11] == _CANON_RAW:
        raise _unsupported("a raw photo (CR2)")
    image = _open(source)
    tags = getattr(image, "tag_v2", {})
    if _DNG_VERSION in tags:
        raise _unsupported("a raw photo (DNG)")
    if _is_preview(tags) or _has_larger_picture(source, tags):
        raise _unsupported("a raw photo or another TIFF of several pictures")
    if tags.get(_COMPRESSION) == _WEBP:
        raise ImageFailed(f"is {_describe(source)}, which is not read", code=Code.UNSUPPORTED_FORMAT)
    if tags.get(_PLANES) == _SEPARATE_PLANES and max(tags.get(_BITS, (1,))) > 8:
        image = _open_by_libtiff(source)
    _correct_xmp(image)
    _expect_native_order(image)
    return image


def _open_by_libtiff(source: bytes) -> ImageFile.ImageFile:
    """Open a TIFF so that libtiff decodes it though it is not compressed."""
    from PIL import TiffImagePlugin

    TiffImagePlugin.READ_LIBTIFF = True
    try:
        return Image.open(BytesIO(source), formats=["TIFF"])
    finally:
        TiffImagePlugin.READ_LIBTIFF = False


def _correct_xmp(image: ImageFile.ImageFile) -> None:
    """Make bytes of XMP whose entry has another type: Pillow looks into it while it decodes."""
    found = image.info.get("xmp", b"")
    if isinstance(found, str):
        image.info["xmp"] = found.encode()
    elif not isinstance(found, bytes):
        del image.info["xmp"]


def _expect_native_order(image: ImageFile.ImageFile) -> None:
    """Correct what Pillow expects of libtiff, which returns deep greys in the machine's order of bytes.

    Pillow knows that of unsigned ones of 16 bits only.
    """
    for n, tile in enumerate(image.tile):
        if tile.codec_name == "libtiff" and isinstance(tile.args, tuple):
            mode, *rest = tile.args
            image.tile[n] = tile._replace(args=(_NATIVE_MODES.get(mode, mode), *rest))


def _open(source: bytes) -> ImageFile.ImageFile:
    """Open a TIFF; one whose directory is sound and whose pixels Pillow does not know is named."""
    try:
        return Image.open(BytesIO(source), formats=["TIFF"])
    except UnidentifiedImageError:
        from PIL import TiffImagePlugin

        if image := _open_as_twin(source):
            return image
        try:
            # An entry that cannot be read hides those behind it; the pixels may be of a usual kind.
            TiffImagePlugin.TiffImageFile(BytesIO(tiff_directory.rewrite(source)))
        except SyntaxError as ex:
            is_sound = str(ex) in _UNKNOWN_PIXELS or isinstance(ex.__cause__, KeyError)
            if is_sound and (kind := _describe(source)):
                raise ImageFailed(f"is {kind}, which is not read", code=Code.UNSUPPORTED_FORMAT) from ex
        raise


def _open_as_twin(source: bytes) -> ImageFile.ImageFile | None:
    """Open deep greys that Pillow does not list as those that it does: from black to white, and signed.

    Their samples are stored alike; what they mean is decided after decoding, by the file's own tags.
    """
    for kind_of_twin in (_UNSIGNED, _SIGNED):
        changed = {_PHOTOMETRIC: _BLACK_IS_ZERO, _SAMPLE_FORMAT: kind_of_twin, _PLANES: 1}
        try:
            image = Image.open(BytesIO(tiff_directory.rewrite(source, values=changed)), formats=["TIFF"])
        except (UnidentifiedImageError, struct.error):
            continue
        own = _read_directory(source)
        bits, kind = own.get(_BITS, (0,)), own.get(_SAMPLE_FORMAT, (_UNSIGNED,))
        is_grey = own.get(_PHOTOMETRIC) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO) and len(bits) == 1
        if not is_grey or bits[0] <= 8 or tuple(kind) != (_UNSIGNED,):
            return None
        image.tag_v2[_PHOTOMETRIC], image.tag_v2[_SAMPLE_FORMAT] = own[_PHOTOMETRIC], (_UNSIGNED,)  # type: ignore[attr-defined]
        return image
    return None


def _read_directory(source: bytes) -> Mapping[int, Any]:
    from PIL import TiffImagePlugin

    file = BytesIO(tiff_directory.rewrite(source, pixels_only=True))
    directory = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
    file.seek(directory.next)
    directory.load(file)
    return directory


def _describe(source: bytes) -> str:
    """Return the kind of a TIFF in words; empty if it says of no pixels where they are."""
    directory = _read_directory(source)
    if not _PIXEL_OFFSETS & set(directory):
        return ""
    bits = directory.get(_BITS, (1,))
    kind = _SAMPLE_KINDS.get(directory.get(_SAMPLE_FORMAT, (1,))[0], "numbers")
    return (
        f"a TIFF of {len(bits)} x {max(bits)} bits ({kind}), photometric {directory.get(_PHOTOMETRIC)}, "
        f"compression {directory.get(_COMPRESSION, 1)}"
    )


def scale_greys(image: Image.Image) -> Image.Image | None:
    """Return greys of 12 and 32 bits, and signed ones of 16, in 8 bits by their whole range; else None.

    Signed ones of 32 bits whose values stay below 65536 are left to `modes`: many programs store 16 bits so.
    """
    tags = getattr(image, "tag_v2", {}) if image.mode.startswith("I") else {}
    if not tags:
        return None
    bits, kind = tags.get(_BITS, (0,))[0], tags.get(_SAMPLE_FORMAT, (1,))[0]
    if bits == _TWELVE:
        scale = 255 / (2**_TWELVE - 1)
        return image.convert("I").point(lambda value: value * scale + 0.5).convert("L")
    if image.mode != "I":
        return None
    if (bits, kind) == (32, _UNSIGNED):
        # Pillow holds them as signed ones; the highest byte is what remains in 8 bits.
        return Image.frombytes("RGBA", image.size, image.tobytes()).getchannel(
            "A" if sys.byteorder == "little" else "R"
        )
    highest = image.getextrema()[1]
    if kind == _SIGNED and (bits == 16 or (isinstance(highest, int) and highest > 65_535)):
        scale = 255 / (2 ** (bits - 1) - 1)
        return image.point(lambda value: value * scale + 0.5).convert("L")
    return None


def _unsupported(kind: str) -> ImageFailed:
    return ImageFailed(f"is {kind}, whose first picture is only a preview", code=Code.UNSUPPORTED_FORMAT)


def _is_preview(tags: Mapping[int, Any]) -> bool:
    kind = tags.get(_SUBFILE, 0)
    return bool(isinstance(kind, int) and kind & _REDUCED) or tags.get(_OLD_SUBFILE) == _OLD_REDUCED


def _has_larger_picture(source: bytes, tags: Mapping[int, Any]) -> bool:
    """Return whether a directory below the first has more pixels; those of a pyramid have fewer."""
    offsets = tags.get(_SUB_DIRECTORIES, ())
    offsets = offsets if isinstance(offsets, tuple) else (offsets,)
    offsets = tuple(each for each in offsets if isinstance(each, int))
    pixels = tags.get(_WIDTH, 0) * tags.get(_LENGTH, 0)
    return any(_pixels_at(source, offset) > pixels for offset in offsets[:_MAX_SUB_DIRECTORIES])


def _pixels_at(source: bytes, offset: int) -> int:
    """Return the pixels that a directory of a classic TIFF announces; 0 if it cannot be read."""
    order = "<" if source[:2] == b"II" else ">"
    sides = {_WIDTH: 0, _LENGTH: 0}
    try:
        (count,) = struct.unpack_from(f"{order}H", source, offset)
        for at in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", source, at)
            if tag in sides:
                (sides[tag],) = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", source, at + 8)
    except struct.error:
        return 0
    return sides[_WIDTH] * sides[_LENGTH]


def correct_polarity(image: Image.Image, picture: Image.Image) -> Image.Image:
    """Return the picture, inverted if the file counts greys from white; Pillow does so up to 8 bits only.

    Args:
        image: The picture as decoded, of any format.
        picture: The same, normalised.
    """
    tags = getattr(image, "tag_v2", {}) if image.mode.startswith(_DEEP_MODES) else {}
    return ImageChops.invert(picture) if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else picture
