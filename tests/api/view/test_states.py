"""How jobs and images are told to clients, and where outcomes are looked for: pure."""

from dataclasses import replace

import pytest

from imagejobs_api.http.errors import error_body
from imagejobs_api.view import states
from imagejobs_api.view.live_counts import HighWater
from imagejobs_api.view.lookup import JobOrImage
from imagejobs_api.view.outcomes import spans, standing
from imagejobs_api.view.progress_body import item_progress, job_progress
from imagejobs_contract.codes import MEANINGS, Code
from imagejobs_contract.model.attempts import retry_requested
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.spec import Manifest, Spec
from imagejobs_contract.model.status import Condition, ConditionType, Failure, Reason, State, Status
from imagejobs_contract.wire.result_lines import read_lines
from imagejobs_contract.wire.shards import cut, shard_of

BAD = Outcome(0, "a.jpg", code=Code.CORRUPT_IMAGE, message="cut short")
GOOD = Outcome(0, "a.jpg")


def job(state: State = State.RUNNING, total: int = 2, attempt: int = 1, **status) -> ImageJob:
    items = tuple(Item(f"{n}.jpg", f"uploads/x/{n}") for n in range(total))
    status = Status(state=state, attempt=attempt, **status)
    return ImageJob(JobKey("default", "jx"), Spec(items=items), uid="u", status=status)


@pytest.mark.parametrize(
    "state", [State.PENDING, State.QUEUED, State.RUNNING, State.SUSPENDED, State.CANCELLED]
)
def test_an_image_without_an_outcome_shares_its_jobs_state(state):
    assert states.item_state(job(state), None) == state


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.PARTIALLY_SUCCEEDED])
def test_an_image_that_its_ended_job_left_behind_has_failed(state):
    assert states.item_state(job(state), None) == State.FAILED


@pytest.mark.parametrize(
    ("outcome", "state"), [(GOOD, State.SUCCEEDED), (BAD, State.FAILED)], ids=["good", "bad"]
)
def test_an_outcome_goes_before_the_jobs_state(outcome, state):
    assert {states.item_state(job(each), outcome) for each in State} == {state}


def test_the_only_image_of_a_job_gives_it_its_error():
    failed = job(
        State.FAILED,
        1,
        counts=Counts(1, 0, 0, 1),
        failures=(Failure("a", "corrupt_image", "cut"),),
        failure_codes=("corrupt_image",),
    )
    assert states.job_error(failed) == error_body(Code.CORRUPT_IMAGE, "cut")


@pytest.mark.parametrize(
    ("reason", "code", "retryable"),
    [
        (Reason.DEADLINE_EXCEEDED, "processing_timeout", False),
        (Reason.QUEUE_DEADLINE_EXCEEDED, "queue_timeout", True),
    ],
)
def test_a_job_that_ran_out_of_time_says_so_and_whether_to_try_again(reason, code, retryable):
    late = Condition(ConditionType.FAILED, True, reason, "took more than 1 h")
    failed = job(State.FAILED, conditions=(late,))
    assert states.job_error(failed) == {
        "code": code,
        "message": "took more than 1 h",
        "advice": MEANINGS[Code(code)].advice,
        "retryable": retryable,
    }


def test_a_code_of_a_newer_operator_does_not_stop_an_answer():
    failed = job(State.FAILED, failures=(Failure("a", "too_beautiful"),), failure_codes=("too_beautiful",))
    assert states.job_failure(failed.status)[0] == Code.INTERNAL_ERROR


def test_a_job_of_which_some_failed_has_no_error_of_its_own():
    assert states.job_error(job(State.PARTIALLY_SUCCEEDED, counts=Counts(2, 0, 1, 1))) is None


def test_progress_is_100_only_when_the_job_is_final():
    counts = Counts(2, 0, 2, 0)
    assert job_progress(JobOrImage(job(State.RUNNING)), counts)["progress"] == 99
    assert job_progress(JobOrImage(job(State.SUCCEEDED)), counts)["progress"] == 100


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(None, (0, 0, 0)), (GOOD, (100, 1, 0)), (BAD, (100, 0, 1))],
    ids=["none", "good", "bad"],
)
def test_the_progress_of_one_image(outcome, expected):
    body = item_progress(JobOrImage(job(), 0), outcome)
    assert (body["job_id"], body["total"], body["progress"], body["done"], body["failed"]) == (
        "jx-0",
        1,
        *expected,
    )


