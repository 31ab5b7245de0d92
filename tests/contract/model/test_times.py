from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.model.times import format_duration, format_time, parse_time, utc_now


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_a_time_is_read_back_to_the_second(time):
    assert parse_time(format_time(time)) == time.replace(microsecond=0)


def test_times_are_shown_in_utc():
    assert (
        format_time(datetime(2026, 1, 2, 3, 4, 5, 999_999, timezone(timedelta(hours=2))))
        == "2026-01-02T01:04:05Z"
    )


@pytest.mark.parametrize("text", [None, "", "yesterday", 5, "2026-13-01T00:00:00Z", {}], ids=repr)
def test_what_is_no_time_is_none(text):
    assert parse_time(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z", "2026-01-02T05:04:05+02:00",
        "2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5),
    ],
    ids=str,
)  # fmt: skip
def test_spellings_of_the_same_time(text):
    assert parse_time(text) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_now_is_aware():
    assert utc_now().tzinfo is UTC


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (42, "42s"), (119, "119s"), (120, "2m"), (185, "3m5s"), (600, "10m"), (3725, "62m"),
        (10_800, "3h"), (12_060, "3h21m"), (36_060, "10h"), (172_800, "2d"), (180_000, "2d2h"),
        (864_000, "10d"),
    ],
)  # fmt: skip
def test_a_duration_reads_as_kubectl_writes_it(seconds, text):
    assert format_duration(seconds) == text
