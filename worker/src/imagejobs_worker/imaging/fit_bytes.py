"""Finds the highest quality whose file is no larger than asked for, in two or three encodes instead of the seven of a bisection.

The logarithm of the size is close to linear in the logarithm of the quantiser's scale for JPEG and WebP, and
in the quality itself for AVIF (fitted to photos of 0.3 to 6 megapixels). A prediction picks the next quality,
brackets keep it honest where the prediction is wrong.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Format

MAX_QUALITY = 95
"""The highest quality that is tried unless a higher one was asked for; above it files only grow."""
_START = 60
_PREDICTIONS = 3
"""After so many tries that were not close enough, halving what is left is better."""


class Model(NamedTuple):
    """How a format's size follows its quality: log(bytes) grows by `slope` per unit of `scale(quality)`.

    Attributes:
        close: A file that uses this share of the bytes is taken without another try; lower where a try is
            dear.
    """

    scale: Callable[[int], float]
    slope: float
    close: float


def _quantiser(quality: int) -> float:
    """Return minus the logarithm of libjpeg's scale of its quantiser tables (jcparam.c)."""
    return -math.log(5000 / quality if quality < 50 else max(200 - 2 * quality, 1))


_MODELS = {
    Format.JPEG: Model(_quantiser, 0.62, 0.975),
    Format.WEBP: Model(_quantiser, 0.62, 0.95),
    Format.AVIF: Model(float, 0.04, 0.95),
}


def fit(encode: Callable[[int], bytes], most: int, form: Format, ceiling: int = MAX_QUALITY) -> bytes:
    """Return the file of the highest quality that has at most `most` bytes.

    Args:
        encode: Makes the file of a quality.
        most: Bytes.
        form: A lossy format.
        ceiling: The highest quality to try.

    Raises:
        ImageFailed: `max_size_unreachable`, if quality 1 is too large.
    """
    model = _MODELS[form]
    low, high, best = 1, ceiling, b""
    sizes: dict[int, int] = {}
    quality = min(_START, ceiling)
    while True:
        data = encode(quality)
        sizes[quality] = len(data)
        if len(data) <= most:
            low, best = quality + 1, data
        else:
            high = quality - 1
        if low > high or model.close * most <= len(data) <= most:
            break
        quality = _next(model, sizes, most, low, high)
    if not best:
        raise ImageFailed(
            f"has {min(sizes.values())} bytes at the lowest quality; max_size is {most}",
            code=Code.MAX_SIZE_UNREACHABLE,
        )
    return best


def _next(model: Model, sizes: dict[int, int], most: int, low: int, high: int) -> int:
    """Return the highest quality within the bracket that is predicted to fit; its middle once predictions have failed."""
    if len(sizes) > _PREDICTIONS:
        return (low + high) // 2
    nearest = sorted(sizes, key=lambda quality: abs(math.log(sizes[quality] / most)))[:2]
    slope = _slope(model, nearest, sizes)
    known = nearest[0]
    fitting = (
        q
        for q in range(high, low, -1)
        if math.log(sizes[known]) + slope * (model.scale(q) - model.scale(known)) <= math.log(most)
    )
    return next(fitting, low)


def _slope(model: Model, qualities: list[int], sizes: dict[int, int]) -> float:
    """Return the slope through two known sizes, or the model's while there is one, or they contradict it."""
    if len(qualities) < 2:
        return model.slope
    low, high = sorted(qualities)
    rise, run = math.log(sizes[high] / sizes[low]), model.scale(high) - model.scale(low)
    return rise / run if rise > 0 and run > 0 else model.slope
