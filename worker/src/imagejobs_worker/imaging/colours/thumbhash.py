"""ThumbHash: a picture in some 25 bytes, by which a page shows colours and shapes until the picture comes.

Written by the description of its author (evanw.github.io/thumbhash); the same pixels give the same bytes as
his JavaScript. The Python packages for it were last touched in 2023, or are a library of Rust that a caged
child would have to load. Rows and columns are summed apart, so that Python takes 4 ms for 64 x 48 pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from PIL import Image

MAX_SIDE = 100
"""Pixels of a side; a larger picture has no hash."""

Channel = list[list[float]]
"""Rows of values of a picture."""


@dataclass(frozen=True, slots=True)
class _Waves:
    """A channel as cosine waves.

    Attributes:
        mean: The constant one.
        scale: The largest of the others, without its sign.
        parts: The others, from 0 to 1: 0.5 is none, 1 is `scale`.
    """

    mean: float
    scale: float
    parts: tuple[float, ...]


def thumbhash(image: Image.Image) -> bytes:
    """Return the hash of a picture of mode RGBA.

    Raises:
        ValueError: A side has more than `MAX_SIDE` pixels.
    """
    width, height = image.size
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"{width} x {height} pixels are more than {MAX_SIDE} of a side")
    luminance, yellow_blue, red_green, alpha = _channels(image)
    has_alpha = sum(map(sum, alpha)) < width * height
    most = 5 if has_alpha else 7
    across = max(1, _round(most * width / max(width, height)))
    down = max(1, _round(most * height / max(width, height)))
    light = _waves(luminance, max(3, across), max(3, down))
    blue, red = _waves(yellow_blue, 3, 3), _waves(red_green, 3, 3)
    is_landscape = width > height
    head = (
        _round(63 * light.mean)
        | _round(31.5 + 31.5 * blue.mean) << 6
        | _round(31.5 + 31.5 * red.mean) << 12
        | _round(31 * light.scale) << 18
        | has_alpha << 23
        | (down if is_landscape else across) << 24
        | _round(63 * blue.scale) << 27
        | _round(63 * red.scale) << 33
        | is_landscape << 39
    )
    data, parts = head.to_bytes(5, "little"), [*light.parts, *blue.parts, *red.parts]
    if has_alpha:
        seen = _waves(alpha, 5, 5)
        data += bytes([_round(15 * seen.mean) | _round(15 * seen.scale) << 4])
        parts += seen.parts
    return data + _nibbles([_round(15 * each) for each in parts])


def _channels(image: Image.Image) -> tuple[Channel, Channel, Channel, Channel]:
    """Return luminance, yellow against blue, red against green, and alpha; over the mean colour."""
    width, data = image.width, image.tobytes()
    alphas = [each / 255 for each in data[3::4]]
    total = sum(alphas)
    colours = []
    for band in (data[0::4], data[1::4], data[2::4]):
        shown = [alpha / 255 * value for alpha, value in zip(alphas, band, strict=True)]
        mean = sum(shown) / total if total else 0.0
        colours.append([mean * (1 - alpha) + value for alpha, value in zip(alphas, shown, strict=True)])
    pixels = list(zip(*colours, strict=True))

    def rows(values: Sequence[float]) -> Channel:
        return [list(values[start : start + width]) for start in range(0, len(values), width)]

    return (
        rows([(red + green + blue) / 3 for red, green, blue in pixels]),
        rows([(red + green) / 2 - blue for red, green, blue in pixels]),
        rows([red - green for red, green, _ in pixels]),
        rows(alphas),
    )


def _waves(channel: Channel, across: int, down: int) -> _Waves:
    height, width = len(channel), len(channel[0])
    cosines_x = [_cosines(width, number) for number in range(across)]
    sums = [[sum(map(mul, row, wave)) for row in channel] for wave in cosines_x]
    found = []
    for number_y in range(down):
        wave = _cosines(height, number_y)
        # The triangle of low waves.
        for number_x in range(math.ceil(across * (down - number_y) / down)):
            found.append(sum(map(mul, sums[number_x], wave)) / (width * height))
    mean, *others = found
    scale = max(map(abs, others))
    parts = tuple(0.5 + 0.5 / scale * each for each in others) if scale else tuple(others)
    return _Waves(mean, scale, parts)


def _cosines(length: int, number: int) -> list[float]:
    return [math.cos(math.pi / length * number * (place + 0.5)) for place in range(length)]


def _nibbles(values: list[int]) -> bytes:
    """Return numbers below 16 as bytes of two, the first one low."""
    padded = [*values, 0] if len(values) % 2 else values
    return bytes(low | high << 4 for low, high in zip(padded[::2], padded[1::2], strict=True))


def _round(value: float) -> int:
    return math.floor(value + 0.5)
