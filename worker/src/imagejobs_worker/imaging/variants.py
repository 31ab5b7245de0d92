"""From a decoded picture and a plan to one result: the steps, then the encoder.

Both run again with fewer pixels if the result is larger than `max_size` and pixels may be given up for it.
"""

from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import MaxSizeBy
from imagejobs_worker.imaging import animate, encode, fit_pixels, original
from imagejobs_worker.imaging.codecs.frames import decode_frames
from imagejobs_worker.imaging.colours.placeholder import SIDE, placeholder
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.picture import Picture
from imagejobs_worker.imaging.source import Source
from imagejobs_worker.imaging.steps import colour, compose, orient, resize
from imagejobs_worker.imaging.variant_plan import Step, VariantPlan

STEPS: tuple[Step, ...] = (resize.resize, colour.to_srgb, orient.orient, compose.compose)


def render_variant(source: Source, plan: VariantPlan, image: Image.Image, deadline: Deadline) -> Picture:
    """Make one result, with its placeholder if the variant asks for one.

    Raises:
        ImageFailed: `max_size_unreachable`, `processing_timeout`; for animations also decoding's errors.
    """
    picture = _render(source, plan, image, deadline)
    if not plan.variant.placeholder:
        return picture
    # The same steps once more, small: that takes a few milliseconds, and holds for animations and originals.
    small = plan.scale(min(1.0, SIDE / max(plan.canvas)))
    return replace(picture, placeholder=placeholder(_apply_steps(image, small, deadline)))


def _render(source: Source, plan: VariantPlan, image: Image.Image, deadline: Deadline) -> Picture:
    """Make one result, or return the source's own picture if `only_if_smaller` allows it.

    The source's own is returned if its file is not larger than the result, or if the result lost pixels, or
    failed, for `max_size`.

    Raises:
        ImageFailed: `max_size_unreachable`, `processing_timeout`; for animations also decoding's errors.
    """
    try:
        data, made = _encode_within_max_size(source, plan, image, deadline)
    except ImageFailed as ex:
        kept = _find_original(source, plan, image) if ex.code is Code.MAX_SIZE_UNREACHABLE else None
        if kept is None:
            raise
        return _keep_original(source, plan, kept)
    kept = _find_original(source, plan, image)
    is_shrunk = made.canvas != plan.canvas
    if kept is not None and (is_shrunk or len(data) >= len(kept)):
        return _keep_original(source, plan, kept)
    return Picture(plan.variant.name, data, *made.canvas, made.format, kept_original=False)


def _find_original(source: Source, plan: VariantPlan, image: Image.Image) -> bytes | None:
    return original.find(source, plan, image) if plan.variant.only_if_smaller else None


def _keep_original(source: Source, plan: VariantPlan, file: bytes) -> Picture:
    """Return the original as a result; as `kept_original` only if it is the source's file, byte for byte."""
    same = file == source.data
    return Picture(
        plan.variant.name, source.data if same else file, *source.size, plan.format, kept_original=same
    )


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
