import numpy as np
import pytest
from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Fit, Format, Gravity, NoFace, Variant
from imagejobs_worker.imaging.crop import entropy, faces
from support.images import pictures
from support.images.rendering import render_all, render_image

_Turn = Image.Transpose
UNDONE = {
    2: _Turn.FLIP_LEFT_RIGHT,
    3: _Turn.ROTATE_180,
    4: _Turn.FLIP_TOP_BOTTOM,
    5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_90,
    7: _Turn.TRANSVERSE,
    8: _Turn.ROTATE_270,
}
"""EXIF orientation -> the operation that makes a stored picture of an upright one."""
needs_faces = pytest.mark.skipif(not faces.is_installed(), reason="imagejobs-worker[face] is not installed")


def cropped(image, width, height, gravity=Gravity.ENTROPY, orientation=1, form="jpeg", **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = pictures.saved(image, form, **({"quality": 92, "exif": exif} if form == "jpeg" else {}))
    return render_image(
        data, width=width, height=height, fit=Fit.COVER, gravity=gravity, format=Format.PNG, **options
    )


def with_noise(size, box):
    """Return a grey picture with noise in one place, which is all there is to see."""
    image = Image.new("RGB", size, (128, 128, 128))
    noise = np.random.default_rng(2).integers(0, 256, (box[3] - box[1], box[2] - box[0], 3), np.uint8)
    image.paste(Image.fromarray(noise), box[:2])
    return image


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((0, 0, 120, 240), (100, 200)),
        ((480, 0, 600, 240), (100, 200)),
        ((250, 0, 350, 240), (100, 200)),
        ((40, 0, 140, 240), (100, 200)),
    ],
    ids=["left", "right", "middle", "off the edge"],
)
@pytest.mark.parametrize("upended", [False, True], ids=["across", "down"])
def test_entropy_keeps_the_detailed_part(box, size, upended):
    image = with_noise((600, 240), box)
    if upended:
        image, size = image.transpose(Image.Transpose.TRANSPOSE), size[::-1]
    kept = np.asarray(cropped(image, *size).convert("L")).astype(float)
    most = min(box[2] - box[0], 120) / 120
    assert (np.abs(kept - 128) > 3).mean() > 0.85 * most


def test_entropy_of_the_same_everywhere_takes_the_centre():
    assert entropy.find_anchor(Image.new("L", (300, 100), 50), (0.3, 1.0)) == (
        pytest.approx(0.5, abs=0.02),
        0.5,
    )


def test_entropy_agrees_with_a_count_of_all_windows():
    grey = pictures.photo(256, 64).convert("L")
    grey.paste(90, (30, 0, 200, 64))
    levels = np.asarray(grey) // 8

    def bits(window):
        shares = np.bincount(window.ravel(), minlength=32) / window.size
        return -(shares[shares > 0] * np.log2(shares[shares > 0])).sum()

    scores = [bits(levels[:, left : left + 64]) for left in range(0, 193, 4)]
    x, _ = entropy.find_anchor(grey, (0.25, 1.0))
    assert scores[round(x * 48)] >= max(scores) - 0.02


@needs_faces
@pytest.mark.parametrize(
    ("at", "radius"), [((120, 240), 80), ((520, 200), 60), ((330, 150), 30)], ids=["left", "right", "small"]
)
@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_a_face_is_found_where_it_is(at, radius, form):
    data = pictures.opened(pictures.saved(pictures.face(at=at, radius=radius), form)).convert("RGB")
    boxes = faces.find_faces(data)
    assert boxes
    middles = [(640 * (box[0] + box[2]) / 2, 480 * (box[1] + box[3]) / 2) for box in boxes]
    assert all(abs(x - at[0]) < 0.4 * radius and abs(y - at[1]) < 0.5 * radius for x, y in middles)


@needs_faces
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_face_of_a_turned_photo_stays_in_the_picture(orientation):
    seen = pictures.face((1200, 500), at=(1000, 230), radius=110)
    stored = seen.transpose(UNDONE[orientation]) if orientation > 1 else seen
    result = cropped(stored, 250, 250, Gravity.FACE, orientation)
    (left, top, right, bottom), *_ = faces.find_faces(result.resize((256, 256)).convert("RGB"))
    assert (left + right) / 2 == pytest.approx(0.5, abs=0.12)
    assert 0 < top < bottom < 1


@needs_faces
def test_two_faces_are_kept_where_they_fit_and_a_passer_by_is_not_one():
    image = pictures.face((1600, 400), at=(300, 200), radius=80)
    image.paste(pictures.face((300, 400), at=(150, 200), radius=80), (500, 0))
    image.paste(pictures.face((100, 100), at=(50, 50), radius=15), (1450, 150))
    found = faces.find_faces(image.resize((640, 160)))
    both, one = (
        faces.find_anchor(found, (share, 1.0))[0] * (1 - share) * 1600 + share * 800 for share in (0.5, 0.15)
    )
    assert both == pytest.approx(475, abs=40)
    assert min(abs(one - 300), abs(one - 650)) < 40


@needs_faces
def test_without_a_face_the_image_fails_or_the_centre_is_kept():
    with pytest.raises(ImageFailed) as found:
        cropped(pictures.photo(400, 300), 100, 100, Gravity.FACE)
    assert found.value.code is Code.NO_FACE_FOUND
    centred = cropped(pictures.photo(400, 300), 100, 100, Gravity.FACE, no_face=NoFace.CENTER)
    # Decoded larger, to look for the face: not the same bits.
    assert (
        pictures.psnr(
            pictures.pixels(centred),
            pictures.pixels(cropped(pictures.photo(400, 300), 100, 100, Gravity.CENTER)),
        )
        > 38
    )


def test_without_a_crop_no_face_is_searched():
    data = pictures.saved(pictures.photo(90, 60), "png")
    variants = [
        Variant(gravity=Gravity.FACE),
        Variant(width=60, height=60, fit=Fit.CONTAIN, gravity=Gravity.FACE),
    ]
    assert [(each.width, each.height) for each in render_all(data, *variants).pictures] == [
        (90, 60),
        (60, 60),
    ]
