"""Blank lines of a manifest are no images: all that count, cut or read it find the same items."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.errors import Invalid
from imagejobs_contract.files import item_lengths
from imagejobs_contract.files.item_lengths import measure_items
from imagejobs_contract.wire.manifests import MAX_BLANK_BYTES, MAX_LINE_BYTES, split_lines
from imagejobs_contract.wire.shards import cut

BLANK = st.sampled_from([b"", b" ", b"\r", b"\t \r"])
ITEM = st.sampled_from([b'{"key":"a"}', b' {"key":"b"}\r', b"x", b"{}"])


class Held:
    """What is read of a bucket with one object."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        return self._data[start:end]


def measured(data: bytes) -> list[int]:
    async def read() -> list[int]:
        pieces = measure_items(Held(data), "list", len(data), "manifest")  # type: ignore[arg-type]
        return [length async for piece in pieces for length in piece]

    return asyncio.run(read())


@given(
    st.lists(BLANK | ITEM, max_size=30),
    st.sampled_from([b"", b"\n", b"\r\n", b"\n\n \n"]),
    st.sampled_from([3, 16, 10**6]),
    st.data(),
)
def test_each_shard_finds_its_items_whatever_blank_lines_stand_between_them(lines, end, chunk, data):
    text = b"\n".join(lines) + end
    items = [line for line in text.split(b"\n") if line.strip()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_lengths, "CHUNK_BYTES", chunk)
        lengths = measured(text)
    assert len(lengths) == len(items) == len(split_lines(text))
    if items:
        slices = cut(lengths, data.draw(st.integers(1, len(items))))
        assert [split_lines(text[each.start : each.end]) for each in slices] == [
            items[each.first : each.first + each.count] for each in slices
        ]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\r\n", b"  \n\t"], ids=repr)
def test_a_manifest_of_blank_lines_has_no_items(data):
    assert (measured(data), split_lines(data)) == ([], [])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{}\n\n" + b"x" * (MAX_LINE_BYTES + 1), "line 3 is longer"),
        (b"{}\n\n" + b"x" * (MAX_LINE_BYTES + 1) + b"\n{}", "line 3 is longer"),
        (b" " * (MAX_LINE_BYTES + 1), "line 1 is longer"),
        (b"{}\n" + b"\n" * (MAX_BLANK_BYTES + 1) + b"{}\n", "bytes of blank lines"),
    ],
    ids=["long and cut", "long", "blank and long", "blank lines without end"],
)
def test_what_would_fill_the_memory_of_a_pod_is_refused(data, told):
    with pytest.raises(Invalid, match=told):
        measured(data)


def test_a_blank_line_behind_each_of_many_is_no_matter():
    assert measured(b"{}\r\n\r\n" * 10_000) == [4] + [6] * 9_999
