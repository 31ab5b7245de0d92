import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.model import limits, output_names
from imagejobs_contract.model.spec import output_collisions

NAMES = st.lists(
    st.sampled_from(
        ["a.jpg", "A.JPG", "a.png", "a-2.jpg", "", "2", "-3.gif", "写.png", "b/a.jpg", "b\\a.jpg"]
    )
    | st.text(max_size=8),
    max_size=12,
)
SAFE = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", re.ASCII)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("photo.jpg", "photo"), ("my photo (1).jpeg", "my-photo-1"), ("Grüße.png", "Grue"),
        ("été/à.jpg", "ete/a"), ("a\\b.png", "a/b"), ("../../etc/passwd", "etc/passwd"), ("/a//b/", "a/b"),
        (".hidden.jpg", "hidden"), ("写真.png", ""), ("", ""), ("a.tar.gz", "a.tar"), ("x\r\ny", "x-y"),
        ("..", ""), ("no-extension", "no-extension"), ("v1.0", "v1.0"),
    ],
)  # fmt: skip
def test_stems_are_safe_in_keys_and_headers(name, stem):
    assert output_names.safe_stem(name) == stem


@given(st.text(max_size=300))
def test_a_stem_is_safe_and_short_whatever_the_name(name):
    stem = output_names.safe_stem(name)
    assert stem == "" or SAFE.fullmatch(stem)
    assert len(stem) <= 200
    assert not {".", ".."} & set(stem.split("/"))


def test_equal_names_are_numbered_before_the_extension():
    assert output_names.make_distinct(["a.jpg", "a.jpg", "a.png", "b", "b"]) == [
        "a.jpg",
        "a-2.jpg",
        "a-3.png",
        "b",
        "b-2",
    ]


def test_names_that_differ_in_case_only_are_kept_apart():
    """Some file systems, to which people download, do not tell them apart."""
    assert output_names.make_distinct(["a.jpg", "A.jpg"]) == ["a.jpg", "A-2.jpg"]


@given(NAMES)
def test_distinct_names_never_overwrite_each_other(names):
    kept_apart = output_names.make_distinct(names)
    assert len(kept_apart) == len(names)
    assert output_collisions(kept_apart) == []
    assert output_names.make_distinct(kept_apart) == kept_apart


@pytest.mark.parametrize(
    "name",
    ["x" * limits.MAX_NAME_LENGTH, "写" * 251 + ".png", "㎨" * limits.MAX_NAME_LENGTH, "x" * 250 + ".jpeg"],
    ids=["ascii", "chinese", "expanding", "extension"],
)
def test_the_longest_names_are_kept_apart_too(name):
    kept_apart = output_names.make_distinct([name] * 12)
    assert output_collisions(kept_apart) == []
    assert max(map(len, kept_apart)) <= limits.MAX_NAME_LENGTH
