"""Reads HEIC and HEIF by libheif, in its build without encoders.

Pillow reads neither without it, and it is registered only on request: its decoders are large, and security
holes were found in them before.
"""

from PIL import Image

from imagejobs_worker.imaging.formats import HEIC, SOURCE_FORMATS


def preload() -> None:
    """Register the reader with Pillow: one thread, the main picture only, no thumbnails or depth maps."""
    import pi_heif

    pi_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def is_preloaded() -> bool:
    """Return whether the reader is registered."""
    return SOURCE_FORMATS[HEIC] in Image.OPEN
