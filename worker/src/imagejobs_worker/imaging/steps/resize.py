"""Scales a part of a picture with Lanczos-3; colours are weighted by alpha, so transparent edges do not ring.

`cykooz_resizer` does it with SIMD, 4 to 8 times as fast, to within a few levels of Pillow's own; it is
optional and exists for x86-64 glibc only.
"""

from collections.abc import Callable
from functools import cache

from PIL import Image

from imagejobs_worker.imaging.sizes import Box, Size
from imagejobs_worker.imaging.variant_plan import VariantPlan

Scale = Callable[[Image.Image, Size, Box], Image.Image]

_SIMD_MODES = frozenset({"RGB", "RGBA", "CMYK", "L"})
_REDUCING_GAP = 3.0
"""Pillow may first shrink by whole factors down to 3 times the result; the difference is not visible
(Pillow's handbook).
"""


def resize(image: Image.Image, plan: VariantPlan) -> Image.Image:
    """Scale the plan's box of the picture to the plan's size."""
    if plan.size == image.size and plan.box == (0.0, 0.0, *image.size):
        return image
    box = _clamp(plan.box, image.size)
    scale = simd_resizer() if image.mode in _SIMD_MODES else None
    return (scale or resize_with_pillow)(image, plan.size, box)


def _clamp(box: Box, size: Size) -> Box:
    """Clip a box that rounding moved outside of the picture; both resizers refuse such a box."""
    return max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(size[0])), min(box[3], float(size[1]))


def resize_with_pillow(image: Image.Image, size: Size, box: Box) -> Image.Image:
    """Scale with Pillow's own resizer."""
    return image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=_REDUCING_GAP)


@cache
def simd_resizer() -> Scale | None:
    """Return the SIMD resizer, or None where it is not installed."""
    try:
        from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
    except ImportError:
        return None
    resizer, lanczos = Resizer(), ResizeAlg.convolution(FilterType.lanczos3)

    def scale(image: Image.Image, size: Size, box: Box) -> Image.Image:
        result = Image.new(image.mode, size)
        crop = CropBox(box[0], box[1], box[2] - box[0], box[3] - box[1])
        resizer.resize_pil(image, result, ResizeOptions(resize_alg=lanczos, crop_box=crop))
        return result

    return scale
