import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.model.options import Fit
from imagejobs_contract.reader import MAX_FAULTS, Reader


def faults_of(reader: Reader) -> list[str]:
    return [fault.where for fault in reader.faults]


@pytest.mark.parametrize(
    "value", [0, -1, 11, "11", "x", "", "1.0", "１", 1.5, True, None.__class__, [], "9" * 30], ids=repr
)
def test_what_is_no_whole_number_in_the_range_is_a_fault(value):
    reader = Reader({"n": value})
    assert reader.integer("n", 1, 10, 5) == 5
    assert faults_of(reader) == ["n"]


@pytest.mark.parametrize(
    ("value", "expected"), [(1, 1), (10, 10), (7.0, 7), ("7", 7), (" 7 ", 7), (None, 5)], ids=repr
)
def test_whole_numbers_count_also_as_digits(value, expected):
    reader = Reader({"n": value})
    assert (reader.integer("n", 1, 10, 5), reader.faults) == (expected, [])


@pytest.mark.parametrize(
    "value", ["x", "nan", "inf", 0, 11, 10**400, [], None.__class__], ids=lambda value: repr(value)[:20]
)
def test_what_is_no_number_in_the_range_is_a_fault(value):
    reader = Reader({"n": value})
    assert reader.number("n", 0.5, 10, 5.0) == 5.0
    assert faults_of(reader) == ["n"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("ON", True), (" 1 ", True), (True, True), ("no", False), (0, False), (None, False)],
    ids=repr,
)
def test_words_for_true_and_false(value, expected):
    assert Reader({"b": value}).boolean("b") is expected


@pytest.mark.parametrize("value", ["", "maybe", 2, []], ids=repr)
def test_other_words_are_neither_true_nor_false(value):
    reader = Reader({"b": value})
    assert reader.boolean("b", default=True) is True
    assert faults_of(reader) == ["b"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("200kB", 200_000),
        ("1.5MB", 1_500_000),
        ("1 MiB", 2**20),
        ("512", 512),
        (512, 512),
        ("1kib", 1024),
        ("300 b", 300),
    ],
    ids=str,
)
def test_sizes_count_in_bytes_and_units(value, expected):
    reader = Reader({"s": value})
    assert (reader.size("s", 256, 2**25), reader.faults) == (expected, [])


@pytest.mark.parametrize(
    "value",
    ["200 XB", "-5", "1e3", "", "255", "33554433", True, "1.5.5MB", "9" * 400 + "MB", []],
    ids=lambda value: repr(value)[:20],
)
def test_other_sizes_are_faults(value):
    reader = Reader({"s": value})
    assert reader.size("s", 256, 2**25, 300) == 300
    assert faults_of(reader) == ["s"]


@pytest.mark.parametrize("value", ["", "abcdef", 5, "ab\n", "äb"], ids=repr)
def test_texts_must_have_the_length_and_the_form(value):
    reader = Reader({"t": value})
    assert reader.text("t", 5, pattern="[a-z]+") is None
    assert faults_of(reader) == ["t"]


def test_a_text_that_is_no_text_at_all_for_others_is_a_fault():
    """JSON can spell half a surrogate pair, which no UTF-8 can: it would fail later, in Redis or S3."""
    reader = Reader({"t": "a\ud800"})
    assert reader.text("t", 5) is None
    assert faults_of(reader) == ["t"]


def test_a_choice_is_one_of_the_enums_words():
    reader = Reader({"good": "cover", "bad": "Cover", "none": None})
    assert [reader.choice(name, Fit) for name in ("good", "bad", "none")] == [Fit.COVER, None, None]
    assert reader.faults == [Fault("bad", "'Cover' is not one of inside outside cover contain fill")]


def test_a_choice_names_what_others_would_have_read():
    reader = Reader({"fit": "crop"})
    reader.choice("fit", Fit, also=("auto",))
    assert reader.faults == [Fault("fit", "'crop' is not one of inside outside cover contain fill auto")]


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("widht", "did you mean width? "),
        ("Width", "did you mean width? "),
        ("maxSize", "did you mean max_size? "),
        ("colour", ""),
        ("w" * 200, ""),
    ],
    ids=["typo", "capital", "camel", "another", "long"],
)
def test_an_unknown_field_is_told_beside_the_one_that_it_looks_like(name, guess):
    reader = Reader({name: 1})
    reader.unknown(("width", "max_size"))
    assert reader.faults == [Fault(name, f"unknown; {guess}known are max_size, width")]


@pytest.mark.parametrize(("name", "guess"), [("W", "did you mean width? "), ("q", "")])
def test_an_unknown_field_that_others_have_is_told_beside_ours(name, guess):
    reader = Reader({name: 1})
    reader.unknown(("width",), {"w": "width", "q": "quality"})
    assert reader.faults == [Fault(name, f"unknown; {guess}known are width")]


def test_an_unknown_field_of_megabytes_is_not_repeated_whole():
    reader = Reader({"w" * 10_000: 1})
    reader.unknown(("width",))
    assert reader.faults == [Fault("w" * 200 + "...", "unknown; known are width")]


def test_where_nothing_is_known_that_is_said():
    reader = Reader({"limit": "3"})
    reader.unknown(())
    assert reader.faults == [Fault("limit", "unknown; known are none")]


def test_many_unknown_fields_are_not_all_compared(monkeypatch):
    compared = []
    monkeypatch.setattr(difflib, "get_close_matches", lambda name, *_: compared.append(name) or [])
    reader = Reader({f"widht{n}": 1 for n in range(10_000)})
    reader.unknown(("width", "max_size"))
    assert (len(reader.faults), compared) == (MAX_FAULTS, [f"widht{n}" for n in range(8)])


def test_all_faults_come_at_once_with_their_paths():
    reader = Reader({"a": {"n": 0}, "list": [{"b": "?"}, 5], "extra": 1})
    child = reader.child("a")
    assert child is not None
    child.integer("n", 1, 2)
    for each in reader.children("list", 5):
        each.boolean("b")
    reader.unknown(["a", "list"])
    with pytest.raises(Invalid) as raised:
        reader.check()
    assert sorted(fault.where for fault in raised.value.faults) == ["a.n", "extra", "list[0].b", "list[1]"]


@pytest.mark.parametrize("value", [[], "x", 5], ids=repr)
def test_a_child_must_be_an_object(value):
    reader = Reader({"c": value})
    assert reader.child("c") is None
    assert faults_of(reader) == ["c"]


@pytest.mark.parametrize("value", [{}, "xx", 5, [{}] * 3], ids=repr)
def test_children_must_be_a_list_of_at_most_so_many(value):
    reader = Reader({"c": value})
    assert reader.children("c", 2) == []
    assert faults_of(reader) == ["c"]


def test_a_reader_without_faults_says_nothing():
    Reader({"a": 1}).check()


@given(
    st.dictionaries(
        st.sampled_from("abc"),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        ),
    )
)
def test_nothing_that_json_can_hold_makes_a_reader_raise(body):
    reader = Reader(body)
    for name in "abc":
        reader.integer(name, 0, 5)
        reader.number(name, 0, 5, 1)
        reader.boolean(name)
        reader.text(name, 5, pattern="[a-z]+")
        reader.choice(name, Fit)
        reader.size(name, 0, 5)
        reader.child(name)
        reader.children(name, 3)
    for fault in reader.faults:
        assert len(fault.what) < 200
