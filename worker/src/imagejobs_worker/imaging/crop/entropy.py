"""Finds the part of a picture where most is to be seen: the window whose greys have the highest entropy (Shannon's, over 32 levels)."""

import math
from operator import add, sub

from PIL import Image

from imagejobs_worker.imaging.sizes import Anchor

_MAX_STRIPES = 64
"""Places at which a window may stand, about."""
_LEVELS = 32
_MIN_GAIN_BITS = 0.02
"""Bits by which a place must be better to be preferred to one nearer the middle."""


def find_anchor(image: Image.Image, window: tuple[float, float]) -> Anchor:
    """Return where a window stands best, from 0 (left, top) to 1 (right, bottom).

    Args:
        image: In greys.
        window: Its width and height as shares of the picture's; a crop that covers has one of them whole.
    """
    return _find_position(image, window[0]), _find_position(
        image.transpose(Image.Transpose.TRANSPOSE), window[1]
    )


def _find_position(image: Image.Image, share: float) -> float:
    """Return where a window that is as high as the picture stands best on its way from left to right."""
    stripes = min(_MAX_STRIPES, image.width)
    wide = max(1, round(stripes * share))
    if wide >= stripes:
        return 0.5
    counts = [
        _count_levels(image, n * image.width // stripes, (n + 1) * image.width // stripes)
        for n in range(stripes)
    ]
    scores = _window_entropies(counts, wide)
    best = max(scores)
    good = [n for n, score in enumerate(scores) if score > best - _MIN_GAIN_BITS]
    last = len(scores) - 1
    return min(good, key=lambda n: abs(n - last / 2)) / last


def _count_levels(image: Image.Image, left: int, right: int) -> list[int]:
    histogram = image.crop((left, 0, right, image.height)).histogram()
    size = len(histogram) // _LEVELS
    return [sum(histogram[n : n + size]) for n in range(0, len(histogram), size)]


def _window_entropies(counts: list[list[int]], wide: int) -> list[float]:
    """Return the entropy of every row of `wide` stripes, in bits."""
    window = [sum(each) for each in zip(*counts[:wide], strict=True)]
    scores = [_entropy(window)]
    for come, gone in zip(counts[wide:], counts, strict=False):
        window = list(map(sub, map(add, window, come), gone))
        scores.append(_entropy(window))
    return scores


def _entropy(counts: list[int]) -> float:
    total = sum(counts)
    return -sum(count / total * math.log2(count / total) for count in counts if count)
