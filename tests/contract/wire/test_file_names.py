"""Names of files are made safe and kept; a URL tells one: pure, by tables."""

import pytest

from imagejobs_contract.wire import file_names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photo.jpg", "photo.jpg"),
        ("  été 2026.jpg ", "été 2026.jpg"),
        ("e\u0301te\u0301.jpg", "été.jpg"),
        ("a\r\nSet-Cookie: x.jpg", "aSet-Cookie: x.jpg"),
        ("a\x00b\x7f.jpg", "ab.jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("6%22 pipe.jpg", '6" pipe.jpg'),
        ("100%.jpg", "100%.jpg"),
        ("a/b\\c.jpg", "a/b\\c.jpg"),
        ("👩‍👧.png", "👩‍👧.png"),
        ("x" * 300 + ".jpg", "x" * 196 + ".jpg"),
        ("\ud800.jpg", ".jpg"),
        ("", ""),
    ],
)
def test_file_names_are_cleaned_and_kept(name, expected):
    assert file_names.clean(name) == expected


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://e.test/a/Big%20photo.jpg?file=other.png", "Big photo.jpg"),
        ("https://e.test/download.php?id=7&file=foto.png", "foto.png"),
        ("https://e.test/?src=https%3A%2F%2Fb.test%2Fc%2Ffoto.jpeg", "foto.jpeg"),
        ("https://e.test/image?width=300&v=2.5", "image"),
        ("https://e.test/?file=", ""),
        ("https://e.test/x?file=..%2F..%2Fetc%2Fa.png", "a.png"),
        ("https://[broken/a.png", ""),
    ],
)
def test_a_url_tells_the_name_in_its_path_or_in_its_query(url, name):
    assert file_names.from_url(url) == name
