"""Converts decoded pictures to one of five modes: L, LA, RGB, RGBA or CMYK, all of 8 bits.

Values of a palette, a bitmap or a transparent colour cannot be interpolated, so this comes before the resize.
"""

from PIL import Image

_NORMAL_MODES = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})
_NORMAL_MODE_OF = {
    "1": "L",
    "P": "RGB",
    "La": "LA",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "HSV": "RGB",
}
_WITH_ALPHA = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}


def normalise(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that can be resized; a transparent colour or palette entry becomes alpha.

    Deep greys (16 and 32 bits, floats) become 8 bits: Pillow holds no deep colours, and browsers show none.
    """
    if image.mode.startswith(("I", "F")):
        return _to_8_bits(image)
    if "transparency" in image.info and image.mode in _WITH_ALPHA:
        return image.convert(_WITH_ALPHA[image.mode])
    return image if image.mode in _NORMAL_MODES else image.convert(_NORMAL_MODE_OF[image.mode])


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 0..65535, or 0..1 for floats, to 0..255; Pillow's own conversion would clip instead."""
    if image.mode == "F":
        scale = 255.0
        image = image.point(lambda value: value * scale + 0.5)
    else:
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5)
    return image.convert("L")


def has_alpha(image: Image.Image) -> bool:
    """Return whether a normalised picture has an alpha channel."""
    return image.mode in ("LA", "RGBA")


def is_transparent(image: Image.Image) -> bool:
    """Return whether any pixel of a normalised picture is not opaque."""
    if not has_alpha(image):
        return False
    lowest, _ = image.getchannel("A").getextrema()
    return isinstance(lowest, (int, float)) and lowest < 255
