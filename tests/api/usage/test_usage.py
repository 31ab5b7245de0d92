"""GET /api/usage: the days of a range, of the caller that asks and of no other."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from imagejobs_api.callers import api_keys
from imagejobs_contract.model.receipt import Receipt
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.usage_days import Usage, UsageDay
from support.api.client import fault_names
from support.api.process import Api

DAYS = [date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 1)]
RANGE = {"from": "2026-01-30", "to": "2026-02-01"}
KEY = api_keys.new_key()


@pytest.fixture
def _days(service):
    for number, day in enumerate(DAYS, 1):
        callers = {
            "default/": Usage(number, Receipt(2 * number, 1, 1000, 170, 1500)),
            "default/shop": Usage(10 * number, Receipt(20 * number, 0, 1000, 1500, 0)),
        }
        service.put_object(s3_keys.usage(day), UsageDay(day, callers).to_json().encode())


@pytest.mark.usefixtures("_days")
def test_days_and_their_sum(service):
    body = service.client.get("/api/usage", **RANGE).json()
    assert (body["from"], body["to"], body["caller"]) == ("2026-01-30", "2026-02-01", None)
    assert [each["day"] for each in body["days"]] == [day.isoformat() for day in DAYS]
    assert body["days"][1] == {
        "day": "2026-01-31", "jobs": 2, "images": 4, "failed": 1, "bytes_in": 1000, "bytes_out": 170,
        "bytes_saved": 830, "saved_percent": 83, "cpu_seconds": 1.5,
    }  # fmt: skip
    assert (body["total"]["jobs"], body["total"]["images"], body["total"]["cpu_seconds"]) == (6, 12, 4.5)
    part = service.client.get("/api/usage", **{"from": "2026-01-31", "to": "2026-01-31"}).json()
    assert part["total"]["jobs"] == 2


@pytest.mark.usefixtures("_days")
def test_a_caller_sees_its_own_usage_only(service, tmp_path):
    file = tmp_path / "callers.json"
    callers = [{"name": "shop", "keys": [{"sha256": api_keys.digest(KEY), "read_only": True}]}]
    file.write_text(json.dumps({"callers": callers}))
    api = Api(service.environ | {"CALLERS_FILE": str(file)})
    try:
        client = service.client.at(api.url, KEY)
        body = client.get("/api/usage", **RANGE).json()
        assert (body["caller"], body["total"]["jobs"], body["total"]["saved_percent"]) == ("shop", 60, -50)
        assert service.client.at(api.url).get("/api/usage").status_code == 401
    finally:
        api.stop()


def test_without_a_range_it_is_a_month_up_to_today(service):
    before = datetime.now(UTC).date()
    body = service.client.get("/api/usage").json()
    assert date.fromisoformat(body["to"]) in (before, before + timedelta(days=1))
    assert date.fromisoformat(body["to"]) - date.fromisoformat(body["from"]) == timedelta(days=30)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"from": "2026-02-30"}, ["from"]),
        ({"to": "today"}, ["to"]),
        ({"from": "20260101"}, ["from"]),
        ({"from": "2026-02-01", "to": "2026-01-01"}, ["from"]),
        ({"from": "2020-01-01", "to": "2026-01-01"}, ["from"]),
        ({"caller": "another"}, ["caller"]),
    ],
    ids=str,
)
def test_a_bad_range_is_refused(service, query, fields):
    answer = service.client.get("/api/usage", **query)
    assert (answer.status_code, fault_names(answer)) == (400, fields)
