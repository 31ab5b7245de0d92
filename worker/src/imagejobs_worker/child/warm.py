"""Loads everything that a child will need, once, in the zygote: children are then born with all codecs in memory and open no files."""

import threading
from io import BytesIO

from PIL import Image

from imagejobs_contract.limits import Limits
from imagejobs_contract.options import Format, Variant
from imagejobs_worker.imaging import faces
from imagejobs_worker.imaging.animate import FORMATS
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.pipeline import render

_SECONDS = 60.0


def up() -> None:
    """Encode and decode one small picture in every format, still and moving."""
    deadline = Deadline.after(_SECONDS)
    still = _rendered(_picture(), [Variant(form, width=16, format=form) for form in Format], deadline)
    moving = _rendered(_movie(), [Variant(form, width=16, format=form) for form in FORMATS], deadline)
    for data in (*still, *moving):
        _rendered(data, [Variant(width=8)], deadline)


def see() -> None:
    """Look for a face once."""
    faces.find(Image.new("RGB", (32, 32)))


def thread() -> None:
    """Start a thread and wait for its end: libc prepares for threads at the first one, by calls that a cage does not know."""
    first = threading.Thread(target=int)
    first.start()
    first.join()


def _rendered(source: bytes, variants: list[Variant], deadline: Deadline) -> list[bytes]:
    return [picture.data for picture in render(source, variants, Limits(), deadline).pictures]


def _picture() -> bytes:
    """Return a PNG with alpha, so that every way of the pipeline is gone."""
    out = BytesIO()
    Image.linear_gradient("L").resize((32, 32)).convert("LA").convert("RGBA").save(out, "PNG")
    return out.getvalue()


def _movie() -> bytes:
    out = BytesIO()
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0)
    return out.getvalue()
