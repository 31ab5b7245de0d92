import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.model import limits
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.spec import output_collisions
from imagejobs_contract.wire import s3_keys

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
        ("photo.jpg", "photo"), ("my photo (1).jpeg", "my-photo-1"), ("Grüße.png", "Grue"), ("été/à.jpg", "ete/a"), ("a\\b.png", "a/b"),
        ("../../etc/passwd", "etc/passwd"), ("/a//b/", "a/b"), (".hidden.jpg", "hidden"), ("写真.png", ""), ("", ""), ("a.tar.gz", "a.tar"),
        ("x\r\ny", "x-y"), ("..", ""), ("no-extension", "no-extension"), ("v1.0", "v1.0"),
    ],
)  # fmt: skip
def test_stems_are_safe_in_keys_and_headers(name, stem):
    assert s3_keys.safe_stem(name) == stem


@given(st.text(max_size=300))
def test_a_stem_is_safe_and_short_whatever_the_name(name):
    stem = s3_keys.safe_stem(name)
    assert stem == "" or SAFE.fullmatch(stem)
    assert len(stem) <= 200
    assert not {".", ".."} & set(stem.split("/"))


def test_equal_names_are_numbered_before_the_extension():
    assert s3_keys.distinct(["a.jpg", "a.jpg", "a.png", "b", "b"]) == [
        "a.jpg",
        "a-2.jpg",
        "a-3.png",
        "b",
        "b-2",
    ]


def test_names_that_differ_in_case_only_are_kept_apart():
    """Some file systems, to which people download, do not tell them apart."""
    assert s3_keys.distinct(["a.jpg", "A.jpg"]) == ["a.jpg", "A-2.jpg"]


@given(NAMES)
def test_distinct_names_never_overwrite_each_other(names):
    kept_apart = s3_keys.distinct(names)
    assert len(kept_apart) == len(names)
    assert output_collisions(kept_apart) == []
    assert s3_keys.distinct(kept_apart) == kept_apart


@pytest.mark.parametrize(
    "name",
    ["x" * limits.MAX_NAME, "写" * 251 + ".png", "㎨" * limits.MAX_NAME, "x" * 250 + ".jpeg"],
    ids=["ascii", "chinese", "expanding", "extension"],
)
def test_the_longest_names_are_kept_apart_too(name):
    kept_apart = s3_keys.distinct([name] * 12)
    assert output_collisions(kept_apart) == []
    assert max(map(len, kept_apart)) <= limits.MAX_NAME


def test_a_result_is_named_by_its_image_else_by_its_number():
    assert s3_keys.output("outputs/j1", 3, "me.heic", "default", Format.JPEG) == "outputs/j1/me.jpg"
    assert s3_keys.output("outputs/j1/", 3, "", "default", Format.WEBP) == "outputs/j1/3.webp"
    assert s3_keys.output("outputs/j1", 3, "写.png", "thumb", Format.PNG) == "outputs/j1/3-thumb.png"


def test_keys_of_a_job_lie_under_its_prefix_and_uploads_under_theirs():
    under = [s3_keys.spec("u"), s3_keys.manifest("u"), s3_keys.offsets("u"), s3_keys.results("u", 7)]
    assert all(key.startswith(s3_keys.job("u")) for key in under)
    assert len(set(under)) == 4
    assert s3_keys.upload("x", 0).startswith(s3_keys.uploads("x"))
    assert s3_keys.uploads("x").endswith("/")


def test_the_default_prefix_of_outputs_could_be_written_in_a_spec():
    assert re.fullmatch(s3_keys.PREFIX_PATTERN, s3_keys.default_prefix("j1"))
