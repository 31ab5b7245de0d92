"""The plans of which the smallest file becomes the result: in further formats, and WebP without loss.

Pictures of few colours, and those that were stored without loss, are often smaller without loss than with it.
Scaling gives them thousands of colours, so that is tried for unscaled ones only.
"""

from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging import formats, modes
from imagejobs_worker.imaging.colours import few
from imagejobs_worker.imaging.source import Source
from imagejobs_worker.imaging.variant_plan import VariantPlan

_MAX_LOSSLESS_PIXELS = 2**22
"""Of all frames. A megapixel takes 0.3 s without loss, of a photo 1 s: ten times as long as with loss."""
_LOSSLESS_STILLS = frozenset({"png", "bmp", "tiff"})


def find(source: Source, plan: VariantPlan, image: Image.Image) -> tuple[VariantPlan, ...]:
    """Return the plans to try, the preferred one first; with `max_size` only the given one.

    Args:
        source: The image in work.
        plan: In the first format.
        image: The first frame, decoded and normalised.
    """
    if plan.variant.max_size is not None:
        return (plan,)
    forms = _formats(source, plan, modes.is_transparent(image))
    return tuple(each for form in forms for each in _ways(source, _in_format(plan, form), image))


def _formats(source: Source, plan: VariantPlan, transparent: bool) -> Iterator[Format]:
    """Yield the formats that keep as many frames, and as much of the picture, as the first one does."""
    yield plan.format
    frames = source.frames_for(plan.variant)
    for form in formats.candidate_formats(source.opened.format, plan.variant, transparent=transparent)[1:]:
        other = _in_format(plan, form)
        if source.frames_for(other.variant) != frames or (
            transparent and other.keeps_alpha != plan.keeps_alpha
        ):
            continue
        if form is not Format.JPEG or not plan.variant.lossless:
            yield form


def _in_format(plan: VariantPlan, form: Format) -> VariantPlan:
    return replace(plan, format=form, variant=replace(plan.variant, format=form, smallest_format=False))


def _ways(source: Source, plan: VariantPlan, image: Image.Image) -> tuple[VariantPlan, ...]:
    """Return a plan, or a lossless one, or both."""
    stored_whole = source.opened.is_lossless_webp
    pixels = plan.canvas[0] * plan.canvas[1] * source.frames_for(plan.variant)
    if plan.format is not Format.WEBP or plan.is_lossless or not plan.is_whole(source.size):
        return (plan,)
    if pixels > _MAX_LOSSLESS_PIXELS:
        return (plan,)
    if not (stored_whole or plan.few_colours or _has_few_colours(source, image)):
        return (plan,)
    lossless = replace(plan, variant=replace(plan.variant, lossless=True))
    return (lossless,) if stored_whole and plan.variant.quality is None else (plan, lossless)


def _has_few_colours(source: Source, image: Image.Image) -> bool:
    """Return whether a still that was stored without loss happens to have few; counting ends at the limit."""
    is_still = source.opened.format in _LOSSLESS_STILLS and source.opened.frames == 1
    return is_still and image.getcolors(few.MAX_COLOURS) is not None
