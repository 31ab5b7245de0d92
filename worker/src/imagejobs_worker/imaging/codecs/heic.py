"""Reads HEIC and HEIF by libheif, in its build without encoders.

Pillow knows nothing of them until it was taught, and nobody teaches it unasked: these are large decoders, and
holes were found in them before.
"""

from PIL import Image

from imagejobs_worker.imaging.formats import HEIC, SOURCE_FORMATS


def preload() -> None:
    """Teach Pillow to read it, on one thread; thumbnails, depth maps and other pictures beside the main one are left alone."""
    import pi_heif

    pi_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def is_preloaded() -> bool:
    """Tell whether Pillow was taught."""
    return SOURCE_FORMATS[HEIC] in Image.OPEN
