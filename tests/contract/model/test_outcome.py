import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.codes import Code
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import MAX_MESSAGE_LENGTH, ItemState, Outcome, OutputFile
from imagejobs_contract.model.placeholder import NO_PLACEHOLDER, Placeholder

PLACEHOLDERS = [NO_PLACEHOLDER, Placeholder("AAiCBQAAAAA="), Placeholder("PwgCBwBo", "#0a78c8")]
FILES = st.builds(
    OutputFile, variant=st.text(), key=st.text(), width=st.integers(1), height=st.integers(1),
    format=st.sampled_from(Format), bytes=st.integers(0), kept_original=st.booleans(),
    placeholder=st.sampled_from(PLACEHOLDERS),
)  # fmt: skip
ENDED = {"index": st.integers(0), "name": st.text(), "attempt": st.integers(1)}
OUTCOMES = st.one_of(
    st.builds(
        Outcome,
        **ENDED,
        outputs=st.lists(FILES, max_size=3).map(tuple),
        bytes_in=st.integers(0),
        cpu_milliseconds=st.integers(0),
    ),
    st.builds(Outcome, **ENDED, code=st.sampled_from(Code), message=st.text(max_size=MAX_MESSAGE_LENGTH)),
)


@given(OUTCOMES)
def test_an_outcome_is_one_line_and_is_read_back(outcome):
    line = outcome.to_line()
    assert "\n" not in line
    assert Outcome.from_line(line) == outcome
    assert Outcome.from_line(line.encode()) == outcome


def test_success_is_the_absence_of_a_code():
    assert (Outcome(0, "a").state, Outcome(0, "a").succeeded) == (ItemState.SUCCEEDED, True)
    assert (
        Outcome(0, "a", code=Code.CORRUPT_IMAGE).state,
        Outcome(0, "a", code=Code.CORRUPT_IMAGE).succeeded,
    ) == (ItemState.FAILED, False)


def test_results_are_summed():
    files = tuple(OutputFile(name, "k", 1, 1, Format.PNG, size) for name, size in (("a", 3), ("b", 4)))
    assert Outcome(0, "a", outputs=files).bytes_out == 7


def test_a_long_message_is_cut():
    assert (
        len(Outcome.from_line(Outcome(0, "a", code=Code.SOURCE_ERROR, message="m" * 1000).to_line()).message)
        == MAX_MESSAGE_LENGTH
    )


def test_a_code_of_another_version_is_still_a_failure():
    assert (
        Outcome.from_body({"index": 0, "state": "Failed", "code": "from_the_future"}).code
        == Code.INTERNAL_ERROR
    )


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_line_that_was_cut_is_refused(cut):
    with pytest.raises(ValueError, match=r"."):
        Outcome.from_line(
            Outcome(0, "a", outputs=(OutputFile("v", "k", 1, 1, Format.PNG, 1),)).to_line()[:-cut]
        )


@pytest.mark.parametrize(
    "body",
    [
        {}, [], 5, None, {"index": None}, {"index": "x"}, {"index": 0, "outputs": 5},
        {"index": 0, "outputs": [{}]},
        {
            "index": 0,
            "outputs": [{"variant": "a", "key": "k", "width": 1, "height": 1, "format": "bmp", "bytes": 1}],
        },
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_outcome_is_refused(body):
    with pytest.raises(ValueError, match=r"."):
        Outcome.from_line(json.dumps(body))


@pytest.mark.parametrize(
    ("attempt", "retry_codes", "counts"),
    [
        (1, (), True),
        (2, (), False),
        (2, ("source_timeout",), False),
        (2, ("storage_error",), True),
        (3, ("storage_error", "source_timeout"), False),
    ],
)
def test_a_failure_counts_until_an_attempt_works_on_it_again(attempt, retry_codes, counts):
    failed = Outcome(0, "a", attempt=1, code=Code.SOURCE_TIMEOUT)
    assert failed.counts_in(attempt, retry_codes) is counts
    assert Outcome(0, "a", attempt=1).counts_in(attempt, retry_codes)
