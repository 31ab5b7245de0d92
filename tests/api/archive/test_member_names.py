"""Names in an archive: relative, below where it is unpacked, writable anywhere, each once."""

import pytest

from imagejobs_api.archive.member_names import MAX_PART_BYTES, MemberNames


def given(*names: str, variant: str = "default", extension: str = "jpg") -> list[str]:
    names_given = MemberNames()
    return [names_given.assign(name, index, variant, extension) for index, name in enumerate(names)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Größe 照片.tiff", "Größe 照片.jpg"),
        ("summer/day 1/a.png", "summer/day 1/a.jpg"),
        ("..\\..\\windows\\a.png", "windows/a.jpg"),
        ("../../etc/passwd", "etc/passwd.jpg"),
        ("/etc/passwd", "etc/passwd.jpg"),
        ("C:\\a.png", "C_/a.jpg"),
        ("//host/share/a.png", "host/share/a.jpg"),
        ("a/./b/../c.png", "a/b/c.jpg"),
        ("..", "0.jpg"),
        ("", "0.jpg"),
        ("...", "0.jpg"),
        (" / .png", "png.jpg"),
        ("a\x00b\n.png", "ab.jpg"),
        ("exe\u202egpj.png", "exegpj.jpg"),
        ('a<b>:"|?*.png', "a_b______.jpg"),
        ("con.png", "_con.jpg"),
        ("AUX/nul", "_AUX/_nul.jpg"),
        ("com1.tar.png", "_com1.tar.jpg"),
        ("trailing. /dots...png", "trailing/dots...jpg"),
        ("/".join("abcdefghijkl") + "/x.png", "e/f/g/h/i/j/k/l/x.jpg"),
    ],
)
def test_a_name_stays_as_it_is_but_for_what_no_file_may_have(name, expected):
    assert given(name) == [expected]


def test_a_long_name_is_cut_between_two_characters():
    (name,) = given("照" * 200 + ".png")
    assert name == "照" * (MAX_PART_BYTES // 3) + ".jpg"


def test_a_variant_stands_behind_the_name():
    assert given("a.png", variant="thumb", extension="webp") == ["a-thumb.webp"]


def test_equal_names_are_numbered_also_when_only_letters_case_differs():
    assert given("a.png", "A.gif", "a.jpg", "a-2.png", "b") == [
        "a.jpg",
        "A-2.jpg",
        "a-3.jpg",
        "a-2-2.jpg",
        "b.jpg",
    ]


def test_a_file_and_a_folder_of_one_name_are_told_apart():
    assert given("x", "x.jpg/y", "x.jpg/z") == ["x.jpg", "x.jpg-y-2.jpg", "x.jpg-z-2.jpg"]
    assert given("x.jpg/y", "x") == ["x.jpg/y.jpg", "x-2.jpg"]
