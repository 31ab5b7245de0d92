"""Corrects two faults of Pillow's TIFF reader: planes of 16 bits, and deep greys with 0 as white."""

from io import BytesIO

from PIL import Image, ImageChops, ImageFile

_BITS, _PHOTOMETRIC, _PLANES = 258, 262, 284
_WHITE_IS_ZERO, _SEPARATE_PLANES = 0, 2
_DEEP_MODES = ("I", "F")
"""First letters of the modes of more than 8 bits."""


def open_tiff(source: bytes) -> ImageFile.ImageFile:
    """Read the header of a TIFF.

    Pillow's own decoder takes planes of 16 bits for 8, and returns noise; libtiff, which Pillow uses for
    compressed files, reads them correctly.
    """
    image = Image.open(BytesIO(source), formats=["TIFF"])
    tags = getattr(image, "tag_v2", {})
    if tags.get(_PLANES) != _SEPARATE_PLANES or max(tags.get(_BITS, (1,))) <= 8:
        return image
    from PIL import TiffImagePlugin

    TiffImagePlugin.READ_LIBTIFF = True
    try:
        return Image.open(BytesIO(source), formats=["TIFF"])
    finally:
        TiffImagePlugin.READ_LIBTIFF = False


def correct_polarity(image: Image.Image, picture: Image.Image) -> Image.Image:
    """Return the picture, inverted if the file counts greys from white; Pillow does so up to 8 bits only.

    Args:
        image: The picture as decoded, of any format.
        picture: The same, normalised.
    """
    tags = getattr(image, "tag_v2", {}) if image.mode.startswith(_DEEP_MODES) else {}
    return ImageChops.invert(picture) if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else picture
