"""Loads codecs in the zygote by using each once: children are forked with them, and open no files."""

import importlib
import threading
from io import BytesIO

from PIL import Image

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.child import needed_codecs
from imagejobs_worker.imaging.codecs import plain_png
from imagejobs_worker.imaging.crop import faces
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.formats import ANIMATED_FORMATS, SOURCE_FORMATS
from imagejobs_worker.imaging.pipeline import render
from imagejobs_worker.imaging.soundness import strict_jpeg
from imagejobs_worker.imaging.steps import resize

_PLUGINS = {
    "jpeg": ("JpegImagePlugin", "MpoImagePlugin"),  # Pillow opens a JPEG with a second picture as MPO
    "png": ("PngImagePlugin",),
    "gif": ("GifImagePlugin",),
    "webp": ("WebPImagePlugin",),
    "avif": ("AvifImagePlugin",),
    "tiff": ("TiffImagePlugin",),
    "bmp": ("BmpImagePlugin",),
}
"""Named here because Pillow loads some forty plugins to find one for a format that it does not know yet."""
_ORIENTATION = 0x0112
_WIDTH_PIXELS = 5
"""Neither a half nor a quarter of 16 pixels: a JPEG would be decoded at that size and not resized."""
_SECONDS = 60.0


def load(codec: str) -> bool:
    """Load a codec by using it on small pictures, still and animated; return False if it is not installed."""
    if codec == needed_codecs.FACES:
        return _load_faces()
    if codec == needed_codecs.LARGE_PNGS:
        return _load_plain_png()
    if codec == needed_codecs.STRICT_JPEGS:
        return _load_strict_jpeg()
    for name in _PLUGINS[codec]:
        importlib.import_module(f"PIL.{name}")
    resize.simd_resizer()
    result = Format(codec) if codec in set(Format) else None
    for source in (_still_sample(codec), *([_animated_sample(codec)] if result in ANIMATED_FORMATS else [])):
        render(
            source,
            [Variant(width=_WIDTH_PIXELS, format=result, keep_metadata=True)],
            Limits(),
            Deadline.after(_SECONDS),
        )
    return True


def start_first_thread() -> None:
    """Start a thread and wait for its end.

    At its first thread libc prepares for threads, by calls that the cage forbids.
    """
    first = threading.Thread(target=int)
    first.start()
    first.join()


def _load_faces() -> bool:
    """Run the face detector once; return False if it is not installed."""
    if not faces.is_installed():
        return False
    faces.find_faces(Image.new("RGB", (32, 32)))
    return True


def _load_plain_png() -> bool:
    try:
        plain_png.preload()
    except ImportError:
        return False
    return plain_png.decode(_encode(Image.new("RGB", (16, 16)), "png"), (16, 16), "RGB") is not None


def _load_strict_jpeg() -> bool:
    try:
        strict_jpeg.preload()
    except ImportError:
        return False
    sample = _encode(Image.new("RGB", (16, 16)), "jpeg", progressive=True)
    return strict_jpeg.decode(sample, "RGB", (16, 16)) is not None


def _still_sample(form: str) -> bytes:
    """Return a picture with EXIF, and alpha if the format has it: it takes every branch of the pipeline."""
    image = Image.linear_gradient("L").resize((16, 16)).convert("LA").convert("RGBA")
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    return _encode(image.convert("RGB") if form == "jpeg" else image, form, exif=exif.tobytes())


def _animated_sample(form: str) -> bytes:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    return _encode(frames[0], form, save_all=True, append_images=frames[1:], duration=100, loop=0)


def _encode(image: Image.Image, form: str, **how: object) -> bytes:
    out = BytesIO()
    image.save(out, SOURCE_FORMATS[form], **how)
    return out.getvalue()
