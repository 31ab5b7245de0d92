"""Writes pictures as files: at the requested quality, or at the best quality whose file is small enough."""

import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from PIL import Image, ImageFile

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import DEFAULT_QUALITY, LOSSY, Format, MaxSizeBy
from imagejobs_worker.imaging import fit_bytes
from imagejobs_worker.imaging.codecs import tiff_exif
from imagejobs_worker.imaging.codecs.parameters import quality_parameters, save_parameters
from imagejobs_worker.imaging.colours import few
from imagejobs_worker.imaging.colours.palette import reduce_colours, reduce_for_gif
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.modes import is_transparent
from imagejobs_worker.imaging.variant_plan import VariantPlan

_DEFAULT_QUALITIES = {Format.AVIF: 55}
"""AVIF's scale differs: its 80 is larger than JPEG's, its 55 looks alike at about half the bytes."""

_REREAD_SOURCE = frozenset({Format.AVIF, Format.TIFF})
"""Formats whose encoders in Pillow read the source file again, so they get a copy of the picture: AVIF's
walks through all frames, to see whether they are grey, even for a still; TIFF's copies the tags, asked or
not, and fails at those that it cannot write.
"""


class MaxSizeExceeded(ImageFailed):
    """Raised when a file is larger than `max_size`.

    If `max_size_by` allows it, another try with fewer colours or pixels follows.

    Attributes:
        file_bytes: Length of the file that is too large.
    """

    def __init__(self, file_bytes: int, message: str) -> None:
        super().__init__(message, code=Code.MAX_SIZE_UNREACHABLE)
        self.file_bytes = file_bytes


def encode(image: Image.Image, plan: VariantPlan, deadline: Deadline) -> bytes:
    """Return the file of a still picture.

    Raises:
        ImageFailed: `max_size_unreachable`, `processing_timeout`.
    """
    if plan.few_colours and _can_have_few_colours(image, plan):
        image = few.reduce(image, plan.few_colours)
    options = save_parameters(image, plan)
    if plan.format is Format.GIF:
        image = reduce_for_gif(image, is_transparent(image), plan)
    if plan.format in _REREAD_SOURCE and isinstance(image, ImageFile.ImageFile):
        image = image.copy()
    try:
        return encode_at_quality(lambda quality: _write(image, plan, options, quality), plan, deadline)
    except MaxSizeExceeded:
        if plan.variant.max_size_by is not MaxSizeBy.PALETTE or plan.format is not Format.PNG:
            raise
    return _encode_with_fewer_colours(image, plan, options, deadline)


def _can_have_few_colours(image: Image.Image, plan: VariantPlan) -> bool:
    """Return whether the result stores few colours if the source does; a TIFF of few has no alpha."""
    return plan.format is Format.PNG or (plan.format is Format.TIFF and not is_transparent(image))


def _encode_with_fewer_colours(
    image: Image.Image, plan: VariantPlan, options: Mapping[str, Any], deadline: Deadline
) -> bytes:
    max_bytes = plan.variant.max_size or 0

    def write(colours: int) -> bytes:
        deadline.check()
        few_colours = reduce_colours(most if colours < few.MAX_COLOURS else image, colours)
        return _write(few_colours, plan, {**options, **packed}, 0)

    packed = {"compress_type": zlib.Z_DEFAULT_STRATEGY, "compress_level": zlib.Z_BEST_COMPRESSION}
    # Fewer colours are chosen among the 256: that takes a tenth of the time.
    most = reduce_colours(image, few.MAX_COLOURS).convert("RGBA" if is_transparent(image) else "RGB")
    data, smallest = fit_bytes.fit_colours(write, max_bytes, few.MAX_COLOURS)
    if data:
        return data
    raise MaxSizeExceeded(smallest, f"has {smallest} bytes with 2 colours; max_size is {max_bytes}")


def encode_at_quality(write: Callable[[int], bytes], plan: VariantPlan, deadline: Deadline) -> bytes:
    """Return the file at the variant's quality, or at the best quality that fits its `max_size`.

    Args:
        write: Makes the file of a quality.
        plan: Names format, quality and `max_size`.
        deadline: Checked before each call of `write`.

    Raises:
        ImageFailed: `max_size_unreachable`, `processing_timeout`.
    """

    def in_time(quality: int) -> bytes:
        deadline.check()
        return write(quality)

    max_bytes, quality = plan.variant.max_size, plan.variant.quality
    if (
        max_bytes is not None
        and plan.format in LOSSY
        and not plan.is_lossless
        and plan.variant.max_size_by is not MaxSizeBy.SCALE
    ):
        return fit_bytes.fit(in_time, max_bytes, plan.format, quality or fit_bytes.MAX_QUALITY)
    data = in_time(quality or _DEFAULT_QUALITIES.get(plan.format, DEFAULT_QUALITY))
    if max_bytes is not None and len(data) > max_bytes:
        raise MaxSizeExceeded(len(data), f"has {len(data)} bytes; max_size is {max_bytes}{_advice(plan)}")
    return data


def _advice(plan: VariantPlan) -> str:
    """Say what can be given up for `max_size` where there is no quality."""
    if plan.variant.max_size_by is MaxSizeBy.SCALE:
        return ""
    ways = "palette (stills) or scale" if plan.format is Format.PNG else "scale"
    kind = f"a lossless {plan.format}" if plan.is_lossless else plan.format
    return f", and {kind} has no quality to give up: see max_size_by={ways}"


def write_animation(
    animated: Image.Image, plan: VariantPlan, timing: Mapping[str, Any], quality: int
) -> bytes:
    """Return the file of an animation; the encoder takes frames from `animated` by `seek`."""
    return _write(animated, plan, {**save_parameters(animated, plan), "save_all": True, **timing}, quality)


def _write(image: Image.Image, plan: VariantPlan, options: Mapping[str, Any], quality: int) -> bytes:
    out = BytesIO()
    aim = quality_parameters(plan, quality)
    image.save(out, plan.format.name, **options, **aim)
    if plan.format is Format.TIFF and plan.metadata.exif:
        return tiff_exif.add_exif(out.getvalue(), plan.metadata.exif)
    return out.getvalue()
