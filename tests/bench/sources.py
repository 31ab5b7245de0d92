"""Makes the inputs of the bench from one photo, at the sizes of cameras.

Each gets a grain of its own, so that its bytes per pixel are a camera's.
"""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from support.images import pictures

T1 = (2725, 2225)
"""The size of the photo in sharp's own benchmark."""
PROFILE = pictures.p3_profile()
_BAND_ROWS = 500


def make(folder: Path, photo: Path | None, only: Collection[str] = ()) -> None:
    """Write the inputs that do not exist yet.

    Args:
        folder: Folder of the inputs.
        photo: The JPEG that they are made from; None makes one.
        only: Names of the files to make beside the photo itself; empty means all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = photo.read_bytes() if photo else pictures.saved(pictures.photo(*T1), "jpeg", quality=85)
    (folder / "t1.jpg").write_bytes(data)
    makers: dict[str, Callable[[Image.Image], bytes]] = {
        "24mp.jpg": lambda image: pictures.saved(_enlarge(image, (6000, 4000), 1.5, 4), "jpeg", quality=92),
        "48mp.jpg": lambda image: pictures.saved(_enlarge(image, (8000, 6000), 2.0, 4), "jpeg", quality=92),
        "12mp.jpg": lambda image: pictures.saved(_enlarge(image, (4000, 3000), 1.5, 2), "jpeg", quality=92),
        "12mp.png": lambda image: pictures.saved(_enlarge(image, (4000, 3000), 1.5, 2), "png"),
        "12mp.webp": lambda image: pictures.saved(_enlarge(image, (4000, 3000), 1.5, 2), "webp", quality=85),
        "phone.jpg": _phone,
        "24frames.gif": lambda image: _pan(image, "gif"),
        "24frames.webp": lambda image: _pan(image, "webp"),
    }
    image = pictures.opened(data).convert("RGB")
    for name, maker in makers.items():
        if (not only or name in only) and not (folder / name).exists():
            (folder / name).write_bytes(maker(image))


def _enlarge(image: Image.Image, size: tuple[int, int], zoom: float, grain: float) -> Image.Image:
    """Return the photo zoomed, and mirrored side by side until the size is filled, with a sensor's noise.

    The noise is grey, and half as much of colour.
    """
    tile = image.resize((round(image.width * zoom), round(image.height * zoom)), Image.Resampling.LANCZOS)
    result = Image.new("RGB", size)
    for row, y in enumerate(range(0, size[1], tile.height)):
        for column, x in enumerate(range(0, size[0], tile.width)):
            across = ImageOps.mirror(tile) if column % 2 else tile
            result.paste(ImageOps.flip(across) if row % 2 else across, (x, y))
    values, random = np.asarray(result).copy(), np.random.default_rng(1)
    for top in range(0, size[1], _BAND_ROWS):
        band = values[top : top + _BAND_ROWS]
        noise = random.normal(0, grain, (*band.shape[:2], 1)) + random.normal(0, grain / 2, band.shape)
        band[:] = np.clip(np.rint(band + noise), 0, 255)
    return Image.fromarray(values)


def _phone(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return pictures.saved(
        _enlarge(image, (6000, 4000), 1.5, 4), "jpeg", quality=92, exif=exif, icc_profile=PROFILE
    )


def _pan(image: Image.Image, form: str) -> bytes:
    """Return a camera's pan over the photo."""
    big = _enlarge(image, (1200, 900), 0.5, 0)
    frames = [big.crop((12 * n, 8 * n, 12 * n + 640, 8 * n + 480)) for n in range(24)]
    if form == "gif":
        frames = [frame.quantize(256, dither=Image.Dither.NONE) for frame in frames]
    return pictures.animation(
        form, frames, 60, loop=0, **({"optimize": False} if form == "gif" else {"quality": 80})
    )
