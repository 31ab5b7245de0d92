import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Fit, Format, Variant
from imagejobs_contract.wire.origin import Origin
from imagejobs_contract.wire.tasks import Task

TASK = Task(
    JobKey("default", "j1"), "u1", 3, Item("é.jpg", key="uploads/x/3"),
    (Variant(width=4, height=3, fit=Fit.COVER, format=Format.AVIF),), "outputs/j1", attempt=2, attempts=5,
    cache_control="no-store", lifetime_seconds=86_400.5, caller="ada",
    origin=Origin("order-17", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
)  # fmt: skip


def test_a_task_is_read_back():
    assert Task.from_json(TASK.to_json()) == TASK
    assert Task.from_json(TASK.to_json().encode()) == TASK


@given(st.text(min_size=1, max_size=50), st.integers(0, 10**6), st.booleans())
def test_any_item_travels(name, index, by_url):
    item = Item(name, url="https://example.org/a") if by_url else Item(name, key="uploads/x/é")
    task = Task(JobKey("n", "j"), "u", index, item, (Variant(),), "p")
    assert Task.from_json(task.to_json()) == task


def test_a_task_of_an_operator_that_knew_no_callers_is_nobodys():
    body = json.loads(TASK.to_json())
    del body["caller"]
    assert Task.from_json(json.dumps(body)).caller == ""


@pytest.mark.parametrize(
    "field",
    ["namespace", "name", "uid", "index", "item", "prefix", "attempt", "attempts", "cacheControl"],
)
def test_a_task_that_lacks_something_is_refused(field):
    body = json.loads(TASK.to_json())
    del body[field]
    with pytest.raises(ValueError, match="not a task"):
        Task.from_json(json.dumps(body))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", "null", '{"variants": [{"width": -1}]}', '{"item": 5}'], ids=repr
)
def test_what_is_no_task_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Task.from_json(text)
