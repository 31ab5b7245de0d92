import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_worker.imaging import decode
from imagejobs_worker.imaging.codecs.still_webp import OneFrameDecoder
from support.images import pictures

PHOTO = pictures.photo(120, 90)
ALL = (120, 90)


@pytest.mark.parametrize("image", [PHOTO, pictures.disc(90, (255, 0, 0))], ids=["opaque", "transparent"])
def test_a_still_equals_pillows_and_its_decoder_is_freed(image):
    source = pictures.saved(image, "webp")
    opened = decode.open_image(source, Limits())
    assert not opened.image._decoder.is_released
    picture, _ = decode.decode_first_frame(opened.image, ALL)
    assert opened.image._decoder.is_released
    assert (picture.mode, picture.tobytes()) == (image.mode, pictures.opened(source).tobytes())


def test_an_animation_keeps_its_decoder():
    source = pictures.animation("webp", [PHOTO, pictures.photo(120, 90, 2)])
    assert not isinstance(decode.open_image(source, Limits()).image._decoder, OneFrameDecoder)


def test_a_damaged_picture_has_the_same_error_as_without_it():
    whole = pictures.saved(PHOTO, "webp")
    opened = decode.open_image(whole[:40] + b"\xff" * (len(whole) - 40), Limits())
    with pytest.raises(ImageFailed) as found:
        decode.decode_first_frame(opened.image, ALL)
    assert (found.value.code, found.value.message) == (
        Code.CORRUPT_IMAGE,
        "cannot be decoded: failed to read next frame",
    )
