import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import LOSSY, Format
from imagejobs_worker.imaging.fit_bytes import fit
from support.images import pictures
from support.images.rendering import render_file

PHOTO = pictures.saved(pictures.photo(320, 240), "jpeg", quality=95)


def made(**options):
    return render_file(PHOTO, **options)


@pytest.mark.parametrize("form", sorted(LOSSY))
@pytest.mark.parametrize("most", [2_000, 5_000, 15_000])
def test_the_file_is_as_large_as_it_may_be(form, most):
    data = made(format=form, max_size=most)
    assert len(data) <= most
    assert len(data) >= 0.8 * most or len(made(format=form, quality=95)) <= most


@pytest.mark.parametrize("form", [Format.JPEG, Format.WEBP])
def test_a_photo_takes_few_encodes(form):
    image, encodes = pictures.photo(320, 240), []

    def encode(quality):
        encodes.append(quality)
        return pictures.saved(image, form, quality=quality)

    for most in (3_000, 6_000, 12_000, 20_000):
        encodes.clear()
        fit(encode, most, form)
        assert len(encodes) <= 6


def test_nothing_fits_into_too_little():
    with pytest.raises(ImageFailed) as found:
        made(format=Format.JPEG, max_size=300)
    assert found.value.code is Code.MAX_SIZE_UNREACHABLE
    assert "max_size is 300" in found.value.message


def test_a_quality_beside_a_size_is_a_ceiling():
    assert len(made(format=Format.JPEG, max_size=2**20, quality=30)) == len(
        made(format=Format.JPEG, quality=30)
    )


def test_a_lossless_result_that_is_too_large_is_named():
    with pytest.raises(ImageFailed) as found:
        made(format=Format.PNG, max_size=10_000)
    assert found.value.code is Code.MAX_SIZE_UNREACHABLE


def test_a_lossless_result_that_fits_is_fine():
    assert len(made(format=Format.PNG, width=10, max_size=10_000)) <= 10_000


@given(st.integers(100, 10**7), st.floats(0.2, 2.0), st.integers(1, 100), st.sampled_from(sorted(LOSSY)))
def test_it_finds_the_best_of_any_curve_that_only_grows(most, steepness, ceiling, form):
    def size(quality):
        return int(200 + 1000 * math.exp(steepness * quality / 12))

    if size(1) > most:
        with pytest.raises(ImageFailed):
            fit(lambda quality: bytes(min(size(quality), 10**7 + 1)), most, form, ceiling)
        return
    found = len(fit(lambda quality: bytes(min(size(quality), 10**7 + 1)), most, form, ceiling))
    best = max(size(quality) for quality in range(1, ceiling + 1) if size(quality) <= most)
    assert found <= most
    assert found == best or found >= 0.95 * most
