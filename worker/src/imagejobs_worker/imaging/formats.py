"""The formats that are read and written, and the format of each result. Needs no image library.

The parent process uses it too, to choose the codecs that a child must have.
"""

from dataclasses import replace

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

_SHOWN_BY_BROWSERS = frozenset(Format) - {Format.TIFF}
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


def candidate_formats(
    source_format: str, variant: Variant, *, transparent: bool = False
) -> tuple[Format, ...]:
    """Return the formats of which the one with the smallest file is the result, the preferred one first.

    Args:
        source_format: One of `SOURCE_FORMATS`.
        variant: The request.
        transparent: Whether the picture has transparency; then no further format may lose it.
    """
    first = result_formats(source_format, variant)[transparent]
    if not variant.smallest_format or variant.max_size is not None:
        return (first,)
    own = result_formats(source_format, replace(variant, format=None))[transparent]
    others = ((Format.WEBP,) if first is Format.AVIF else ()) + ((own,) if own in _SHOWN_BY_BROWSERS else ())
    return (first, *(each for each in dict.fromkeys(others) if each is not first))


def stays_animated(source_format: str, result: Format) -> bool:
    """Return whether the result of an animated source is animated too.

    A PNG is animated only if the source is a PNG: a client that requests the PNG of a GIF wants a still.
    """
    return result in ANIMATED_FORMATS and (result is not Format.PNG or source_format == "png")
