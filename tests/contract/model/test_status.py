from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.codes import Code
from imagejobs_contract.model import limits
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.receipt import Receipt
from imagejobs_contract.model.status import (
    Condition,
    ConditionType,
    Failure,
    Reason,
    State,
    Status,
    final_state,
    summarise_failures,
)
from imagejobs_contract.model.status_json import read_status, status_body

THEN, NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 2, 4, tzinfo=UTC)
TIMES = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda time: time.replace(microsecond=0)
)
SMALL = st.integers(0, 1000)
CONDITIONS = st.builds(
    Condition,
    st.sampled_from(ConditionType),
    st.booleans(),
    st.sampled_from(Reason),
    st.text(max_size=9),
    TIMES.filter(bool),
    SMALL,
)
FAILURES = st.builds(Failure, st.text(max_size=5), st.sampled_from(Code).map(str), st.text(max_size=5))
STATUSES = st.builds(
    Status, observed_generation=SMALL, state=st.sampled_from(State),
    conditions=st.lists(CONDITIONS, max_size=3).map(tuple),
    counts=st.builds(Counts, SMALL, SMALL, SMALL, SMALL), estimated_remaining_seconds=st.none() | SMALL,
    failures=st.lists(FAILURES, max_size=2).map(tuple),
    failure_codes=st.lists(st.sampled_from(Code).map(str), max_size=3).map(tuple),
    results_key=st.none() | st.just("jobs/u1/results/"), bytes_in=SMALL, bytes_out=SMALL,
    cpu_milliseconds=SMALL, attempt_receipt=st.none() | st.builds(Receipt, *[SMALL] * 5),
    outcomes=st.sampled_from([(), (Outcome(0, "a", outputs=(OutputFile("v", "k", 1, 1, Format.PNG, 1),)),)]),
    job_name=st.just("j1-0123abcd-1"), shards=SMALL, attempt=SMALL, queued=TIMES, started=TIMES,
    completed=TIMES, duration_seconds=st.none() | SMALL,
)  # fmt: skip


def condition(
    status: bool, since: datetime | None, kind: ConditionType = ConditionType.FINISHED
) -> Condition:
    return Condition(kind, status, Reason.RUNNING, since=since)


@given(STATUSES)
def test_any_status_is_read_back_from_what_is_written(status):
    assert read_status(status_body(status)) == status


def test_a_status_nobody_wrote_is_empty():
    assert status_body(Status()) == {}
    assert read_status({}) == read_status(None) == read_status("x") == Status()


@pytest.mark.parametrize(
    "body",
    [
        {"state": "Dancing"}, {"conditions": None}, {"conditions": [None, 5, {}, {"type": "New"}]},
        {"items": 5}, {"items": {"total": "x"}}, {"outcomes": [{}, {"index": "x"}]}, {"failures": 5},
        {"failureCodes": None}, {"startTime": "yesterday"}, {"results": []}, {"job": None}, {"attempt": None},
        {"observedGeneration": True}, {"whatever": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_another_version_wrote_never_raises(body):
    assert read_status(body) == Status()


@pytest.mark.parametrize("value", [5, True, {"a": 1}], ids=str)
def test_lists_that_are_none_never_raise(value):
    for name in ("conditions", "failures", "failureCodes", "outcomes"):
        assert read_status({name: value}) == Status()


def test_a_condition_moves_its_time_only_when_its_status_changes():
    status = Status().with_conditions(condition(False, THEN))
    assert status.with_conditions(condition(False, NOW)).conditions == (condition(False, THEN),)
    assert status.with_conditions(condition(True, NOW)).conditions == (condition(True, NOW),)


def test_conditions_keep_one_order_whatever_they_were_set_in():
    kinds = [ConditionType.STALLED, ConditionType.ACCEPTED, ConditionType.FINISHED]
    status = Status()
    for kind in kinds:
        status = status.with_conditions(condition(True, THEN, kind))
    assert [each.type for each in status.conditions] == [
        ConditionType.ACCEPTED,
        ConditionType.FINISHED,
        ConditionType.STALLED,
    ]


def test_a_condition_that_is_taken_away_is_not_true():
    status = Status().with_conditions(condition(True, THEN))
    assert status.is_true(ConditionType.FINISHED)
    assert not status.with_conditions(without={ConditionType.FINISHED}).is_true(ConditionType.FINISHED)
    assert not Status().with_conditions(condition(False, THEN)).is_true(ConditionType.FINISHED)


def test_conditions_are_written_as_kubernetes_reads_them():
    (body,) = status_body(
        Status().with_conditions(Condition(ConditionType.FAILED, True, Reason.ALL_FAILED, "m", THEN, 2))
    )["conditions"]
    time = "2026-01-02T03:04:05Z"
    assert body == {
        "type": "Failed",
        "status": "True",
        "reason": "AllFailed",
        "message": "m",
        "lastTransitionTime": time,
        "observedGeneration": 2,
    }


@pytest.mark.parametrize(
    ("counts", "percent"),
    [
        (Counts(0), 0),
        (Counts(3, 0, 1, 1), 66),
        (Counts(200, 0, 199, 0), 99),
        (Counts(200, 0, 199, 1), 100),
        (Counts(5, 5), 0),
    ],
    ids=str,
)
def test_a_hundred_percent_means_all(counts, percent):
    assert counts.percent == percent


@pytest.mark.parametrize(
    ("succeeded", "failed", "most", "state", "reason"),
    [
        (3, 0, None, State.SUCCEEDED, Reason.SUCCEEDED), (3, 0, 0, State.SUCCEEDED, Reason.SUCCEEDED),
        (0, 3, None, State.FAILED, Reason.ALL_FAILED), (0, 3, 5, State.FAILED, Reason.ALL_FAILED),
        (2, 1, None, State.PARTIALLY_SUCCEEDED, Reason.PARTIALLY_SUCCEEDED),
        (2, 1, 1, State.PARTIALLY_SUCCEEDED, Reason.PARTIALLY_SUCCEEDED),
        (2, 1, 0, State.FAILED, Reason.TOO_MANY_FAILED), (5, 3, 2, State.FAILED, Reason.TOO_MANY_FAILED),
    ],
)  # fmt: skip
def test_how_a_job_ends(succeeded, failed, most, state, reason):
    assert final_state(Counts(succeeded + failed, 0, succeeded, failed), most) == (state, reason)
    assert state.final


def test_the_first_failures_are_named_and_all_codes():
    outcomes = [
        Outcome(
            n,
            "" if n == 3 else f"i{n}",
            code=(Code.CORRUPT_IMAGE, Code.NOT_AN_IMAGE)[n % 2],
            message="m" * 500,
        )
        for n in range(30, 2, -1)
    ]
    failures, codes = summarise_failures([Outcome(0, "fine"), *outcomes])
    assert [each.name for each in failures] == ["3", *(f"i{n}" for n in range(4, 13))]
    assert len(failures) == limits.MAX_STATUS_FAILURES
    assert max(len(each.message) for each in failures) <= 256
    assert codes == ("corrupt_image", "not_an_image")


@pytest.mark.parametrize("state", list(State))
def test_final_states_are_the_four_ends(state):
    assert state.final == (state.value in {"Succeeded", "PartiallySucceeded", "Failed", "Cancelled"})
