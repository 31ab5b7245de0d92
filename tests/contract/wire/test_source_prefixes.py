"""What a caller may have read: a list of prefixes, and keys that only look as if they lay under one."""

import pytest

from imagejobs_contract.model import names
from imagejobs_contract.wire import source_prefixes
from imagejobs_contract.wire.source_prefixes import is_reserved, may_read, own_uploads_prefix

ID = "j1m8aedjc726gavbx19v"


def test_a_callers_uploads_are_its_own_whatever_it_is_called():
    names_of_callers = ["shop", "shop-2", "sho", ID, "default", "j"]
    for caller in names_of_callers:
        key = f"{own_uploads_prefix('default', caller)}{ID}/0/a.jpg"
        assert [
            other for other in names_of_callers if may_read(key, (own_uploads_prefix("default", other),))
        ] == [caller]
        assert not may_read(key, (own_uploads_prefix("other", caller),))


def test_where_nobody_needs_a_key_all_uploads_of_the_namespace_are_anybodys():
    anybody = (own_uploads_prefix("default", ""),)
    assert may_read(f"uploads/default.{ID}/0/a.jpg", anybody)
    assert not may_read(f"uploads/{ID}/0", anybody)
    assert not may_read(f"uploads/{ID}/0", (own_uploads_prefix("default", ID),))
    assert not may_read(f"uploads/default.{ID}/0/a.jpg", (own_uploads_prefix("default", ID),))


@pytest.mark.parametrize(
    "key",
    [
        "photos/",
        "photos/a",
        "photos/a/b.jpg",
        "photos/é 1.jpg",
        "photos/..a",
        "photos/a..",
        "photos/...",
        "photos/%2e%2e/a",
    ],
    ids=repr,
)
def test_under_a_prefix(key):
    assert may_read(key, ("photos/",))


@pytest.mark.parametrize(
    "key",
    [
        "photos", "photos//", "photos//a", "photos/./a", "photos/../a", "photos/a/..", "photos/..",
        "photos/.", "photos/\\", "photos/..\\a", "photos/a\x00", "photos/a\n", "photos/\x7f", "/photos/a",
        "Photos/a", "photo\u017f/a", "", "photosx/a",
    ],
    ids=repr,
)  # fmt: skip
def test_not_under_a_prefix(key):
    assert not may_read(key, ("photos/",))


def test_no_prefix_opens_nothing():
    assert not may_read("photos/a", ())


def test_what_is_kept_apart_by_caller_is_reserved():
    prefixes = ("uploads/", "uploads/x/", "u/", "jobs/a/", "outputs/", "output/", "photos/", "jobs2/")
    assert list(filter(is_reserved, prefixes)) == ["uploads/", "uploads/x/", "jobs/a/", "outputs/"]
    assert is_reserved("/") is False


@pytest.mark.parametrize(
    ("text", "allowed"),
    [(None, None), ('["a/"]', ("a/",)), ("[]", ()), ("7", ()), ("{", ()), ("[" * 9999, ())],
    ids=["none", "one", "empty", "number", "cut", "deep"],
)
def test_a_rule_that_cannot_be_read_lets_nothing_through(text, allowed):
    assert (
        source_prefixes.read_annotation({} if text is None else {names.ANNOTATION_SOURCES: text}) == allowed
    )
