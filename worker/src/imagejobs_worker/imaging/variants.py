"""From a decoded picture and a plan to one result: the steps, then the encoder.

Both run again with fewer pixels if the result is larger than `max_size` and pixels may be given up for it.
"""

from collections.abc import Iterator

from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import MaxSizeBy
from imagejobs_worker.imaging import animate, encode, fit_pixels, original
from imagejobs_worker.imaging.codecs.frames import decode_frames
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.picture import Picture
from imagejobs_worker.imaging.source import Source
from imagejobs_worker.imaging.steps import colour, compose, orient, resize
from imagejobs_worker.imaging.variant_plan import Step, VariantPlan

STEPS: tuple[Step, ...] = (resize.resize, colour.to_srgb, orient.orient, compose.compose)


def render_variant(source: Source, plan: VariantPlan, image: Image.Image, deadline: Deadline) -> Picture:
    """Make one result, or return the source if `only_if_smaller` allows it.

    The source is returned if it has no more bytes, or if the result had to have fewer pixels for `max_size`.

    Raises:
        ImageFailed: `max_size_unreachable`, `processing_timeout`; for animations also decoding's errors.
    """
    try:
        data, made = _encode_within_max_size(source, plan, image, deadline)
    except ImageFailed as ex:
        if ex.code is not Code.MAX_SIZE_UNREACHABLE or not _may_keep_source(source, plan, image):
            raise
        return _keep_source(source, plan)
    is_shrunk = made.canvas != plan.canvas
    if (is_shrunk or len(data) >= len(source.data)) and _may_keep_source(source, plan, image):
        return _keep_source(source, plan)
    return Picture(plan.variant.name, data, *made.canvas, made.format, kept_original=False)


def _may_keep_source(source: Source, plan: VariantPlan, image: Image.Image) -> bool:
    return plan.variant.only_if_smaller and original.satisfies(source, plan, image)


def _keep_source(source: Source, plan: VariantPlan) -> Picture:
    return Picture(plan.variant.name, source.data, *source.size, plan.format, kept_original=True)


def _encode_within_max_size(
    source: Source, plan: VariantPlan, image: Image.Image, deadline: Deadline
) -> tuple[bytes, VariantPlan]:
    """Return the file and the plan that it was made by."""
    max_bytes = plan.variant.max_size
    if max_bytes is None or plan.variant.max_size_by is not MaxSizeBy.SCALE:
        return _encode_variant(source, plan, image, deadline), plan
    data, scale = fit_pixels.fit(
        lambda scale: _encode_variant(source, plan.scale(scale), image, deadline), max_bytes
    )
    return data, plan.scale(scale)


def _encode_variant(source: Source, plan: VariantPlan, image: Image.Image, deadline: Deadline) -> bytes:
    count = source.frames_for(plan.variant)
    if count == 1:
        return encode.encode(_apply_steps(image, plan, deadline), plan, deadline)

    def frames() -> Iterator[tuple[Image.Image, int]]:
        for frame, milliseconds in decode_frames(source.opened.file, source.opened.format, count):
            yield _apply_steps(frame, plan, deadline), milliseconds

    return animate.encode_animation(frames, count, source.loop_count, plan, deadline)


def _apply_steps(image: Image.Image, plan: VariantPlan, deadline: Deadline) -> Image.Image:
    for step in STEPS:
        deadline.check()
        image = step(image, plan)
    return image
