"""Checks each answer before the parent believes it: a child that a picture took over could send anything."""

from collections.abc import Sequence

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Fit, Format, Variant
from imagejobs_contract.wire.sniff import HEAD_BYTES, sniff
from imagejobs_worker.child.protocol import MAX_FILES_BYTES, InvalidMessage
from imagejobs_worker.imaging import file_check, formats
from imagejobs_worker.imaging.codecs.header import declared_size
from imagejobs_worker.imaging.picture import Picture, Rendering
from imagejobs_worker.imaging.sizes import Size

_OVERHEAD_BYTES = 512 * 2**10
"""Of a result beside its pixels: EXIF and XMP of 64 KiB each, tables, and the heads of frames."""
_MIN_FRAME_BYTES = 10
"""Of a frame in a source: an image block of a GIF has more."""


def max_answer_bytes(variants: Sequence[Variant], limits: Limits, source: bytes) -> int:
    """Return the most bytes that an honest answer has, by what was asked for, without a word of the child's.

    A pixel takes at most 8 bytes, as in a PNG of 16 bits and four channels.
    """
    declared = declared_size(source)
    pixels = declared[0] * declared[1] if declared else limits.max_pixels
    frames = min(limits.max_frames, 1 + len(source) // _MIN_FRAME_BYTES)
    total = sum(
        _OVERHEAD_BYTES + 8 * min(frames * _max_pixels(variant, pixels, limits), limits.max_total_pixels)
        for variant in variants
    )
    return min(total, MAX_FILES_BYTES)


def _max_pixels(variant: Variant, source_pixels: int, limits: Limits) -> int:
    width, height = variant.width, variant.height
    if width and height and variant.fit is not Fit.OUTSIDE:
        return min(width * height, limits.max_pixels)
    return limits.max_pixels if variant.enlarge else source_pixels


def verify(rendering: Rendering, variants: Sequence[Variant], limits: Limits, source: bytes) -> Rendering:
    """Return the rendering if it can be an honest answer.

    Raises:
        InvalidMessage: It cannot be: other variants, formats or sizes than were asked for, or files whose
            first bytes are of another format.
    """
    if rendering.source_format != sniff(source[:HEAD_BYTES]) or not _is_allowed_size(
        (rendering.source_width, rendering.source_height), file_check.source_limits(source, limits)
    ):
        raise InvalidMessage("names another source")
    if len(rendering.pictures) != len(variants):
        raise InvalidMessage(f"has {len(rendering.pictures)} pictures for {len(variants)} variants")
    for picture, variant in zip(rendering.pictures, variants, strict=True):
        if fault := _fault(picture, variant, rendering, limits):
            raise InvalidMessage(f"{variant.name}: {fault}")
    return rendering


def _fault(picture: Picture, variant: Variant, rendering: Rendering, limits: Limits) -> str:
    size = (picture.width, picture.height)
    if picture.variant != variant.name:
        return "is another variant"
    if bool(picture.placeholder.thumbhash) != variant.placeholder:
        return "has another placeholder than was asked for"
    if picture.kept_original:
        asked = variant.only_if_smaller and picture.format in _formats(variant, rendering)
        asked = asked and size == (rendering.source_width, rendering.source_height)
        return "" if asked and picture.format == rendering.source_format else "keeps the original unasked"
    if picture.format not in _formats(variant, rendering):
        return "has another format"
    if sniff(picture.data[:HEAD_BYTES]) != picture.format:
        return "starts like another format"
    if not _is_allowed_size(size, limits) or declared_size(picture.data) not in (None, size):
        return "has another size"
    return ""


def _formats(variant: Variant, rendering: Rendering) -> set[Format]:
    source = rendering.source_format
    return {
        form
        for transparent in (False, True)
        for form in formats.candidate_formats(source, variant, transparent=transparent)
    }


def _is_allowed_size(size: Size, limits: Limits) -> bool:
    return 1 <= min(size) <= max(size) <= limits.max_side and size[0] * size[1] <= limits.max_pixels
