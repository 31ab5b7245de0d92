"""Makes a file small enough by fewer pixels: each try is scaled by what the last one was too large, as bytes grow with the area."""

import math
from collections.abc import Callable

from imagejobs_worker.imaging.encode import MaxSizeExceeded

_MAX_TRIES = 8
_SAFETY_FACTOR = 0.97
"""A small picture has more detail in a pixel than a large one, so that each try would end a little above."""


def fit(make: Callable[[float], bytes], max_bytes: int) -> tuple[bytes, float]:
    """Return the first file of at most `most` bytes, and the scale at which it was made.

    Args:
        make: Makes the file at a scale of at most 1.
        most: Bytes.

    Raises:
        ImageFailed: `max_size_unreachable`, after eight tries, or what `make` raises.
    """
    scale = 1.0
    for left in reversed(range(_MAX_TRIES)):
        try:
            return make(scale), scale
        except MaxSizeExceeded as ex:
            if not left:
                raise
            scale *= min(math.sqrt(max_bytes / ex.file_bytes) * _SAFETY_FACTOR, _SAFETY_FACTOR)
    raise AssertionError("the last try returns or raises")
