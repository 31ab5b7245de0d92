import pytest
from PIL import ImageColor

from imagejobs_contract.model.colours import parse_colour


@pytest.mark.parametrize("name", ["red", "White", "rebeccapurple", "#f80", "fff", "rgb(1, 2, 3)",
    "rgb(100%,0%,50%)", "hsl(120,100%,50%)", "hsl(30, 40%, 20%)", "hsl(359,1%,99%)", "hsl(0,0%,0%)",
])  # fmt: skip
def test_a_colour_is_that_of_css(name):
    known = f"#{name}" if name == "fff" else name
    assert parse_colour(name) == "".join(f"{each:02x}" for each in ImageColor.getrgb(known))


def test_every_name_that_pillow_knows_is_known():
    for name in ImageColor.colormap:
        assert parse_colour(name) == "".join(f"{each:02x}" for each in ImageColor.getrgb(name))


@pytest.mark.parametrize(
    ("text", "old"),
    [("rgb(1 2 3)", "rgb(1,2,3)"), ("rgb(1 2 3 / 100%)", "rgb(1,2,3)"), ("RGB( 9 , 8,7 )", "rgb(9,8,7)"),
     ("hsl(120deg 100% 50%)", "hsl(120,100%,50%)"), ("hsla(30,40%,20%,1)", "hsl(30,40%,20%)")],
)  # fmt: skip
def test_the_newer_forms_of_css_mean_the_same(text, old):
    assert parse_colour(text) == "".join(f"{each:02x}" for each in ImageColor.getrgb(old))


@pytest.mark.parametrize("text", ["none", "transparent", "#0000", "ff000000", "rgba(1,2,3,0)"])
def test_full_transparency_is_none(text):
    assert parse_colour(text) == "transparent"


@pytest.mark.parametrize("text", ["ff0000ff", "#f00f", "rgba(255,0,0,1)", "rgb(255 , 0, 0)"])
def test_full_opacity_is_the_colour(text):
    assert parse_colour(text) == "ff0000"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ff000080", "half transparent"), ("rgba(0,0,0,0.5)", "half transparent"),
        ("gren", "did you mean green"), ("ff", "is not a colour"), ("rgb(256,0,0)", "is not a colour"),
        ("rgb(1,2)", "is not a colour"), ("", "is not a colour"), ("rgb(\u0661,2,3)", "is not a colour"),
        ("hsl(1,2,3,4,5)", "is not a colour"), ("hsl(361,1%,1%)", "is not a colour"),
        ("rgb()", "is not a colour"),
        ("hsl(0,101%,1%)", "is not a colour"), ("rgb(101%,0,0)", "is not a colour"),
        ("hsl(1%,1%,1%)", "is not a colour"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text, part):
    with pytest.raises(ValueError, match=part):
        parse_colour(text)
