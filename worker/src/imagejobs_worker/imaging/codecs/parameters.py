"""Parameters of Pillow's encoders for each format, and the metadata that each can carry.

The quality is chosen in `encode`.
"""

from io import BytesIO
from typing import Any

from PIL import Image, PngImagePlugin, TiffImagePlugin

from imagejobs_contract.model.options import FULL_SUBSAMPLING_QUALITY, LOSSY, ChromaSubsampling, Format
from imagejobs_worker.imaging.metadata_blocks import iptc
from imagejobs_worker.imaging.variant_plan import VariantPlan

Z_RLE = 3
"""zlib's strategy of that name (zlib.h): finds runs of one byte only."""
_MIN_PIXELS_TO_COMPARE = 64_000
"""A PNG of fewer pixels is written in a few milliseconds with either strategy."""
_SLICES = 16
"""Two strategies for a PNG are compared on one slice of the picture: a sixteenth of it."""
_LOSSLESS: dict[Format, dict[str, Any]] = {
    Format.WEBP: {"lossless": True, "quality": 80},
    Format.AVIF: {"quality": 100, "subsampling": "4:4:4"},
}
"""For WebP the quality is the effort. Pillow writes AVIF in YCbCr only, which rounds by up to 3 of 255."""
_MAX_COMPRESSION = 9
"""For palettes: 3 % smaller than the default, and their pixels are few bytes."""
_XMP_TAG, _IPTC_TAG = 700, 33_723
_HORIZONTAL_DIFFERENCING = 2
"""TIFF's predictor; it halves a photo."""


def save_parameters(image: Image.Image, plan: VariantPlan) -> dict[str, Any]:
    """Return the keyword arguments of `Image.save` for this picture."""
    match plan.format:
        case Format.JPEG:
            options: dict[str, Any] = {
                "optimize": True,
                **_exif(plan),
                **_xmp(plan),
                **_iptc_segment(plan),
                **_dpi(plan),
            }
        case Format.PNG:
            options = {**_choose_compression(image), **_exif(plan), **_itxt(plan), **_dpi(plan)}
        case Format.WEBP:
            options = {"method": 4, **_exif(plan), **_xmp(plan)}
        case Format.AVIF:
            # One thread: a core has one worker, and the child may not start any.
            options = {"speed": 6, "max_threads": 1, **_exif(plan), **_xmp(plan)}
        case Format.GIF:
            options = {"optimize": False, "interlace": 0}
        case Format.TIFF:
            options = {**_tiff_compression(image, plan), **_dpi(plan)}
    # All colours are sRGB by now; without None some encoders would write the profile of the source.
    return {**options, "icc_profile": None}


def _dpi(plan: VariantPlan) -> dict[str, Any]:
    return {"dpi": plan.metadata.dpi} if plan.metadata.dpi else {}


def _iptc_segment(plan: VariantPlan) -> dict[str, Any]:
    return {"extra": iptc.jpeg_segment(plan.metadata.iptc)} if plan.metadata.iptc else {}


def _tiff_tags(plan: VariantPlan) -> dict[int, Any]:
    """Return XMP and IPTC as tags."""
    blocks = {_XMP_TAG: plan.metadata.xmp, _IPTC_TAG: plan.metadata.iptc}
    return {tag: data for tag, data in blocks.items() if data}


def _tiff_compression(image: Image.Image, plan: VariantPlan) -> dict[str, Any]:
    """Return the best compression for a bitmap, for few colours, and for many."""
    tags = _tiff_tags(plan)
    if image.mode == "1":
        return {"compression": "group4", "tiffinfo": tags}
    if plan.few_colours and image.mode in ("P", "L"):
        return {"compression": "tiff_adobe_deflate", "tiffinfo": tags}
    tags[TiffImagePlugin.PREDICTOR] = _HORIZONTAL_DIFFERENCING
    return {"compression": "tiff_lzw", "tiffinfo": tags}


def quality_parameters(plan: VariantPlan, quality: int) -> dict[str, Any]:
    """Return the keyword arguments of `Image.save` for a quality; none for formats that have none."""
    if plan.format not in LOSSY:
        return {}
    if plan.is_lossless:
        return _LOSSLESS[plan.format]
    wanted = plan.variant.chroma_subsampling
    is_fine = quality >= FULL_SUBSAMPLING_QUALITY and plan.variant.max_size is None
    if plan.format is Format.WEBP:
        return {"quality": quality, "use_sharp_yuv": is_fine}
    if wanted is ChromaSubsampling.AUTO:
        wanted = ChromaSubsampling.FULL if is_fine else ChromaSubsampling.QUARTER
    return {"quality": quality, "subsampling": wanted.value}


def _exif(plan: VariantPlan) -> dict[str, Any]:
    return {"exif": plan.metadata.exif} if plan.metadata.exif else {}


def _xmp(plan: VariantPlan) -> dict[str, Any]:
    return {"xmp": plan.metadata.xmp} if plan.metadata.xmp else {}


def _itxt(plan: VariantPlan) -> dict[str, Any]:
    """Return XMP as PNG stores it: a chunk of text."""
    if not plan.metadata.xmp:
        return {}
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", plan.metadata.xmp.decode("utf-8", "replace"))
    return {"pnginfo": chunks}


def _choose_compression(image: Image.Image) -> dict[str, Any]:
    """Return the compression of a PNG: runs only for photos, which is five times as fast and 1 % larger.

    It would double the size of a drawing, so a slice of the picture decides.
    """
    if image.mode in ("1", "P"):
        return {"compress_level": _MAX_COMPRESSION}
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
