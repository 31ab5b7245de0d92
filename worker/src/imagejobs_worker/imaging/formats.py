"""The formats that are read and written, and the format of each result. Needs no image library.

The parent process uses it too, to choose the codecs that a child must have.
"""

from imagejobs_contract.model.options import Format, Variant

HEIC = "heic"
SOURCE_FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WEBP",
    "avif": "AVIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    HEIC: "HEIF",
}
"""Formats that are read: the contract's name -> Pillow's. Files of any other format are refused unopened."""

ANIMATED_FORMATS = frozenset({Format.GIF, Format.WEBP, Format.AVIF, Format.PNG})
"""Formats of results that can be animations."""

_REPLACEMENTS = {"bmp": (Format.JPEG, Format.PNG), "heic": (Format.JPEG, Format.PNG)}
"""Formats of results where the source's own is not written here or not shown by browsers: of an opaque
picture, and of one with transparency.
"""


def result_formats(source_format: str, variant: Variant) -> tuple[Format, Format]:
    """Return the requested format, or the source's own: of an opaque picture, and of one with transparency.

    Args:
        source_format: One of `SOURCE_FORMATS`.
        variant: The request.
    """
    if variant.format:
        return variant.format, variant.format
    return _REPLACEMENTS.get(source_format) or (Format(source_format),) * 2


def stays_animated(source_format: str, result: Format) -> bool:
    """Return whether the result of an animated source is animated too.

    A PNG is animated only if the source is a PNG: a client that requests the PNG of a GIF wants a still.
    """
    return result in ANIMATED_FORMATS and (result is not Format.PNG or source_format == "png")
