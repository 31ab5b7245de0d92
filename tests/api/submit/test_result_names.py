"""Under which name a client saves a result. Values only."""

import pytest

from imagejobs_api.archive.member_names import split_name
from imagejobs_api.view.links import file_name
from imagejobs_contract.model import output_names
from imagejobs_contract.model.options import DEFAULT_VARIANT, Format
from imagejobs_contract.model.outcome import OutputFile
from imagejobs_contract.wire import s3_keys


@pytest.mark.parametrize(
    ("item", "variant", "made", "saved"),
    [
        ("holiday/a.png", DEFAULT_VARIANT, Format.JPEG, "a.jpg"),
        ("holiday/a.png", "thumb", Format.JPEG, "a-thumb.jpg"),
        ("holiday/a.png", "web", Format.JPEG, "a-web.jpg"),
        ("C:\\a.png", "web", Format.WEBP, "a-web.webp"),
        ("exe.\u202egpj\x07.jpg", "web", Format.PNG, "exe.gpj-web.png"),
        ("", "web", Format.PNG, "7-web.png"),
        ("No. 5 bottle", DEFAULT_VARIANT, Format.JPEG, "No. 5 bottle.jpg"),
        ("St. Stephen.JPEG", DEFAULT_VARIANT, Format.JPEG, "St. Stephen.jpg"),
        ("v1.2-final", "web", Format.WEBP, "v1.2-final-web.webp"),
        ("report.2024", DEFAULT_VARIANT, Format.JPEG, "report.2024.jpg"),
        (
            "Screenshot 2024-05-06 at 10.15.32",
            DEFAULT_VARIANT,
            Format.PNG,
            "Screenshot 2024-05-06 at 10.15.32.png",
        ),
        ("a.b/c.d", DEFAULT_VARIANT, Format.PNG, "c.d.png"),
        (".png", DEFAULT_VARIANT, Format.JPEG, ".png.jpg"),
    ],
)
def test_results_of_one_image_are_saved_side_by_side(item, variant, made, saved):
    assert file_name(item, 7, OutputFile(variant, "outputs/j/key", 1, 1, made, 1)) == saved


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("No. 5 bottle", "No. 5 bottle"),
        ("report.2024", "report.2024"),
        ("10.15.32.HEIC", "10.15.32"),
        ("a.b c.Jpeg", "a.b c"),
        ("v1.final", "v1.final"),
    ],
)
def test_keys_archives_and_downloads_have_one_rule_for_extensions(name, bare):
    saved = file_name(name, 0, OutputFile(DEFAULT_VARIANT, "outputs/j/key", 1, 1, Format.PNG, 1))
    assert (saved, split_name(name, 0)) == (f"{bare}.png", ("", bare))
    stem = output_names.safe_stem(bare)
    assert s3_keys.output("p", 0, name, DEFAULT_VARIANT, Format.PNG) == f"p/{stem}.png"
