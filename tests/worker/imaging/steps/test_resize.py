import numpy as np
import pytest
from PIL import Image

from imagejobs_worker.imaging.steps.resize import resize_with_pillow, simd_resizer
from support.images import pictures

ENGINES = [pytest.param(resize_with_pillow, id="pillow")]
if simd_resizer():
    ENGINES.append(pytest.param(simd_resizer(), id="simd"))

GREY = pictures.photo(301, 203).convert("L")
PICTURES = {
    "RGB": pictures.photo(301, 203),
    "L": GREY,
    "CMYK": Image.merge("CMYK", [*pictures.photo(301, 203).split(), GREY]),
}


@pytest.mark.parametrize("scale", ENGINES)
@pytest.mark.parametrize("mode", PICTURES)
@pytest.mark.parametrize("size", [(100, 67), (37, 150), (450, 300), (1, 1)], ids=str)
def test_it_is_lanczos(scale, mode, size):
    image = PICTURES[mode]
    expected = np.clip(pictures.lanczos(bands(image), size), 0, 255)
    found = bands(scale(image, size, (0, 0, *image.size)))
    assert found.shape == expected.shape
    assert pictures.psnr(found, expected) > 43
    assert np.abs(found - expected).max() < 10


@pytest.mark.parametrize("scale", ENGINES)
def test_a_box_between_pixels_is_honoured(scale):
    image, box = PICTURES["RGB"], (10.3, 20.6, 250.5, 180.25)
    expected = np.clip(pictures.lanczos(bands(image), (80, 53), box), 0, 255)
    assert pictures.psnr(bands(scale(image, (80, 53), box)), expected) > 44


@pytest.mark.parametrize("scale", ENGINES)
@pytest.mark.parametrize("size", [50, 390], ids=["smaller", "larger"])
def test_the_colour_of_transparent_pixels_never_shows(scale, size):
    colour = (200, 50, 90)
    result = scale(pictures.disc(200, colour, hidden=(0, 255, 0)), (size, size), (0, 0, 200, 200))
    seen = np.asarray(result).astype(float)
    seen = seen[seen[..., 3] > 128][:, :3]
    assert np.abs(seen - colour).mean() < 2
    assert np.abs(seen - colour).max() < 48


@pytest.mark.parametrize("scale", ENGINES)
def test_a_picture_of_more_than_one_memory_block_is_scaled_whole(scale):
    """Pillow keeps pictures above 16 MB in several blocks; the SIMD resizer reads Pillow's structures."""
    image = Image.linear_gradient("L").resize((3000, 2000), Image.Resampling.BILINEAR).convert("RGB")
    found = bands(scale(image, (300, 200), (0, 0, 3000, 2000)))
    expected = bands(image.reduce(10))
    assert np.abs(found - expected).max() < 4


def bands(image):
    values = np.asarray(image).astype(float)
    return values[..., None] if values.ndim == 2 else values
