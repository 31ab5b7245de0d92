"""Makes the images that tests work on, and an independent float Lanczos to compare results with."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

FORMATS = ("jpeg", "png", "webp", "avif", "gif", "tiff", "bmp")
CORNERS = {"nw": (255, 0, 0), "ne": (0, 255, 0), "sw": (0, 0, 255), "se": (255, 255, 0)}
"""The colours of the four quarters of `quarters`."""
GIF = b"GIF89a" + struct.pack("<HH", 10, 10)
"""A beginning with which a file reaches a child; the rest of it is read by a fake decoder."""


def photo(width: int, height: int, seed: int = 1) -> Image.Image:
    """Return smooth shapes with some grain: compresses and scales like a photo."""
    y, x = np.mgrid[:height, :width] / max(width, height)
    bands = [
        np.sin(x * (7 + 3 * n) + n) * np.cos(y * (9 - 2 * n)) + 0.4 * np.sin((x * y) * (40 + n))
        for n in range(3)
    ]
    grain = np.random.default_rng(seed).normal(0, 4, (height, width, 3))
    return Image.fromarray(np.clip(np.stack(bands, -1) * 80 + 128 + grain, 0, 255).astype(np.uint8))


def quarters(width: int, height: int) -> Image.Image:
    """Return four quarters in the colours of `CORNERS`, which show the orientation of a picture."""
    image = Image.new("RGB", (width, height), CORNERS["se"])
    image.paste(CORNERS["nw"], (0, 0, width // 2, height // 2))
    image.paste(CORNERS["ne"], (width // 2, 0, width, height // 2))
    image.paste(CORNERS["sw"], (0, height // 2, width // 2, height))
    return image


def disc(size: int, colour: tuple[int, int, int], hidden: tuple[int, int, int] = (0, 255, 0)) -> Image.Image:
    """Return an opaque disc; the transparent pixels around it have another colour, which must never show."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    inside = x**2 + y**2 < (0.4 * size) ** 2
    pixels = np.zeros((size, size, 4), np.uint8)
    pixels[..., :3] = np.where(inside[..., None], colour, hidden)
    pixels[..., 3] = inside * 255
    return Image.fromarray(pixels)


def face(
    size: tuple[int, int] = (640, 480), at: tuple[int, int] = (160, 240), radius: int = 80
) -> Image.Image:
    """Return a drawn face that a detector finds; `radius` is from its middle to its side."""
    image, (x, y), r = Image.new("RGB", size, (120, 140, 160)), at, radius / 0.85
    pen = ImageDraw.Draw(image)

    def oval(left: float, top: float, right: float, bottom: float, colour: tuple[int, int, int]) -> None:
        pen.ellipse((x + left * r, y + top * r, x + right * r, y + bottom * r), fill=colour)

    oval(-2.2, 1.2, 2.2, 5, (60, 70, 120))
    oval(-0.4, 0.6, 0.4, 1.7, (190, 145, 120))
    oval(-1.05, -1.45, 1.05, 0.9, (50, 35, 25))
    oval(-0.85, -1.15, 0.85, 1.15, (222, 178, 150))
    for side in (-0.36, 0.36):
        oval(side - 0.2, -0.35, side + 0.2, -0.15, (245, 240, 235))
        oval(side - 0.1, -0.35, side + 0.1, -0.15, (40, 30, 30))
        oval(side - 0.25, -0.52, side + 0.25, -0.44, (70, 50, 40))
    pen.polygon(
        (x, y - 0.2 * r, x - 0.16 * r, y + 0.28 * r, x + 0.16 * r, y + 0.28 * r), fill=(200, 150, 125)
    )
    oval(-0.34, 0.5, 0.34, 0.7, (170, 75, 75))
    return image.filter(ImageFilter.GaussianBlur(r / 30))


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """Return the image as a file."""
    out = BytesIO()
    image.save(out, form.upper(), **options)
    return out.getvalue()


def animation(
    form: str, frames: list[Image.Image], duration: list[int] | int = 100, **options: object
) -> bytes:
    """Return the frames as an animated file."""
    return saved(frames[0], form, save_all=True, append_images=frames[1:], duration=duration, **options)


def opened(data: bytes) -> Image.Image:
    """Return the decoded file."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


def pixels(image: Image.Image | bytes, mode: str = "RGB") -> np.ndarray:
    """Return the pixels as floats."""
    image = opened(image) if isinstance(image, bytes) else image
    return np.asarray(image.convert(mode)).astype(np.float64)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Return the peak signal to noise ratio in dB."""
    error = float(((a - b) ** 2).mean())
    return 99.0 if error == 0 else 10 * np.log10(255**2 / error)


def lanczos(
    values: np.ndarray, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """Return height x width x bands scaled by a separable Lanczos-3, in floats, without clipping."""
    left, top, right, bottom = box or (0, 0, values.shape[1], values.shape[0])
    across = _weights(values.shape[1], size[0], left, right)
    down = _weights(values.shape[0], size[1], top, bottom)
    return np.einsum("oy,yxb,px->opb", down, values, across, optimize=True)


def _weights(source: int, target: int, start: float, end: float) -> np.ndarray:
    scale = (end - start) / target
    centres = start + (np.arange(target) + 0.5) * scale
    distance = (np.arange(source) + 0.5 - centres[:, None]) / max(scale, 1.0)
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)
    return weights / weights.sum(1, keepdims=True)


P3_TO_XYZ = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])
"""Display P3's primaries under D50, as profiles hold them (ICC registry)."""
XYZ_TO_SRGB = np.linalg.inv(
    np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7139]])
)


def p3_profile(description: str = "Display P3 for tests", gamma: float = 2.2) -> bytes:
    """Return a matrix profile (ICC version 2) with P3's primaries and a plain gamma."""
    text = description.encode() + b"\0"
    white = np.array([0.9642, 1.0, 0.8249])
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": _xyz(white),
        **{name: _xyz(P3_TO_XYZ[:, n]) for n, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return _profile(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    """Return a profile for greys with a plain gamma."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    text = b"Grey for tests\0"
    desc = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    return _profile(b"GRAY", {b"desc": desc, b"wtpt": _xyz(np.array([0.9642, 1.0, 0.8249])), b"kTRC": curve})


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body, at = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    rest = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(">I4sI4s4s4s", 128 + len(rest), b"test", 0x02400000, b"mntr", space, b"XYZ ")
    header += (
        struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
        + b"acsp"
        + bytes(28)
        + struct.pack(">3i", 63190, 65536, 54061)
    )
    return header.ljust(128, b"\0") + rest


def png_header(width: int, height: int, chunks: bytes = b"") -> bytes:
    """Return a PNG that declares a size and has next to no pixels."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunks
        + png_chunk(b"IDAT", bytes.fromhex("789c030000000001"))
        + png_chunk(b"IEND", b"")
    )


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def gif_of(frames: int, width: int = 1, height: int = 1, frame: bytes | None = None) -> bytes:
    """Return a GIF with many tiny frames on a canvas of any size."""
    one = frame or b"," + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
        + b"\0\0\0\xff\xff\xff"
        + one * frames
        + b";"
    )


def bmp_with_alpha(image: Image.Image) -> bytes:
    """Return a BMP with a BITMAPV4HEADER, which has a mask for alpha; Pillow writes none."""
    width, height = image.size
    rows = np.asarray(image.convert("RGBA"))[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = (
        struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(rows), 0, 0, 0, 0)
        + masks
        + b"BGRs"
        + bytes(48)
    )
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(rows), 0, 0, 14 + len(header)) + header + rows
