"""What is counted, and that it is counted once: after a restart, a retry, a failed write."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.receipt import Receipt
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.wire.usage_days import UsageDay
from imagejobs_operator.usage import ledger
from imagejobs_operator.usage.ledger import Ledger
from support.operator.ended_jobs import ended_job

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def job(name: str, ended: datetime = NOON, **more) -> ImageJob:
    return ended_job(name, ended, **more)


def counted(made: Ledger, *jobs: ImageJob, now: datetime = NOON, stored: dict | None = None) -> dict:
    """Note jobs, and return the days as they would be written, after those that lie in S3."""
    days = {} if stored is None else stored
    for each in jobs:
        made.note(each, now)
    for day in made.missing_days():
        made.put_day(days.get(day, UsageDay(day)))
    made.count()
    return days | {each.day: UsageDay.from_json(each.to_json()) for each in made.take_changed(now)}


def jobs_of(days: dict, owner: str = "default/shop") -> int:
    return sum(day.callers[owner].jobs for day in days.values() if owner in day.callers)


def test_a_job_is_counted_once_however_often_it_is_seen():
    made = Ledger(NOON - HOUR)
    days = counted(made, job("a"), job("a"), job("b"))
    days = counted(made, job("a"), stored=days)
    assert jobs_of(days) == 2
    assert days[NOON.date()].callers["default/shop"].receipt == Receipt(4, 2, 2000, 200, 100)


def test_callers_and_days_are_counted_apart():
    late = NOON + timedelta(hours=11, minutes=59)
    days = counted(Ledger(NOON), job("a", late), job("b", late + HOUR), job("c", late, caller=""))
    assert [sorted(each.callers) for _, each in sorted(days.items())] == [
        ["default/", "default/shop"],
        ["default/shop"],
    ]


@pytest.mark.parametrize("minutes", [0, 4, 60])
def test_a_restart_counts_what_was_not_written_and_nothing_twice(minutes):
    first = Ledger(NOON - HOUR)
    days = counted(first, job("written"), job("long ago", NOON - timedelta(minutes=30)))
    lost = job("lost", NOON + timedelta(seconds=2))  # it ended after the last write
    then = NOON + timedelta(minutes=minutes)
    heir = Ledger(then)
    days = counted(heir, job("written"), now=then, stored=days)  # the resync shows one after the other
    days = counted(heir, lost, job("long ago", NOON - timedelta(minutes=30)), now=then, stored=days)
    assert jobs_of(days) == 3
    assert jobs_of(counted(heir, lost, job("written"), now=then, stored=days)) == 3


def test_ids_are_kept_only_as_long_as_they_are_in_doubt():
    made = Ledger(NOON - HOUR)
    days = counted(made, *(job(str(n), NOON - timedelta(seconds=n)) for n in range(600)))
    day = days[NOON.date()]
    assert (day.callers["default/shop"].jobs, len(day.recent)) == (600, ledger.DOUBT_SECONDS + 1)


def test_a_retry_counts_only_what_it_did_itself():
    made = Ledger(NOON - HOUR)
    days = counted(made, job("a"))
    again = job("a", attempt=2, attempt_receipt=Receipt(1, 0, 500, 50, 20))
    days = counted(made, again, stored=days)
    assert days[NOON.date()].callers["default/shop"].receipt == Receipt(3, 1, 1500, 150, 70)


def test_a_day_that_was_not_written_is_written_later():
    made = Ledger(NOON - HOUR)
    days = list(counted(made, job("a")).values())
    assert made.take_changed(NOON) == []
    made.put_back(days)
    assert [each.callers for each in made.take_changed(NOON)] == [days[0].callers]


def test_more_owners_than_are_kept_are_summed_up(monkeypatch):
    monkeypatch.setattr(ledger, "MAX_OWNERS", 2)
    days = counted(Ledger(NOON), *(job(str(n), caller=f"c{n}") for n in range(5)))
    day = days[NOON.date()]
    assert len(day.callers) == 3
    assert day.callers[ledger.OTHERS].jobs == 3


def test_old_jobs_are_not_looked_at_and_old_days_are_forgotten():
    made = Ledger(NOON)
    made.note(job("old", NOON - timedelta(days=ledger.LATE_DAYS, seconds=1)), NOON)
    made.note(replace(job("none"), status=Status(state=State.SUCCEEDED)), NOON)
    assert made.missing_days() == []
    counted(made, job("a"))
    made.forget_old(NOON + timedelta(days=ledger.LATE_DAYS + 2))
    made.note(job("b"), NOON)
    assert made.missing_days() == [NOON.date()]
