"""Sends pictures of every kind through all paths of the pipeline, with codecs preloaded as in a zygote.

No further module may be loaded then.
"""

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Fit, Format, Gravity, MaxSizeBy, Variant
from imagejobs_worker.child import needed_codecs, preload
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.formats import SOURCE_FORMATS
from imagejobs_worker.imaging.pipeline import render

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F")
VARIANTS = (
    Variant(width=23, keep_metadata=True),
    Variant(width=23, height=23, fit=Fit.COVER, gravity=Gravity.ENTROPY),
    Variant(width=40, height=30, fit=Fit.CONTAIN, background="ff0000"),
    Variant(width=40, height=30, fit=Fit.CONTAIN),
    Variant(width=90, enlarge=True, only_if_smaller=True),
    Variant(width=33, max_size=900, max_size_by=MaxSizeBy.SCALE),
    Variant(width=33, format=Format.PNG, max_size=900, max_size_by=MaxSizeBy.PALETTE),
    *(Variant(width=33, format=form, max_size=900) for form in (Format.JPEG, Format.WEBP, Format.AVIF)),
    *(Variant(width=23, format=form) for form in Format),
)


def write(folder: str) -> None:
    """Write the pictures; call it in a process of its own, because it loads all modules that they need."""
    for n, source in enumerate(_sources()):
        Path(folder, str(n)).write_bytes(source)


def modules_loaded_late(folder: str) -> list[str]:
    """Return the modules that the pictures load after all codecs were preloaded."""
    for skill in needed_codecs.FORMATS:
        preload.load(skill)
    before = set(sys.modules)
    for source in (file.read_bytes() for file in Path(folder).iterdir()):
        for variant in VARIANTS:
            _try(source, variant)
            _try(source[: len(source) * 2 // 3], variant)
    return sorted(set(sys.modules) - before)


def _sources():
    """Yield files of every format in each of its modes, with EXIF and a profile, still and animated."""
    from support.images import pictures

    photo = pictures.photo(61, 43)
    profile, exif = pictures.p3_profile(), Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    for mode in MODES:
        image = (
            photo.convert("L").convert(mode)
            if mode in ("LA", "PA", "I;16", "I", "F")
            else photo.convert(mode)
        )
        for form in SOURCE_FORMATS:
            if data := _saved(image, form, icc_profile=profile, exif=exif.tobytes(), xmp=b"<x:xmpmeta/>"):
                yield data
    yield _saved(photo, "jpeg", progressive=True, comment=b"said")
    yield _saved(photo, "MPO", save_all=True, append_images=[photo])
    for compression in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits", "group4"):
        yield _saved(
            photo.convert("1") if compression == "group4" else photo, "tiff", compression=compression
        )
    for form in ("gif", "png", "webp", "avif"):
        frames = [
            each.convert("RGBA")
            for each in (photo, photo.transpose(Image.Transpose.FLIP_TOP_BOTTOM), photo.convert("L"))
        ]
        yield _saved(frames[0], form, save_all=True, append_images=frames[1:], duration=40, loop=0)


def _saved(image, form, **how):
    out = BytesIO()
    try:
        image.save(out, SOURCE_FORMATS.get(form, form), **how)
    except (OSError, KeyError, ValueError):  # the format has no such mode
        return b""
    return out.getvalue()


def _try(source, variant):
    try:
        render(source, [variant], Limits(), Deadline.after(60))
    except ImageFailed:
        return
