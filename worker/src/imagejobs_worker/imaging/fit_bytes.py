"""Finds the highest quality that fits a size in two or three encodes instead of a bisection's seven.

The logarithm of the size is close to linear in the logarithm of the quantiser's scale for JPEG and WebP, and
in the quality itself for AVIF (fitted to photos of 0.3 to 6 megapixels). A prediction picks the next quality;
a bracket around the answer corrects wrong predictions.
"""

import math
import sys
from collections.abc import Callable
from typing import NamedTuple

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Format

MAX_QUALITY = 95
"""The highest quality that is tried unless the request names a higher one; above it files only grow."""
_START_QUALITY = 60
_CLOSE_ENOUGH_SHARE = 0.9
_MAX_PREDICTIONS = 3
"""After three tries that were not close enough, halving the rest of the bracket is better."""


class SizeModel(NamedTuple):
    """How a format's size follows its quality: log(bytes) grows by `slope` per unit of `scale(quality)`.

    Attributes:
        scale: Maps a quality to an axis on which log(bytes) is close to linear.
        slope: Fitted to photos; used until two encodes give a slope of their own.
        close_enough_share: A file that uses this share of the bytes is taken without another try; lower where
            a try takes long.
    """

    scale: Callable[[int], float]
    slope: float
    close_enough_share: float


def _log_quantiser_scale(quality: int) -> float:
    """Return minus the logarithm of libjpeg's scale of its quantiser tables (jcparam.c)."""
    return -math.log(5000 / quality if quality < 50 else max(200 - 2 * quality, 1))


_MODELS = {
    Format.JPEG: SizeModel(_log_quantiser_scale, 0.62, 0.975),
    Format.WEBP: SizeModel(_log_quantiser_scale, 0.62, 0.95),
    Format.AVIF: SizeModel(float, 0.04, 0.95),
}


def fit(
    encode: Callable[[int], bytes], max_bytes: int, form: Format, max_quality: int = MAX_QUALITY
) -> bytes:
    """Return the file of the highest quality that has at most `max_bytes`.

    Args:
        encode: Makes the file of a quality.
        max_bytes: Bytes.
        form: A lossy format.
        max_quality: The highest quality to try.

    Raises:
        ImageFailed: `max_size_unreachable`, if quality 1 is too large.
    """
    model = _MODELS[form]
    low, high, best = 1, max_quality, b""
    sizes: dict[int, int] = {}
    quality = min(_START_QUALITY, max_quality)
    while True:
        data = encode(quality)
        sizes[quality] = len(data)
        if len(data) <= max_bytes:
            low, best = quality + 1, data
        else:
            high = quality - 1
        if low > high or model.close_enough_share * max_bytes <= len(data) <= max_bytes:
            break
        quality = _predict_quality(model, sizes, max_bytes, low, high)
    if not best:
        raise ImageFailed(
            f"has {min(sizes.values())} bytes at the lowest quality; max_size is {max_bytes}: "
            "see max_size_by=scale",
            code=Code.MAX_SIZE_UNREACHABLE,
        )
    return best


def _predict_quality(model: SizeModel, sizes: dict[int, int], max_bytes: int, low: int, high: int) -> int:
    """Return the highest quality in the bracket predicted to fit, or its middle if predictions failed."""
    if len(sizes) > _MAX_PREDICTIONS:
        return (low + high) // 2
    nearest = sorted(sizes, key=lambda quality: abs(math.log(sizes[quality] / max_bytes)))[:2]
    slope = _slope(model, nearest, sizes)
    known = nearest[0]
    fitting = (
        q
        for q in range(high, low, -1)
        if math.log(sizes[known]) + slope * (model.scale(q) - model.scale(known)) <= math.log(max_bytes)
    )
    return next(fitting, low)


def _slope(model: SizeModel, qualities: list[int], sizes: dict[int, int]) -> float:
    """Return the slope through two known sizes; the model's if there is one only, or if it falls."""
    if len(qualities) < 2:
        return model.slope
    low, high = sorted(qualities)
    rise, run = math.log(sizes[high] / sizes[low]), model.scale(high) - model.scale(low)
    return rise / run if rise > 0 and run > 0 else model.slope


def fit_colours(encode: Callable[[int], bytes], max_bytes: int, most: int) -> tuple[bytes, int]:
    """Return the file of the most colours that fits, or an empty one; and the least bytes that were seen.

    It halves the bracket of the numbers' logarithms, some eight times, and takes a file that uses nine tenths
    of the bytes.

    Args:
        encode: Makes the file of a number of colours, from 2 on.
        max_bytes: Bytes.
        most: The most colours.
    """
    low, high, colours, best, least = 2, most, most, b"", sys.maxsize
    while low <= high:
        data = encode(colours)
        least = min(least, len(data))
        if len(data) > max_bytes:
            high = colours - 1
        else:
            low, best = colours + 1, data
            if len(data) >= _CLOSE_ENOUGH_SHARE * max_bytes:
                break
        colours = max(low, min(high, math.isqrt(low * high)))
    return best, least
