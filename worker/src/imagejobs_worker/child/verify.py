"""What the parent checks before it believes an answer: a child that a picture took over could say anything."""

from collections.abc import Sequence

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant
from imagejobs_contract.wire.sniff import HEAD_BYTES, sniff
from imagejobs_worker.child.protocol import Garbage
from imagejobs_worker.imaging.codecs.header import Size, declared_size
from imagejobs_worker.imaging.picture import Picture, Rendering


def verify(rendering: Rendering, variants: Sequence[Variant], limits: Limits, source: bytes) -> Rendering:
    """Return the rendering if it can be an honest answer.

    Raises:
        Garbage: It cannot: other variants, formats or sizes than were asked for, or files that start
            otherwise than they are said to.
    """
    if rendering.source_format != sniff(source[:HEAD_BYTES]) or not _possible(
        (rendering.source_width, rendering.source_height), limits
    ):
        raise Garbage("names another source")
    if len(rendering.pictures) != len(variants):
        raise Garbage(f"has {len(rendering.pictures)} pictures for {len(variants)} variants")
    for picture, variant in zip(rendering.pictures, variants, strict=True):
        if fault := _fault(picture, variant, rendering, limits):
            raise Garbage(f"{variant.name}: {fault}")
    return rendering


def _fault(picture: Picture, variant: Variant, rendering: Rendering, limits: Limits) -> str:
    size = (picture.width, picture.height)
    if picture.variant != variant.name:
        return "is another variant"
    if picture.kept_original:
        asked = variant.only_if_smaller and size == (rendering.source_width, rendering.source_height)
        return "" if asked and picture.format == rendering.source_format else "keeps the original unasked"
    if variant.format and picture.format is not variant.format:
        return "has another format"
    if sniff(picture.data[:HEAD_BYTES]) != picture.format:
        return "starts like another format"
    if not _possible(size, limits) or declared_size(picture.data) not in (None, size):
        return "has another size"
    return ""


def _possible(size: Size, limits: Limits) -> bool:
    return 1 <= min(size) <= max(size) <= limits.max_side and size[0] * size[1] <= limits.max_pixels
