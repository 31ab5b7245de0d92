"""Finds for `only_if_smaller` the source itself, less its metadata, where that already is what was asked."""

from PIL import Image

from imagejobs_worker.imaging.codecs import bare, stripping
from imagejobs_worker.imaging.modes import has_alpha
from imagejobs_worker.imaging.source import Source
from imagejobs_worker.imaging.steps import colour
from imagejobs_worker.imaging.variant_plan import VariantPlan


def find(source: Source, plan: VariantPlan, image: Image.Image) -> bytes | None:
    """Return the source's file, with no metadata that the result would not have, and nothing behind its end.

    None if it has not the size, format, frames, background, turn and colours of the result, more than
    `max_size` bytes, or anything that cannot be taken out. The last is checked last: it takes longest.

    Args:
        source: The image in work.
        plan: Of the result at its full size, before `max_size_by=scale` made it smaller.
        image: The first frame, decoded and normalised.
    """
    if not _satisfies(source, plan, image):
        return None
    form = source.opened.format
    if plan.variant.keep_metadata and form != "tiff":  # whose end cannot be told from its metadata
        file = stripping.cut(source.data, form)
    else:
        file = stripping.strip(source.data, form)
        if not bare.is_bare(file, form):
            return None
    return file if len(file) <= (plan.variant.max_size or len(file)) else None


def _satisfies(source: Source, plan: VariantPlan, image: Image.Image) -> bool:
    return (
        source.opened.file is source.data
        and plan.format == source.opened.format
        and _has_frames(source, plan)
        and plan.is_whole(source.size)
        and _has_background(source, plan, image)
        and source.metadata.orientation == 1
        and image.mode != "CMYK"
        and colour.is_srgb(source.metadata.profile)
    )


def _has_frames(source: Source, plan: VariantPlan) -> bool:
    """Return whether the source has no further frames, pages or pictures than the result."""
    image, form = source.opened.image, source.opened.format
    return (
        source.frames_for(plan.variant) == source.opened.frames
        and image.format != "MPO"
        and not getattr(image, "default_image", False)
        and (form != "tiff" or bare.has_one_page(source.data))
    )


def _has_background(source: Source, plan: VariantPlan, image: Image.Image) -> bool:
    """Return whether nothing shows through; of an animation only the first frame is decoded yet."""
    return plan.variant.background is None or (source.opened.frames == 1 and not has_alpha(image))
