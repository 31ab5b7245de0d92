"""The cases of the bench: the same work for all contestants, as values for programs in three languages."""

from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image


@dataclass(frozen=True, slots=True)
class Case:
    """One task.

    Attributes:
        source: Name of the input among the sources.
        width: Pixels of the result; its height follows.
        quality: None where the format has none.
        max_bytes: The quality must be the highest whose file fits.
        effort: libvips's and sharp's effort of AVIF; the worker's speed 6 is their 3.
        profile: The source has a colour profile that is not sRGB.
        target: Promised multiple of sharp's speed, None without a promise.
        plain_target: The same without the SIMD resizer.
    """

    name: str
    title: str
    source: str
    width: int
    format: str
    quality: int | None = 80
    max_bytes: int | None = None
    effort: int | None = None
    animated: bool = False
    profile: bool = False
    target: float | None = None
    plain_target: float | None = None

    def body(self, folder: Path, seconds: float, out: Path) -> dict[str, object]:
        """Return the order for one contestant, as JSON can carry it."""
        return asdict(self) | {"source": str(folder / self.source), "seconds": seconds, "out": str(out)}


_PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".tiff"})

CASES = (
    Case("T1", "JPEG 2725x2225 -> 720 JPEG", "t1.jpg", 720, "jpeg", target=1.25, plain_target=0.6),
    Case("T2", "JPEG 24 MP -> 400 JPEG", "24mp.jpg", 400, "jpeg", target=1.0, plain_target=0.95),
    Case("T3", "JPEG 48 MP -> 1600 WebP", "48mp.jpg", 1600, "webp", target=1.1, plain_target=0.95),
    Case("T4", "PNG 12 MP -> 800 PNG", "12mp.png", 800, "png", None, target=0.9),
    Case("T5", "WebP 12 MP -> 1024 WebP", "12mp.webp", 1024, "webp", target=1.0),
    Case("T6", "JPEG 12 MP -> 1024 AVIF", "12mp.jpg", 1024, "avif", 50, effort=3, target=1.0),
    Case("T7", "JPEG -> 1280, at most 100 kB", "t1.jpg", 1280, "jpeg", None, max_bytes=100_000, target=3.0),
    Case("T8", "GIF 640x480 x 24 -> 320 GIF", "24frames.gif", 320, "gif", None, animated=True, target=2.5),
    Case("T8w", "WebP 640x480 x 24 -> 320 WebP", "24frames.webp", 320, "webp", animated=True),
    Case(
        "T9",
        "phone photo 24 MP, turned, P3 -> 800 JPEG",
        "phone.jpg",
        800,
        "jpeg",
        profile=True,
        target=1.1,
        plain_target=0.95,
    ),
)


def of_folder(folder: Path) -> tuple[Case, ...]:
    """Return a case for every photo of a folder: 720 pixels wide, as JPEG."""
    return tuple(_to_720(path) for path in sorted(folder.iterdir()) if path.suffix in _PHOTOS)


def _to_720(path: Path) -> Case:
    with Image.open(path) as image:
        return Case(
            path.name, f"{path.name} -> 720 JPEG", path.name, 720, "jpeg", profile="icc_profile" in image.info
        )
