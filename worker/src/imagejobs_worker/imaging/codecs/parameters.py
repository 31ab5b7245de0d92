"""How each format is written: what Pillow's encoder is told, and what remains of the metadata.

The quality is `encode`'s business.
"""

from io import BytesIO
from typing import Any

from PIL import Image, PngImagePlugin, TiffImagePlugin

from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging.variant_plan import VariantPlan

Z_RLE = 3
"""zlib's strategy of that name (zlib.h): looks for runs of one byte only."""
_MIN_PIXELS_TO_COMPARE = 64_000
"""Pixels below which a PNG is written in a few milliseconds either way."""
_SLICES = 16
"""The share of a picture on which two ways to write a PNG are compared."""
_HORIZONTAL_DIFFERENCING = 2
"""TIFF's predictor; it halves a photo."""


def save_parameters(image: Image.Image, plan: VariantPlan) -> dict[str, Any]:
    """Return what Pillow's encoder is told for this picture."""
    match plan.format:
        case Format.JPEG:
            how: dict[str, Any] = {"optimize": True, **_exif(plan), **_xmp(plan)}
        case Format.PNG:
            how = {**_choose_compression(image), **_exif(plan), **_itxt(plan)}
        case Format.WEBP:
            how = {"method": 4, **_exif(plan), **_xmp(plan)}
        case Format.AVIF:
            # One thread: a core has one worker, and the child may not start any.
            how = {"speed": 6, "max_threads": 1, **_exif(plan), **_xmp(plan)}
        case Format.GIF:
            how = {"optimize": False, "interlace": 0}
        case Format.TIFF:
            # Pillow cannot write EXIF's own directories by libtiff, which alone compresses.
            packed = {
                "compression": "tiff_lzw",
                "tiffinfo": {TiffImagePlugin.PREDICTOR: _HORIZONTAL_DIFFERENCING},
            }
            how = _exif(plan) or packed
    # All colours are sRGB by now; without this some encoders would write the profile that the picture once
    # had.
    return {**how, "icc_profile": None}


def _exif(plan: VariantPlan) -> dict[str, Any]:
    return {"exif": plan.metadata.exif} if plan.metadata.exif else {}


def _xmp(plan: VariantPlan) -> dict[str, Any]:
    return {"xmp": plan.metadata.xmp} if plan.metadata.xmp else {}


def _itxt(plan: VariantPlan) -> dict[str, Any]:
    """Return XMP as PNG has it: a chunk of text."""
    if not plan.metadata.xmp:
        return {}
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", plan.metadata.xmp.decode("utf-8", "replace"))
    return {"pnginfo": chunks}


def _choose_compression(image: Image.Image) -> dict[str, Any]:
    """Photos are written as runs only: five times as fast, 1 % larger.

    It would double a drawing, so a slice of the picture decides.
    """
    if image.width * image.height < _MIN_PIXELS_TO_COMPARE:
        return {}
    top = image.height // 2
    part = image.crop((0, top, image.width, top + max(1, image.height // _SLICES)))
    runs: dict[str, Any] = {"compress_type": Z_RLE}
    return runs if _png_bytes(part, runs) < 1.05 * _png_bytes(part, {}) else {}


def _png_bytes(image: Image.Image, options: dict[str, Any]) -> int:
    out = BytesIO()
    image.save(out, "PNG", **options)
    return out.tell()