def test_counts_never_go_down_within_an_attempt():
    marks = HighWater()
    marks.raise_to_highest(job(), Counts(9, 1, 5, 1))
    assert marks.raise_to_highest(job(), Counts(9, 0, 0, 0)) == Counts(9, 1, 5, 1)
    assert marks.raise_to_highest(job(), Counts(9, 0, 7, 1)) == Counts(9, 0, 7, 1)
    assert marks.raise_to_highest(job(attempt=1), Counts(9, 0, 0, 0)) == Counts(9, 0, 7, 1)
    assert marks.raise_to_highest(job(attempt=2), Counts(9, 1, 7, 0)) == Counts(9, 1, 7, 0)


def test_what_is_remembered_is_bounded():
    marks = HighWater(size=2)
    for attempt in range(1, 4):
        marks.raise_to_highest(job(attempt=attempt), Counts(9, 0, 5, 0))
    assert marks.raise_to_highest(job(attempt=1), Counts(9, 0, 1, 0)) == Counts(9, 0, 1, 0)


@pytest.mark.parametrize(
    ("count", "shards"), [(1, 1), (2, 1), (17, 1), (40, 3), (7, 7), (100, 9), (401, 200)]
)
def test_an_image_is_looked_for_in_the_shard_that_had_it(count, shards):
    slices = cut([1] * count, shards)
    found = [shard_of(index, count, shards) for index in range(count)]
    assert found == [n for n, each in enumerate(slices) for _ in range(each.count)]


def test_of_two_lines_for_an_image_the_later_counts_and_a_cut_line_is_left_out():
    lines = f"{BAD.to_line()}\n{GOOD.to_line()}\n{BAD.to_line()[:20]}"
    assert read_lines(lines.encode()) == {0: GOOD}


def retried(
    state: State = State.PARTIALLY_SUCCEEDED,
    attempt: int = 1,
    retry_failed: int = 1,
    cancel: bool = False,
    succeeded: int = 1,
) -> ImageJob:
    found = job(state, attempt=attempt, counts=Counts(2, 0, succeeded, 2 - succeeded))
    return replace(found, spec=replace(found.spec, retry_failed=retry_failed, cancel=cancel))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (retried(), True),
        (retried(State.FAILED, succeeded=0), True),
        (retried(attempt=0), True),
        (retried(retry_failed=0), False),
        (retried(attempt=2), False),
        (retried(State.SUCCEEDED, succeeded=2), False),
        (retried(State.CANCELLED, cancel=True), False),
        (retried(cancel=True), True),
        (retried(State.RUNNING), False),
    ],
    ids=[
        "partial",
        "failed",
        "unseen",
        "not asked",
        "done",
        "whole",
        "cancelled",
        "cancelled before it began",
        "running",
    ],
)
def test_a_job_reopens_when_the_operator_would_begin_another_attempt(found, expected):
    assert retry_requested(found) is expected


@pytest.mark.parametrize(
    ("found", "stands"),
    [(job(attempt=1), True), (job(attempt=2), False), (retried(), False)],
    ids=["own", "earlier", "reopening"],
)
def test_a_failure_of_an_earlier_attempt_no_longer_stands_but_a_success_does(found, stands):
    assert (0 in standing(found, {0: BAD})) is stands
    assert 0 in standing(found, {0: GOOD})


@pytest.mark.parametrize(
    ("total", "shards"), [(1, 0), (16, 1), (1200, 6), (5001, 0), (1_000_000, 200), (7, 3)]
)
def test_spans_hold_each_image_once_and_are_those_of_the_shards(total, shards):
    found = replace(job(shards=shards), spec=Spec(manifest=Manifest("m", total)))
    pieces = list(spans(found))
    assert [piece.start for piece in pieces[1:]] == [piece.stop for piece in pieces[:-1]]
    assert (pieces[0].start, pieces[-1].stop, max(map(len, pieces)) <= 5000) == (0, total, True)
    if shards:
        assert pieces == [range(each.first, each.first + each.count) for each in cut([1] * total, shards)]
