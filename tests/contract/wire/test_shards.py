import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.wire.shards import Slice, Work, cut, offsets_json, read_offsets

LENGTHS = st.lists(st.integers(1, 1000), min_size=1, max_size=60)


@given(LENGTHS, st.data())
def test_slices_cover_every_line_once_in_order_and_evenly(lengths, data):
    shards = data.draw(st.integers(1, len(lengths)))
    slices = cut(lengths, shards)
    assert len(slices) == shards
    assert [each for piece in slices for each in range(piece.first, piece.first + piece.count)] == list(
        range(len(lengths))
    )
    assert [piece.start for piece in slices] == [0, *(piece.end for piece in slices[:-1])]
    assert all(
        piece.end - piece.start == sum(lengths[piece.first : piece.first + piece.count]) for piece in slices
    )
    assert max(piece.count for piece in slices) - min(piece.count for piece in slices) <= 1


@given(LENGTHS)
def test_offsets_are_read_back(lengths):
    slices = cut(lengths, len(lengths))
    assert read_offsets(offsets_json(slices)) == slices


@pytest.mark.parametrize(
    "text", ["", "{", "5", "[5]", "[[1,2,3]]", "[[1,2,3,4,5]]", '[["a",2,3,4]]', "[[1,2,3,null]]"], ids=repr
)
def test_other_offsets_are_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_offsets(text)


def test_a_slice_is_read_from_bytes():
    assert read_offsets(b"[[0,10,0,2]]") == [Slice(0, 10, 0, 2)]


@pytest.mark.parametrize("cache_control", [None, "max-age=60"])
def test_work_is_read_back(cache_control):
    work = Work(
        (Variant(width=400), Variant("big", format=Format.WEBP, quality=50)),
        "outputs/é",
        3,
        1000,
        cache_control,
    )
    assert Work.from_json(work.to_json()) == work
    assert Work.from_json(work.to_json().encode()) == work


@pytest.mark.parametrize(
    "change",
    [
        {"variants": [{"width": 0}]},
        {"variants": 5},
        {"attempts": "x"},
        {"prefix": ...},
        {"total": None},
        {"cacheControl": ...},
    ],
    ids=str,
)
def test_other_work_is_refused(change):
    body = json.loads(Work((Variant(),), "p", 3, 1).to_json()) | change
    text = json.dumps({name: value for name, value in body.items() if value is not ...})
    with pytest.raises(ValueError, match=r"."):
        Work.from_json(text)


@pytest.mark.parametrize("text", ["", "[]", "5", "null"], ids=repr)
def test_what_is_no_object_is_no_work(text):
    with pytest.raises(ValueError, match=r"."):
        Work.from_json(text)
