from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import (
    ChromaSubsampling,
    Fit,
    Format,
    Gravity,
    MaxSizeBy,
    NoFace,
    Variant,
)
from imagejobs_contract.model.placeholder import Placeholder
from imagejobs_worker.child import protocol
from imagejobs_worker.child.protocol import InvalidMessage
from imagejobs_worker.imaging.picture import Picture, Rendering

SOURCE = b"\xff\xd8\xff the source"
FULL = Variant(
    "full", 10, 20, Fit.COVER, Gravity.FACE, NoFace.CENTER, True, Format.AVIF, 55, 4096, MaxSizeBy.SCALE,
    "a0b1c2", True, True, 7, True, True, False, ChromaSubsampling.FULL,
)  # fmt: skip
NONCE = "8f"
REQUEST = protocol.Request((FULL, Variant()), Limits(max_pixels=7), NONCE)
RENDERING = Rendering(
    "jpeg",
    100,
    50,
    1,
    (
        Picture("a", b"first", 10, 5, Format.PNG, False),
        Picture(
            "b",
            SOURCE,
            100,
            50,
            Format.JPEG,
            True,
            Placeholder("PwgCBwBoeix4eHeHiPiHeIeHBQAAAAAA", "#0a78c8"),
        ),
        Picture("c", b"third", 8, 4, Format.WEBP, False),
    ),
)


def split(message):
    head, files = protocol.read_sizes(message[:8], 1 << 20)
    return message[8 : 8 + head], files


def test_a_request_arrives_as_it_was_sent():
    head, source_bytes = split(protocol.pack_request(REQUEST, 123))
    assert (protocol.read_request(head), source_bytes) == (REQUEST, 123)


def test_an_answer_arrives_as_it_was_sent_and_does_not_carry_the_source():
    head, files = split(protocol.pack_rendering(RENDERING, NONCE))
    assert files == len(b"firstthird")
    assert protocol.read_answer(head, memoryview(b"firstthird"), SOURCE, NONCE) == RENDERING


@pytest.mark.parametrize(
    "shown", [("<script>", ""), ("PwgCBwBo", "red"), ("", "#0a78c8"), (5, None), ("A" * 99, "")]
)
def test_a_placeholder_of_another_shape_is_garbage(shown):
    lying = replace(RENDERING, pictures=(replace(RENDERING.pictures[0], placeholder=shown),))
    head, _ = split(protocol.pack_rendering(lying, NONCE))
    with pytest.raises(InvalidMessage):
        protocol.read_answer(head, memoryview(b"first"), SOURCE, NONCE)


def test_an_answer_to_another_request_is_garbage():
    head, _ = split(protocol.pack_rendering(RENDERING, "another"))
    with pytest.raises(InvalidMessage):
        protocol.read_answer(head, memoryview(b"firstthird"), SOURCE, NONCE)


def test_a_failure_arrives_with_its_detail_as_a_note():
    head, _ = split(protocol.pack_failure(NONCE, Code.CORRUPT_IMAGE, "cut", "Traceback"))
    with pytest.raises(ImageFailed) as found:
        protocol.read_answer(head, memoryview(b""), SOURCE, NONCE)
    assert (found.value.code, found.value.message, found.value.__notes__) == (
        Code.CORRUPT_IMAGE,
        "cut",
        ["Traceback"],
    )


@pytest.mark.parametrize("files", [b"", b"first", b"firstthird!"], ids=["none", "too few", "too many"])
def test_files_that_do_not_add_up_are_garbage(files):
    head, _ = split(protocol.pack_rendering(RENDERING, NONCE))
    with pytest.raises(InvalidMessage):
        protocol.read_answer(head, memoryview(files), SOURCE, NONCE)


def test_more_results_than_a_message_holds_are_a_failure():
    huge = Picture("a", bytes(protocol.MAX_FILES_BYTES), 10, 10, Format.PNG, False)
    with pytest.raises(ImageFailed) as found:
        protocol.pack_rendering(Rendering("png", 1, 1, 1, (huge, huge)), NONCE)
    assert found.value.code is Code.FILE_TOO_LARGE


@settings(max_examples=50)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_garbage_and_nothing_worse(head):
    with pytest.raises(InvalidMessage):
        protocol.read_answer(head, memoryview(b""), SOURCE, NONCE)
    with pytest.raises(InvalidMessage):
        protocol.read_request(head)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=12,
)


@settings(max_examples=50)
@given(json, json)
def test_any_json_is_garbage_and_nothing_worse(source, rows):
    head = protocol.json.dumps({"nonce": NONCE, "source": source, "pictures": rows}).encode()
    with pytest.raises(InvalidMessage):
        protocol.read_answer(head, memoryview(b"x"), SOURCE, NONCE)


@given(st.binary(min_size=8, max_size=8))
def test_sizes_are_bounded(prefix):
    try:
        head, files = protocol.read_sizes(prefix, 1000)
    except InvalidMessage:
        return
    assert head <= protocol.MAX_HEAD_BYTES
    assert files <= 1000
