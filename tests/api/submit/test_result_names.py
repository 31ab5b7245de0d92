"""Under which name a client saves a result. Values only."""

import pytest

from imagejobs_api.view.links import file_name
from imagejobs_contract.model.options import DEFAULT_VARIANT, Format
from imagejobs_contract.model.outcome import OutputFile


@pytest.mark.parametrize(
    ("item", "variant", "made", "saved"),
    [
        ("holiday/a.png", DEFAULT_VARIANT, Format.JPEG, "a.jpg"),
        ("holiday/a.png", "thumb", Format.JPEG, "a-thumb.jpg"),
        ("holiday/a.png", "web", Format.JPEG, "a-web.jpg"),
        ("C:\\a.png", "web", Format.WEBP, "a-web.webp"),
        ("exe.\u202egpj\x07.jpg", "web", Format.PNG, "exe.gpj-web.png"),
        ("", "web", Format.PNG, "7-web.png"),
    ],
)
def test_results_of_one_image_are_saved_side_by_side(item, variant, made, saved):
    assert file_name(item, 7, OutputFile(variant, "outputs/j/key", 1, 1, made, 1)) == saved
