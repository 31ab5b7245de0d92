"""Decodes PNGs whose transparent colour (tRNS, w3.org/TR/png-3, 11.3.1.1) Pillow compares with other values.

The chunk counts in the file's depth, but Pillow's pixels of 2 and 4 bits are scaled to 8, and those of 16
bits are cut to 8. Colours of 1 and 8 bits, and palettes, are left to Pillow.
"""

from io import BytesIO

from PIL import Image, ImageChops, ImageFile

from imagejobs_worker.imaging import modes

_DEPTH_OFFSET = 24
"""Offset of the bit depth in a PNG."""
_SCALED_DEPTHS = frozenset({2, 4})
_DEEP = 16


def load_transparent_colour(image: ImageFile.ImageFile, source: bytes) -> None:
    """Make an opened PNG show its transparent colour; a picture of 16 bits is decoded for it.

    Args:
        image: Opened by Pillow and found within the limits; pictures of other formats are left alone.
        source: The file.
    """
    key = image.info.get("transparency")
    if image.format != "PNG" or key is None or image.mode not in ("L", "I;16", "RGB"):
        return
    depth = source[_DEPTH_OFFSET]
    if depth in _SCALED_DEPTHS:
        highest = 2**depth - 1
        image.info["transparency"] = (key & highest) * (255 // highest)
    elif depth == _DEEP:
        image.load()
        _replace(image, _deep_grey(image, key) if image.mode == "I;16" else _deep_colours(image, source, key))


def _deep_grey(image: Image.Image, key: int) -> Image.Image:
    low, high = Image.frombytes("LA", image.size, image.tobytes("raw", "I;16")).split()
    alpha = ImageChops.lighter(_differs(low, key & 255), _differs(high, key >> 8))
    return Image.merge("LA", (modes.normalise(image), alpha))


def _deep_colours(image: Image.Image, source: bytes, key: tuple[int, int, int]) -> Image.Image:
    """Return the picture with alpha.

    Pillow keeps the first byte of each value. A second decoding gets the other one: if the values are taken
    for little endian, that is their high byte.
    """
    again = Image.open(BytesIO(source), formats=["PNG"])
    again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
    again.load()
    alpha = Image.new("L", image.size)
    for band, value in enumerate(key):
        for bytes_of, wanted in ((image, value >> 8), (again, value & 255)):
            alpha = ImageChops.lighter(alpha, _differs(bytes_of.getchannel(band), wanted))
    return Image.merge("RGBA", (*image.split(), alpha))


def _differs(band: Image.Image, value: int) -> Image.Image:
    """Return 0 where the band has the value, 255 elsewhere."""
    table = [255] * 256
    table[value] = 0
    return band.point(table)


def _replace(image: ImageFile.ImageFile, picture: Image.Image) -> None:
    image.im, image._mode = picture.im, picture.mode
    del image.info["transparency"]
