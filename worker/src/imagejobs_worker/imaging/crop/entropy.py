"""Finds the most detailed part of a picture: the window whose greys have the highest entropy.

The entropy is Shannon's, over 32 levels.
"""

import math
from operator import add, sub

from PIL import Image

from imagejobs_worker.imaging.sizes import Anchor

_MAX_STRIPES = 64
"""Stripes that a picture is divided into; a window begins at the edge of one."""
_LEVELS = 32
_MIN_GAIN_BITS = 0.02
"""Entropy that a position must have more than one nearer the middle to be preferred."""


def find_anchor(image: Image.Image, window: tuple[float, float]) -> Anchor:
    """Return the best position of a window, from 0 (left, top) to 1 (right, bottom).

    Args:
        image: In greys.
        window: Width and height of the window as shares of the picture's; for `cover` one of them is 1.
    """
    return _find_position(image, window[0]), _find_position(
        image.transpose(Image.Transpose.TRANSPOSE), window[1]
    )


def _find_position(image: Image.Image, share: float) -> float:
    """Return the best position, from left to right, of a window that is as high as the picture."""
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
    """Return the entropy of each `wide` neighbouring stripes, in bits."""
    window = [sum(each) for each in zip(*counts[:wide], strict=True)]
    scores = [_entropy(window)]
    for come, gone in zip(counts[wide:], counts, strict=False):
        window = list(map(sub, map(add, window, come), gone))
        scores.append(_entropy(window))
    return scores


def _entropy(counts: list[int]) -> float:
    total = sum(counts)
    return -sum(count / total * math.log2(count / total) for count in counts if count)
