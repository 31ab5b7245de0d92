"""What a page shows until a picture comes: its ThumbHash and its main colour."""

import binascii

from PIL import Image

from imagejobs_contract.model.placeholder import Placeholder
from imagejobs_worker.imaging.colours.thumbhash import thumbhash

SIDE = 64
"""Pixels of the larger side that are looked at: a ThumbHash holds seven waves of it at most."""
_COLOURS = 8
"""Among so many groups of similar colours the largest one is looked for."""
_MIN_ALPHA = 128


def placeholder(image: Image.Image) -> Placeholder:
    """Return the placeholder of a picture in sRGB, of any mode."""
    small = image.convert("RGBA")
    small.thumbnail((SIDE, SIDE))
    return Placeholder(binascii.b2a_base64(thumbhash(small), newline=False).decode(), _main_colour(small))


def _main_colour(image: Image.Image) -> str:
    """Return the mean of the largest group of similar colours as `#rrggbb`; "" if nothing is opaque."""
    data = image.tobytes()
    shown = [data[at : at + 3] for at in range(0, len(data), 4) if data[at + 3] >= _MIN_ALPHA]
    if not shown:
        return ""
    strip = Image.frombytes("RGB", (len(shown), 1), b"".join(shown))
    groups = strip.quantize(_COLOURS, Image.Quantize.MEDIANCUT).tobytes()
    counts = dict.fromkeys(groups, 0)
    for group in groups:
        counts[group] += 1
    largest = max(counts, key=lambda each: (counts[each], -each))
    chosen = [colour for colour, group in zip(shown, groups, strict=True) if group == largest]
    return "#" + "".join(f"{round(sum(band) / len(chosen)):02x}" for band in zip(*chosen, strict=True))
