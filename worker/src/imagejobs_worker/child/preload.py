"""Loads what a skill needs, once, in the zygote: children are then born with it in memory, and open no files."""

import importlib
import threading
from io import BytesIO

from PIL import Image

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.child import codecs
from imagejobs_worker.imaging import animate
from imagejobs_worker.imaging.admission import FORMATS
from imagejobs_worker.imaging.codecs import plain_png
from imagejobs_worker.imaging.crop import faces
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.pipeline import render
from imagejobs_worker.imaging.steps import resize

_PLUGINS = {
    "jpeg": ("JpegImagePlugin", "MpoImagePlugin"),  # a JPEG with a second picture behind it is opened as MPO
    "png": ("PngImagePlugin",),
    "gif": ("GifImagePlugin",),
    "webp": ("WebPImagePlugin",),
    "avif": ("AvifImagePlugin",),
    "tiff": ("TiffImagePlugin",),
    "bmp": ("BmpImagePlugin",),
}
"""Named here, as Pillow would look for a format that it does not know yet by loading some forty plugins."""
_ORIENTATION = 0x0112
_WIDTH_PIXELS = 5
"""No half or quarter of 16 pixels, to which a JPEG would be decoded without being resized."""
_SECONDS = 60.0


def load(codec: str) -> bool:
    """Learn a skill by using it on a small picture, still and moving; False if it is not installed."""
    if codec == codecs.FACES:
        return _load_faces()
    if codec == codecs.LARGE_PNGS:
        return _load_plain_png()
    for name in _PLUGINS[codec]:
        importlib.import_module(f"PIL.{name}")
    resize.simd()
    result = Format(codec) if codec in set(Format) else None
    for source in (_still_sample(codec), *([_animated_sample(codec)] if result in animate.FORMATS else [])):
        render(
            source,
            [Variant(width=_WIDTH_PIXELS, format=result, keep_metadata=True)],
            Limits(),
            Deadline.after(_SECONDS),
        )
    return True


def start_first_thread() -> None:
    """Start a thread and wait for its end: libc prepares for threads at the first one, by calls that a cage does not know."""
    first = threading.Thread(target=int)
    first.start()
    first.join()


def _load_faces() -> bool:
    """Look for a face."""
    if not faces.installed():
        return False
    faces.find(Image.new("RGB", (32, 32)))
    return True


def _load_plain_png() -> bool:
    try:
        plain_png.learn()
    except ImportError:
        return False
    return plain_png.decoded(_encode(Image.new("RGB", (16, 16)), "png"), (16, 16), "RGB") is not None


def _still_sample(form: str) -> bytes:
    """Return a picture with alpha, where there can be, and with EXIF, so that every way of the pipeline is gone."""
    image = Image.linear_gradient("L").resize((16, 16)).convert("LA").convert("RGBA")
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    return _encode(image.convert("RGB") if form == "jpeg" else image, form, exif=exif.tobytes())


def _animated_sample(form: str) -> bytes:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    return _encode(frames[0], form, save_all=True, append_images=frames[1:], duration=100, loop=0)


def _encode(image: Image.Image, form: str, **how: object) -> bytes:
    out = BytesIO()
    image.save(out, FORMATS[form], **how)
    return out.getvalue()
