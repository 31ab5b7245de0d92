"""Makes a file small enough by fewer pixels: each try is scaled by the excess of the last one.

Bytes grow with the area, so a side is scaled by the square root of wanted bytes over actual bytes.
"""

import math
from collections.abc import Callable

from imagejobs_worker.imaging.encode import MaxSizeExceeded

_MAX_TRIES = 8
_SAFETY_FACTOR = 0.97
"""A small picture has more detail in a pixel than a large one; without this a try ends slightly too large."""


def fit(make: Callable[[float], bytes], max_bytes: int) -> tuple[bytes, float]:
    """Return the first file of at most `max_bytes`, and the scale at which it was made.

    Args:
        make: Makes the file at a scale of at most 1.
        max_bytes: Bytes.

    Raises:
        ImageFailed: `max_size_unreachable` after eight tries, or an error that `make` raises.
    """
    scale = 1.0
    for tries_left in reversed(range(_MAX_TRIES)):
        try:
            return make(scale), scale
        except MaxSizeExceeded as ex:
            if not tries_left:
                raise
            scale *= min(math.sqrt(max_bytes / ex.file_bytes) * _SAFETY_FACTOR, _SAFETY_FACTOR)
    raise AssertionError("the last try returns or raises")
