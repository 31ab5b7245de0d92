"""Judges results by PSNR and SSIM against a Lanczos-3 of the whole decoded source, in floats.

No library's resizer takes part in it.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, ImageSequence

from cases import Case
from support.images import pictures

Image.MAX_IMAGE_PIXELS = None
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_WINDOW = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
"""The Gaussian of Wang et al., Image Quality Assessment (2004): 11 pixels, sigma 1.5."""


@dataclass(frozen=True, slots=True)
class Quality:
    """PSNR over RGB in dB, SSIM over luma; means over the frames."""

    psnr: float
    ssim: float


def judge(case: Case, source: Path, result: Path, cache: Path) -> Quality:
    """Return the quality of a result, measured against the ideal one."""
    frames = [_values(frame) for frame in ImageSequence.Iterator(Image.open(result))]
    ideals = _load_ideals(case, source, (frames[0].shape[1], frames[0].shape[0]), cache)
    pairs = list(zip(frames, ideals, strict=True))
    return Quality(*(float(np.mean([measure(*pair) for pair in pairs])) for measure in (pictures.psnr, ssim)))


def _load_ideals(case: Case, source: Path, size: tuple[int, int], cache: Path) -> np.ndarray:
    """Return height x width x RGB of every frame; they are cached for the next run."""
    kept = cache / f"{source.name}-{size[0]}x{size[1]}-{case.animated}.npy"
    if not kept.exists():
        image = Image.open(source)
        frames = ImageSequence.Iterator(image) if case.animated else [image]
        np.save(kept, np.stack([np.clip(lanczos(_values(upright(frame)), size), 0, 255) for frame in frames]))
    return np.load(kept)


def upright(image: Image.Image) -> Image.Image:
    """Return the whole picture upright and in sRGB, in the slow and plain order."""
    image = ImageOps.exif_transpose(image)
    if profile := image.info.get("icc_profile"):
        image = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    return image


def _values(image: Image.Image) -> np.ndarray:
    """Return RGB values; transparent pixels are judged on white."""
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def lanczos(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return height x width x RGB scaled to (width, height), in floats.

    It works column by column, because 48 megapixels in floats fill a machine.
    """
    across = np.stack([_weigh(values, 1, *taps) for taps in _taps(values.shape[1], size[0])], 1)
    return np.stack([_weigh(across, 0, *taps) for taps in _taps(values.shape[0], size[1])], 0)


def _weigh(values: np.ndarray, axis: int, first: int, weights: np.ndarray) -> np.ndarray:
    part = values[:, first : first + len(weights)] if axis else values[first : first + len(weights)]
    return np.einsum("ykc,k->yc" if axis else "kxc,k->xc", part.astype(np.float32), weights)


def _taps(source: int, target: int) -> list[tuple[int, np.ndarray]]:
    scale, taps = source / target, []
    for n in range(target):
        centre, reach = (n + 0.5) * scale, 3 * max(scale, 1)
        first, end = max(0, int(centre - reach + 0.5)), min(source, int(centre + reach + 0.5))
        x = (np.arange(first, end) + 0.5 - centre) / max(scale, 1)
        weights = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
        taps.append((first, (weights / weights.sum()).astype(np.float32)))
    return taps


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean structural similarity of two pictures' luma."""
    x, y = a.astype(np.float64) @ _LUMA, b.astype(np.float64) @ _LUMA
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (
        (2 * mean_x * mean_y + c1)
        * (2 * covariance + c2)
        / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    )
    return float(likeness.mean())


def _blur(values: np.ndarray) -> np.ndarray:
    weights, rows, columns = _WINDOW / _WINDOW.sum(), values.shape[0] - 10, values.shape[1] - 10
    down = sum(weight * values[n : n + rows] for n, weight in enumerate(weights))
    return sum(weight * down[:, n : n + columns] for n, weight in enumerate(weights))
